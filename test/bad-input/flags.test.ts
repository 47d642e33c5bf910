import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inParallel, timonier } from './program.ts';

/** Exit code 2: the command line itself is wrong. */
const wrong: readonly (readonly [string, RegExp])[] = [
  ['up --name bad-flags --masters 2', /--masters 2 .*use 1, 3 or 5/],
  ['up --name bad-flags --workers -1', /--workers must be from 0 to 40, not -1/],
  ['up --name Not_A_Name', /the name "Not_A_Name" must be at most 30 lower-case letters, digits and dashes/],
  ['up --runtime docker', /--runtime: "docker" is none of timonier, containerd/],
  ['up --timeout soon', /--timeout: "soon" is not a duration such as 500ms, 30s or 1h30m/],
  ['up again', /unexpected argument "again"; usage: timonier up/],
  ['down again', /unexpected argument "again"; usage: timonier down/],
  ['status --output xml', /--output is table or json, not "xml"/],
  ['store --ops-address nowhere', /--ops-address: "nowhere" is not an address of the form host:port/],
  ['store --log-level loud', /--log-level: "loud" is none of trace, debug, info, warn, error, fatal/],
  ['store --log-format xml', /--log-format: "xml" is not json/],
  ['store again', /unexpected argument "again"; only flags are taken/],
  ['store --ops-address= --heartbeat-interval=5', /--heartbeat-interval must be at least 10/],
  ['store --max-txn-ops=0', /--max-txn-ops: "0" is not a whole number at least 1/],
  [
    'store --ops-address= --listen-client-urls=localhost',
    /--listen-client-urls: "localhost" is not a URL such as/,
  ],
  ['store --ops-address= --initial-cluster=a', /--initial-cluster: "a" is not of the form name=url/],
  ['store --ops-address= --initial-cluster-state=old', /"old" is neither new nor existing/],
  ['apiserver --secure-port=70000', /--secure-port: "70000" is not a whole number from 0 to 65535/],
  ['apiserver', /flag --tls-cert-file is needed/],
  ['kubelet --port=x', /--port: "x" is not a number/],
  ['kubelet --port=70000', /--port: "70000" is not a whole number from 0 to 65535/],
  ['kubelet --ops-address= --register-with-taints=a', /--register-with-taints: "a" is not KEY=VALUE:EFFECT/],
  ['cri --ops-address= --stream-address=x', /--stream-address: "x" is not an address of the form host:port/],
  ['proxy --ops-address=', /--kubeconfig is needed/],
  [
    'dns --ops-address= --kubeconfig=/nonexistent --listen-address=x',
    /--listen-address: "x" is not an IPv4 HOST:PORT/,
  ],
  ['vip --ops-address= --address=x', /--address must be an IPv4 address, not "x"/],
  [
    'cloud-controller-manager --ops-address= --kubeconfig=/nonexistent --cloud-provider=x',
    /cloud provider "x" is unknown/,
  ],
  ['host exec --nmae x', /unknown flag --nmae; did you mean --name\?/],
  ['stor', /unknown command "stor"; did you mean "store"\?/],
];

/** Exit code 1: the command line is right, and what it names is not. */
const failing: readonly (readonly [string, RegExp])[] = [
  ['scheduler --ops-address= --kubeconfig=/nonexistent', /kubeconfig \/nonexistent: ENOENT/],
  ['proxy --ops-address= --kubeconfig=/etc/hostname', /kubeconfig \/etc\/hostname: it has no context/],
  ['master --ops-address= --host-config=/nonexistent', /cannot read \/nonexistent/],
  ['cri --ops-address= --runtime=/nonexistent/crun', /there is no program \/nonexistent\/crun/],
  ['cri --ops-address= --registry-config=/etc/hostname', /registry configuration \/etc\/hostname/],
  [
    'image-import /nonexistent.tar --socket=/nonexistent.sock',
    /no container runtime answers on \/nonexistent.sock/,
  ],
  ['image load /nonexistent.tar', /there is no file \/nonexistent.tar/],
];

/** Runs each line and returns what was not as expected, so that one failure does not hide the next. */
async function mismatches(
  lines: readonly (readonly [line: string, message: RegExp])[],
  expected: number,
  base: readonly string[] = [],
): Promise<readonly string[]> {
  const found: string[] = [];
  await inParallel(lines, 3, async ([line, message]) => {
    const { code, stderr } = await timonier([...line.split(' '), ...base]);
    if (code !== expected || stderr.trim().includes('\n') || !message.test(stderr))
      found.push(`${line}: code ${code}, ${stderr}`);
  });
  return found;
}

test('a wrong value is one clear message and exit code 2', async () => {
  assert.deepEqual(await mismatches(wrong, 2), []);
});

test('what a right command line names and is not there is one clear message and exit code 1', async () => {
  assert.deepEqual(await mismatches(failing, 1), []);
});

test('an API server refuses files that are no PEM, and ranges that are none, by the flag that named them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'timonier-bad-flags-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'text');
  await writeFile(file, 'no certificate');
  const base = [
    '--ops-address=',
    `--tls-cert-file=${file}`,
    `--tls-private-key-file=${file}`,
    `--client-ca-file=${file}`,
  ];
  const ranges = [
    [
      'apiserver --service-cluster-ip-range=10.96.0.0',
      /--service-cluster-ip-range: "10.96.0.0" is not an IPv4 range/,
    ],
    [
      'apiserver --service-node-port-range=9',
      /--service-node-port-range: "9" is not a range such as 30000-32767/,
    ],
    ['apiserver --etcd-servers=here', /--etcd-servers: "here" is not an endpoint such as/],
    ['apiserver --masters=a', /--masters: "a" is not of the form NAME=ADDRESS/],
  ] as const;
  assert.deepEqual(await mismatches(ranges, 2, base), []);
  assert.deepEqual(
    await mismatches([['apiserver --secure-port=0', /--tls-cert-file: .*text holds no PEM/]], 1, base),
    [],
  );
  assert.deepEqual(await readdir(folder), ['text'], 'nothing was written');
});
