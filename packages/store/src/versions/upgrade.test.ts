/** A rolling upgrade of real members: what is shown meanwhile, and who is refused afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, TestCluster } from '../testing/processes.ts';

interface Version {
  readonly etcdserver: string;
  readonly etcdcluster: string;
}

test('members are replaced one by one by a newer release, the cluster follows once all are, and none can go back', async (t) => {
  const c = await TestCluster.create(4);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  const founders = c.names.slice(0, 3);
  const fourth = c.names[3] ?? '';
  const founding = [`--initial-cluster=${c.initialCluster(founders)}`];
  const shown = async (at: string): Promise<string> => {
    const version = (await (await fetch(`${c.endpoint(at)}/version`)).json()) as Version;
    return version.etcdcluster;
  };
  const all = (among: readonly string[], expected: string): Promise<void> =>
    eventually(`${among.join()} show ${expected}`, async () => {
      for (const name of among) assert.equal(await shown(name), expected, name);
    });
  const ended = async (name: string): Promise<string> => {
    assert.equal(await c.ended(name), 1);
    return c.output.get(name) ?? '';
  };
  const tooOld =
    /at version 3 of its log, and this release speaks version 1: it is too old; start the release/;

  for (const name of founders) {
    c.releases.set(name, 'older');
    c.start(name, founding);
  }
  await c.leader(founders);
  await all(founders, '3.4.0');
  for (const [i, name] of founders.entries()) {
    await c.ctl(['put', 'k', String(i)], { at: founders[(i + 1) % 3] ?? '' });
    await c.end(name, 'SIGTERM');
    c.releases.set(name, 'present');
    c.start(name, founding);
    await eventually('it serves', async () =>
      assert.equal(await c.ctl(['get', 'k', '--print-value-only'], { at: name }), `${i}\n`),
    );
    if (i < 2) assert.equal(await shown(name), '3.4.0', `${i + 1} of 3 are upgraded`);
  }
  await all(founders, '3.5.0');
  const metrics = await (await fetch(`${c.endpoint('m1')}/metrics`)).text();
  assert.match(metrics, /^etcd_cluster_version\{cluster_version="3.5"\} 1$/m);
  assert.match(metrics, /^timonier_store_cluster_version 3$/m);

  // By its own data: what was decided is there also when nobody can be asked.
  await c.end('m1', 'SIGTERM');
  c.releases.set('m1', 'older');
  c.start('m1', founding);
  assert.match(await ended('m1'), tooOld);
  c.releases.set('m1', 'present');
  c.start('m1', founding);
  await all(['m1'], '3.5.0');

  // As a new member.
  await c.ctl(['member', 'add', fourth, `--peer-urls=${c.peerUrl(fourth)}`], { at: 'm1' });
  const joining = [`--initial-cluster=${c.initialCluster()}`, '--initial-cluster-state=existing'];
  c.releases.set(fourth, 'older');
  c.start(fourth, joining);
  assert.match(await ended(fourth), tooOld);
  c.releases.set(fourth, 'present');
  c.start(fourth, joining);
  await all([fourth], '3.5.0');
  await eventually('it is a voter and serves', async () =>
    assert.equal(await c.ctl(['get', 'k', '--print-value-only'], { at: fourth }), '2\n'),
  );
});
