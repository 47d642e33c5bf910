import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, freePorts, TestCluster } from '../testing/processes.ts';

test('a member moves to another address, leadership moves when asked to, and nobody is handed it who may not lead', async (t) => {
  const c = await TestCluster.create(3);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  c.startAll();
  const leader = await c.leader();
  const ids = new Map(
    (await c.ctl(['member', 'list']))
      .trim()
      .split('\n')
      .map((line) => line.split(', '))
      .map(([id = '', , name = '']) => [name, id] as const),
  );
  const [moving = '', other = ''] = c.names.filter((name) => name !== leader);

  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  await c.ctl(['member', 'update', ids.get(moving) ?? '', `--peer-urls=${url}`], { at: leader });
  await c.end(moving, 'SIGTERM');
  c.start(moving, [
    `--listen-peer-urls=${url}`,
    `--initial-advertise-peer-urls=${url}`,
    `--initial-cluster=${moving}=${url}`,
  ]);
  await eventually('it is reached there', () => c.ctl(['endpoint', 'health'], { at: moving }));
  const now = await c.leader();
  const target = now === moving ? leader : moving;
  assert.match(
    await c.ctl(['move-leader', ids.get(target) ?? '']),
    /Leadership transferred from [0-9a-f]+ to [0-9a-f]+/,
  );
  assert.equal(await c.leader(), target);
  assert.match((await c.etcdctl(['move-leader', '1'])).stderr, /etcdserver: bad leader transferee/);
  // Asked of somebody who does not lead, whom etcdctl would not ask.
  assert.match(
    (await c.etcdctl(['move-leader', ids.get(target) ?? ''], { at: target === leader ? moving : leader }))
      .stderr,
    /no leader endpoint given/,
  );

  // The group lives on it, not only it on the group.
  await c.end(other, 'SIGKILL');
  await eventually('it counts', () => c.ctl(['put', 'a', '1'], { at: leader }));
});

test('members that all get other addresses at the same time find each other by their flags, and only then', async (t) => {
  const c = await TestCluster.create(3);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  c.startAll();
  await eventually('it serves', () => c.ctl(['put', 'a', '1']));
  const ids = new Map(
    (await c.ctl(['member', 'list']))
      .trim()
      .split('\n')
      .map((line) => line.split(', '))
      .map(([id = '', , name = '']) => [name, id] as const),
  );
  await Promise.all(c.names.map((name) => c.end(name, 'SIGTERM')));

  const ports = await freePorts(3);
  const url = (name: string): string => `http://127.0.0.1:${ports[c.names.indexOf(name)]}`;
  const at = (name: string, others: readonly string[], state: string): readonly string[] => [
    `--listen-peer-urls=${url(name)}`,
    `--initial-advertise-peer-urls=${url(name)}`,
    `--initial-cluster=${[name, ...others].map((one) => `${one}=${url(one)}`).join()}`,
    `--initial-cluster-state=${state}`,
  ];
  const othersOf = (name: string): string[] => c.names.filter((other) => other !== name);
  // Nobody can know that this is not another cluster.
  c.start('m1', at('m1', othersOf('m1'), 'new'));
  await c.ended('m1');
  assert.match(c.output.get('m1') ?? '', /or --initial-cluster-state existing if all its members have moved/);

  for (const name of c.names) c.start(name, at(name, othersOf(name), 'existing'));
  assert.equal(
    await eventually('they have found each other', () => c.ctl(['get', 'a', '--print-value-only'])),
    '1\n',
  );
  for (const name of c.names)
    await eventually('the log is told', () =>
      c.ctl(['member', 'update', ids.get(name) ?? '', `--peer-urls=${url(name)}`]),
    );
  // From now on the log tells, whatever flags say.
  await Promise.all(c.names.map((name) => c.end(name, 'SIGKILL')));
  for (const name of c.names) c.start(name, at(name, [], 'new'));
  assert.equal(
    await eventually('they know where they are', () => c.ctl(['get', 'a', '--print-value-only'])),
    '1\n',
  );
});

/** An authority and one certificate for the loopback address, in files. */
function certificates(folder: string): { readonly ca: string; readonly cert: string; readonly key: string } {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...newKey, '-subj', '/CN=ca', '-keyout', path('ca.key'), '-out', path('ca.crt'));
  const signed = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    ...signed,
    '-subj',
    '/CN=m',
    '-keyout',
    path('m.key'),
    '-out',
    path('m.crt'),
  );
  return { ca: path('ca.crt'), cert: path('m.crt'), key: path('m.key') };
}

test('members that know each other by certificates take in another one the same way, and nobody without one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'members-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { ca, cert, key } = certificates(folder);
  const secure = [
    `--cert-file=${cert}`,
    `--key-file=${key}`,
    `--trusted-ca-file=${ca}`,
    '--client-cert-auth=true',
    `--peer-cert-file=${cert}`,
    `--peer-key-file=${key}`,
    `--peer-trusted-ca-file=${ca}`,
  ];
  const c = await TestCluster.create(2, { tls: true, extra: secure });
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  const ctl = (args: readonly string[], at: string): Promise<string> =>
    c.ctl([`--cacert=${ca}`, `--cert=${cert}`, `--key=${key}`, ...args], { at });
  c.start('m1', [`--initial-cluster=${c.initialCluster(['m1'])}`]);
  await eventually('m1 leads', () => ctl(['put', 'a', '1'], 'm1'));
  await ctl(['member', 'add', 'm2', `--peer-urls=${c.peerUrl('m2')}`], 'm1');
  const joining = [`--initial-cluster=${c.initialCluster()}`, '--initial-cluster-state=existing'];
  // Somebody with a certificate of another authority learns nothing, not even who belongs to the cluster.
  const otherFolder = mkdtempSync(join(folder, 'other-'));
  const other = certificates(otherFolder);
  c.start('m2', [
    ...joining,
    `--peer-cert-file=${other.cert}`,
    `--peer-key-file=${other.key}`,
    `--peer-trusted-ca-file=${ca}`,
  ]);
  assert.equal(await c.ended('m2'), 1);
  assert.match(c.output.get('m2') ?? '', /no member of the cluster answers/);
  c.start('m2', joining);
  await eventually('m2 serves', async () =>
    assert.equal(await ctl(['get', 'a', '--print-value-only'], 'm2'), '1\n'),
  );
});
