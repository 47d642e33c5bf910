import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testPort } from '@timonier/linux/test-ports';
import { forwardTcpFrom } from '../../packages/cli/src/cluster/tcp-forward.ts';
import { type Ended, timonier } from './program.ts';

const bootstrap = fileURLToPath(new URL('../../bin/bootstrap', import.meta.url));
/** Somebody who may read the checkout wherever it lies, and nothing more. */
const asNobody = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
];

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-bad-hosts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function assertRefused({ code, stderr }: Ended, expected: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, expected, stderr);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
}

function runBootstrap(prefix: readonly string[], path: string): Promise<Ended> {
  const args = [...prefix.slice(1), ...(prefix.length === 0 ? [] : ['/bin/sh']), bootstrap, '--run'];
  return new Promise((resolve) => {
    execFile(
      prefix[0] ?? '/bin/sh',
      args,
      { timeout: 60_000, env: { ...process.env, PATH: path } },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? 'killed'), stdout, stderr }),
    );
  });
}

test('without root every verb that needs it says to use sudo, in one line', async () => {
  for (const line of ['up --masters 3', 'down', 'chaos kill master-1', 'host exec master-1 -- ls']) {
    const ended = await timonier(line.split(' '), { prefix: asNobody });
    assertRefused(ended, 1, new RegExp(`only root may do this; try: sudo timonier ${line}`));
  }
  assertRefused(
    await runBootstrap(asNobody, process.env['PATH'] ?? ''),
    1,
    /needs root .*; run this with sudo/,
  );
});

test('a missing program is named with the Debian package that has it, and nothing is made', async (t) => {
  const folder = temporary(t);
  const dataDir = join(folder, 'data');
  const hide = ['crun', 'conmon', 'nft']
    .map((program) => `mount --bind /dev/null "$(command -v ${program})"`)
    .join(' && ');
  const ended = await timonier(['up', '--name=bad-missing', `--data-dir=${dataDir}`], {
    prefix: ['unshare', '--mount', '--propagation=private', 'sh', '-c', `${hide} && exec "$@"`, 'sh'],
  });
  assertRefused(ended, 1, /missing: nft, crun, conmon; install with: apt-get install nftables crun conmon$/m);
  assert.deepEqual(readdirSync(folder), []);
  assertRefused(
    await timonier(['cri', '--ops-address=', `--root=${folder}`, '--conmon=conmon-of-nobody']),
    1,
    /conmon-of-nobody is not installed; on Debian: apt-get install conmon-of-nobody/,
  );
});

test('the bootstrap names the packages that apt cannot install', async (t) => {
  const folder = temporary(t);
  const script = (name: string, text: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  script('dpkg-query', 'case "$*" in *conmon*) echo not-installed ;; *) echo installed ;; esac');
  script('apt-get', 'echo "E: Unable to locate package conmon" >&2; exit 100');
  const { code, stderr } = await runBootstrap([], `${folder}:${process.env['PATH'] ?? ''}`);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^timonier: installing Debian packages: conmon$/m);
  assert.match(stderr, /^timonier: apt-get could not install: conmon \(the whole output is in (.*)\)$/m);
  rmSync(/whole output is in (.*)\)/.exec(stderr)?.[1] ?? '', { force: true });
});

test('the data of another cluster is neither used nor removed nor written to', async (t) => {
  const folder = temporary(t);
  const settings = JSON.stringify({
    name: 'bad-b',
    masters: 1,
    workers: 1,
    runtime: 'timonier',
    storeEndpoints: [],
    subnet: 77,
  });
  writeFileSync(join(folder, 'cluster.json'), settings);
  const other =
    /holds the data of the cluster "bad-b", not of "bad-a"; use another --data-dir, or 'timonier down --name bad-b/;
  const place = ['--name=bad-a', `--data-dir=${folder}`];
  assertRefused(await timonier(['up', ...place]), 1, other);
  assertRefused(await timonier(['up', ...place, '--detach']), 1, other);
  assertRefused(
    await timonier(['down', ...place, '--purge']),
    1,
    /is not the data directory of cluster "bad-a"; nothing was removed there/,
  );
  assertRefused(
    await timonier(['up', '--name=bad-b', `--data-dir=${folder}`, '--masters=3']),
    1,
    /holds the data of a cluster of 1 masters, not 3/,
  );
  assert.deepEqual(readdirSync(folder), ['cluster.json']);
  assert.equal(readFileSync(join(folder, 'cluster.json'), 'utf8'), settings);
  writeFileSync(join(folder, 'cluster.json'), 'half a\n{');
  assertRefused(
    await timonier(['up', ...place]),
    1,
    /cannot read .*cluster.json: .*; use another --data-dir/,
  );
});

test('a component whose port is taken names the port and the process that has it', async (t) => {
  const folder = temporary(t);
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const datagrams = createSocket('udp4').bind(await testPort(), '127.0.0.1');
  await once(datagrams, 'listening');
  t.after(() => datagrams.close());
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: {} }],
    }),
  );
  const taken = (which: number): RegExp =>
    new RegExp(`cannot listen .*127.0.0.1:${which}: process ${process.pid} \\(.*\\) listens there already`);
  const ops = `--ops-address=127.0.0.1:${port}`;
  for (const component of ['kubelet', 'proxy', 'scheduler', 'controller-manager', 'cri', 'vip'])
    assertRefused(await timonier([component, ops]), 1, taken(port));
  const dns = ['dns', '--ops-address=', `--kubeconfig=${kubeconfig}`];
  assertRefused(await timonier([...dns, `--listen-address=127.0.0.1:${port}`]), 1, taken(port));
  const udp = datagrams.address().port;
  assertRefused(await timonier([...dns, `--listen-address=127.0.0.1:${udp}`]), 1, taken(udp));
  const cri = [
    'cri',
    '--ops-address=',
    `--root=${folder}/root`,
    `--state=${folder}/run`,
    `--socket=${folder}/s`,
  ];
  assertRefused(await timonier([...cri, `--stream-address=127.0.0.1:${port}`]), 1, taken(port));
});

test('when the port for the API is taken on the machine, the next free one is used', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const forward = await forwardTcpFrom(port, () => []);
  t.after(() => forward.close());
  assert.ok(forward.port > port && forward.port < port + 50, `${forward.port} after ${port}`);
});
