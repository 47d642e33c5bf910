/** Where packets end: real rules in real namespaces, asked by connecting. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EndpointSlice, Service } from '@timonier/api';
import { PacketLab } from './packet-lab.ts';
import { renderChange, renderFull } from './ruleset.ts';
import { compileServiceTable, type ServiceTable } from './service-table.ts';

const options = { podRange: '10.244.0.0/16' };
const skip = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

function service(name: string, clusterIP: string, spec: Partial<NonNullable<Service['spec']>> = {}): Service {
  return {
    metadata: { namespace: 'default', name },
    spec: {
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [
        { name: 'main', port: 80, protocol: 'TCP', targetPort: 8080 },
        { name: 'datagrams', port: 80, protocol: 'UDP', targetPort: 8080 },
      ],
      ...spec,
    },
  };
}

function slice(name: string, addresses: readonly string[], nodeName = 'node-1'): EndpointSlice {
  return {
    metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [
      { name: 'main', port: 8080, protocol: 'TCP' },
      { name: 'datagrams', port: 8080, protocol: 'UDP' },
    ],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, nodeName })),
  };
}

let lab: PacketLab | undefined;
before(async () => {
  if (skip === false) lab = await PacketLab.create();
});
after(() => lab?.destroy());

function network(): PacketLab {
  assert.ok(lab);
  return lab;
}

let current: ServiceTable | undefined;
function apply(services: Service[], slices: EndpointSlice[], full = false): void {
  const next = compileServiceTable(services, slices, 'node-1');
  network().load(full || current === undefined ? renderFull(next, options) : renderChange(current, next));
  current = next;
}

test('a cluster address reaches every endpoint from the host, a pod and outside', { skip }, () => {
  apply([service('web', '10.96.0.20')], [slice('web', ['10.244.0.2', '10.244.0.3'])]);
  const seen = new Set<string>();
  for (let i = 0; i < 40 && seen.size < 2; i++) {
    seen.add(network().connect('outside', 'tcp', '10.96.0.20', 80).split(' ')[0] ?? '');
  }
  assert.deepEqual([...seen].sort(), ['pod-1', 'pod-2']);
  assert.match(network().connect('host', 'tcp', '10.96.0.20', 80), /^pod-[12] /);
  assert.match(network().connect('host', 'udp', '10.96.0.20', 80), /^pod-[12] /);
});

test('a pod reaches itself and its neighbour on the same bridge through the service', { skip }, () => {
  apply([service('web', '10.96.0.20')], [slice('web', ['10.244.0.2'])]);
  assert.equal(network().connect('pod-1', 'tcp', '10.96.0.20', 80), 'pod-1 10.244.0.1');
  assert.equal(network().connect('pod-2', 'tcp', '10.96.0.20', 80), 'pod-1 10.244.0.3');
  assert.equal(network().connect('pod-2', 'udp', '10.96.0.20', 80), 'pod-1 10.244.0.3');
});

test('without a bridge filter the neighbour is reached under the address of the host', { skip }, () => {
  network().setBridgeFilter(false);
  try {
    assert.equal(network().connect('pod-2', 'tcp', '10.96.0.20', 80), 'timeout');
    assert.ok(current);
    network().load(renderFull(current, { ...options, hiddenBridgeRange: '10.244.0.0/24' }));
    assert.equal(network().connect('pod-2', 'tcp', '10.96.0.20', 80), 'pod-1 10.244.0.1');
  } finally {
    network().setBridgeFilter(true);
    assert.ok(current);
    network().load(renderFull(current, options));
  }
});

test('a node port answers on every address of the host, loopback included', { skip }, () => {
  const ports = [{ name: 'main', port: 80, protocol: 'TCP' as const, nodePort: 30080 }];
  apply([service('web', '10.96.0.20', { type: 'NodePort', ports })], [slice('web', ['10.244.0.2'])]);
  assert.equal(network().connect('outside', 'tcp', '192.0.2.1', 30080), 'pod-1 10.244.0.1');
  assert.match(network().connect('host', 'tcp', '127.0.0.1', 30080), /^pod-1 /);
  assert.match(network().connect('host', 'tcp', '192.0.2.1', 30080), /^pod-1 /);
  assert.match(network().connect('pod-2', 'tcp', '192.0.2.1', 30080), /^pod-1 /);
});

test(
  'with externalTrafficPolicy Local the source is kept, and a host without endpoints drops',
  { skip },
  () => {
    const ports = [{ name: 'main', port: 80, protocol: 'TCP' as const, nodePort: 30080 }];
    const web = service('web', '10.96.0.20', { type: 'NodePort', ports, externalTrafficPolicy: 'Local' });
    apply([web], [slice('web', ['10.244.0.2'])]);
    assert.equal(network().connect('outside', 'tcp', '192.0.2.1', 30080), 'pod-1 192.0.2.2');
    apply([web], [slice('web', ['10.244.0.2'], 'node-2')]);
    assert.equal(network().connect('outside', 'tcp', '192.0.2.1', 30080), 'timeout');
    assert.match(network().connect('pod-2', 'tcp', '192.0.2.1', 30080), /^pod-1 /);
  },
);

test('a service without endpoints, and a port it does not have, refuse at once', { skip }, () => {
  const ports = [{ name: 'main', port: 80, protocol: 'TCP' as const, nodePort: 30080 }];
  apply([service('web', '10.96.0.20', { type: 'NodePort', ports })], []);
  for (const from of ['host', 'pod-1', 'outside']) {
    assert.equal(network().connect(from, 'tcp', '10.96.0.20', 80), 'ECONNREFUSED', from);
    assert.equal(network().connect(from, 'tcp', '10.96.0.20', 81), 'ECONNREFUSED', from);
  }
  assert.equal(network().connect('outside', 'tcp', '192.0.2.1', 30080), 'ECONNREFUSED');
  assert.equal(network().connect('pod-1', 'udp', '10.96.0.20', 80), 'ECONNREFUSED');
});

test('client affinity sends one client to one endpoint', { skip }, () => {
  apply(
    [service('web', '10.96.0.20', { sessionAffinity: 'ClientIP' })],
    [slice('web', ['10.244.0.2', '10.244.0.3'])],
  );
  const seen = new Set<string>();
  for (let i = 0; i < 8; i++) seen.add(network().connect('outside', 'tcp', '10.96.0.20', 80));
  assert.equal(seen.size, 1);
});

test('a chain of changes leaves the same rules as a full load of the last state', { skip }, () => {
  const states: [Service[], EndpointSlice[]][] = [
    [[service('a', '10.96.0.1')], [slice('a', ['10.244.0.2', '10.244.0.3'])]],
    [
      [service('a', '10.96.0.1'), service('b', '10.96.0.2')],
      [slice('a', ['10.244.0.3']), slice('b', ['10.244.0.2', '10.244.0.3'])],
    ],
    [
      [service('b', '10.96.0.2', { sessionAffinity: 'ClientIP' })],
      [slice('b', ['10.244.0.3', '10.244.0.4'])],
    ],
  ];
  const elementsOf = (): string =>
    ['services', 'endpoints', 'cluster_ips', 'hairpin']
      .map((name) =>
        network().run('host', [
          'nft',
          'list',
          name.endsWith('s') && name !== 'cluster_ips' ? 'map' : 'set',
          'ip',
          'timonier_proxy',
          name,
        ]),
      )
      .join('');
  for (const [services, slices] of states) apply(services, slices);
  const byChanges = elementsOf();
  const last = states.at(-1);
  assert.ok(last);
  apply(last[0], last[1], true);
  assert.equal(elementsOf(), byChanges);
  assert.match(byChanges, /10\.244\.0\.4/);
});
