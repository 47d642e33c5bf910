/** The server as `dig` sees it, over real sockets. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { EndpointSlice, Service } from '@timonier/api';
import { decode, encode } from 'dns-packet';
import { Registry } from 'prom-client';
import { Forwarder } from './forwarder.ts';
import { createDnsMetrics } from './metrics.ts';
import { Responder } from './responder.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import type { ServiceView } from './zone.ts';

const run = promisify(execFile);

const services: Service[] = [
  {
    metadata: { namespace: 'default', name: 'web' },
    spec: { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'], ports: [{ name: 'http', port: 80 }] },
  },
  {
    metadata: { namespace: 'default', name: 'db' },
    spec: { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'sql', port: 5432 }] },
  },
  { metadata: { namespace: 'default', name: 'empty' }, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
  {
    metadata: { namespace: 'default', name: 'far' },
    spec: { type: 'ExternalName', externalName: 'example.org' },
  },
  { metadata: { namespace: 'default', name: 'many' }, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
];
const slices: EndpointSlice[] = [
  {
    metadata: { namespace: 'default', name: 'db-1', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.2.6'], conditions: { ready: true } },
      { addresses: ['10.244.2.7'], conditions: { ready: false } },
    ],
  },
  {
    metadata: { namespace: 'default', name: 'many-1', labels: { 'kubernetes.io/service-name': 'many' } },
    addressType: 'IPv4',
    ports: [],
    endpoints: Array.from({ length: 90 }, (_, i) => ({ addresses: [`10.244.3.${i + 1}`] })),
  },
];
const view: ServiceView = {
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata?.namespace === namespace && metadata.name === name),
  slices: (namespace, name) =>
    slices.filter(
      ({ metadata }) =>
        metadata?.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
    ),
  hasNamespace: (namespace) => namespace === 'default',
  servicesByAddress: (address) => services.filter(({ spec }) => spec?.clusterIP === address),
  slicesByAddress: (address) =>
    slices.filter(({ endpoints }) => endpoints?.some(({ addresses }) => addresses.includes(address))),
};

let directory = '';
let server: DnsServer | undefined;
const upstream = createSocket('udp4');
let upstreamQuestions = 0;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonier-dns-'));
  const resolvConf = join(directory, 'resolv.conf');
  await writeFile(resolvConf, 'search x\nnameserver 127.0.0.2\n');
  upstream.on('message', (message, remote) => {
    upstreamQuestions += 1;
    const query = decode(message);
    const name = query.questions?.[0]?.name ?? '';
    if (name.startsWith('silent')) return;
    const answers = [{ type: 'A' as const, name, ttl: 60, data: '198.51.100.7' }];
    const bytes = encode({ type: 'response', id: query.id ?? 0, questions: query.questions ?? [], answers });
    upstream.send(bytes, remote.port, remote.address);
  });
  upstream.bind(0, '127.0.0.2');
  await once(upstream, 'listening');
  const forwarder = new Forwarder({
    resolvConf,
    ownAddresses: new Set(),
    // One test waits for it; all others have to be answered before.
    timeoutMs: 3_000,
    port: upstream.address().port,
  });
  const responder = new Responder({
    view,
    zone: 'cluster.local',
    forwarder,
    metrics: createDnsMetrics(new Registry()),
    ready: () => true,
  });
  server = await startDnsServer(responder, '127.0.0.1', 0);
});
after(async () => {
  await server?.close();
  upstream.close();
  await rm(directory, { recursive: true, force: true });
});

async function dig(...args: string[]): Promise<string> {
  const { stdout } = await run('dig', [`-p${server?.port}`, '@127.0.0.1', '+tries=1', '+time=60', ...args]);
  return stdout;
}

test('a service resolves to its cluster address, in any case of letters, over UDP and TCP', async () => {
  assert.equal(await dig('+short', 'web.default.svc.cluster.local'), '10.96.0.20\n');
  assert.equal(await dig('+short', 'WEB.Default.svc.cluster.local'), '10.96.0.20\n');
  assert.equal(await dig('+short', '+tcp', 'web.default.svc.cluster.local'), '10.96.0.20\n');
});

test('a headless service resolves to its ready endpoints, and each has a name', async () => {
  const all = (await dig('+short', 'db.default.svc.cluster.local')).trim().split('\n').sort();
  assert.deepEqual(all, ['10.244.1.5', '10.244.2.6']);
  assert.equal(await dig('+short', 'db-0.db.default.svc.cluster.local'), '10.244.1.5\n');
  assert.equal(await dig('+short', '10-244-2-6.db.default.svc.cluster.local'), '10.244.2.6\n');
});

test('SRV names the port and the hosts', async () => {
  assert.equal(
    await dig('+short', 'SRV', '_http._tcp.web.default.svc.cluster.local'),
    '0 100 80 web.default.svc.cluster.local.\n',
  );
  assert.match(
    await dig('+short', 'SRV', '_sql._tcp.db.default.svc.cluster.local'),
    /0 50 5432 db-0\.db\.default\.svc\.cluster\.local\./,
  );
});

test('pods resolve by their dashed address, and addresses back to names', async () => {
  assert.equal(await dig('+short', '10-244-1-5.default.pod.cluster.local'), '10.244.1.5\n');
  assert.equal(await dig('+short', '-x', '10.96.0.20'), 'web.default.svc.cluster.local.\n');
  assert.equal(await dig('+short', '-x', '10.244.1.5'), 'db-0.db.default.svc.cluster.local.\n');
});

test('an unknown name is denied with the SOA, and a known one without such records is not', async () => {
  const denied = await dig('nobody.default.svc.cluster.local');
  assert.match(denied, /status: NXDOMAIN/);
  assert.match(denied, /SOA\s+ns\.dns\.cluster\.local/);
  for (const args of [['AAAA', 'web.default.svc.cluster.local'], ['empty.default.svc.cluster.local']]) {
    const none = await dig(...args);
    assert.match(none, /status: NOERROR/);
    assert.match(none, /ANSWER: 0/);
    assert.match(none, /SOA/);
  }
});

test('an external name is an alias', async () => {
  assert.equal(await dig('+short', 'far.default.svc.cluster.local'), 'example.org.\n');
});

test('an answer too large for a datagram is truncated, and whole over TCP', async () => {
  assert.match(await dig('+ignore', '+noedns', 'many.default.svc.cluster.local'), /flags: [a-z ]*\btc\b/);
  const whole = await dig('+short', '+noedns', 'many.default.svc.cluster.local');
  assert.equal(whole.trim().split('\n').length, 90);
});

test('other names are forwarded once and then answered from the cache', async () => {
  const before = upstreamQuestions;
  assert.equal(await dig('+short', '+nocookie', 'www.example.org'), '198.51.100.7\n');
  assert.equal(await dig('+short', '+nocookie', 'www.example.org'), '198.51.100.7\n');
  assert.equal(upstreamQuestions, before + 1);
});

test('when no upstream answers the client hears SERVFAIL', async () => {
  assert.match(await dig('silent.example.org'), /status: SERVFAIL/);
});
