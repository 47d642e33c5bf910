import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts, TestCluster } from './testing/processes.ts';

test('a second process on the same data ends by itself and leaves the first one alone', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  c.start('m1');
  await c.leader();
  const [peer, client] = await freePorts(2);
  c.start('m1', [
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
  ]);
  assert.equal(await c.ended('m1'), 1);
  assert.match(c.log, /another process uses the data directory/);
  await c.ctl(['put', 'a', 'b']);
});

test('the operations endpoint answers what etcd answers and what every component answers', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  const [port] = await freePorts(1);
  c.start('m1', [`--ops-address=127.0.0.1:${port}`]);
  await c.leader();
  for (const [path, answer] of [
    ['/health', /^\{"health":"true","reason":""\}$/],
    ['/version', /^\{"etcdserver":"3\./],
    ['/metrics', /etcd_server_has_leader 1/],
    ['/livez', /^ok/],
    ['/readyz', /^ok/],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    assert.equal(response.status, 200, path);
    assert.match(await response.text(), answer);
  }
});

test('a leader whose peers are gone stops with one quiet line about it', async (t) => {
  const c = await TestCluster.create(3);
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  await Promise.all(c.names.filter((name) => name !== leader).map((name) => c.end(name, 'SIGKILL')));
  c.process(leader).kill('SIGTERM');
  assert.equal(await c.ended(leader), 0);
  const lines = (c.output.get(leader) ?? '').split('\n');
  const about = lines.filter((line) => line.includes('handing over'));
  assert.ok(about.length <= 1, about.join('\n'));
  assert.doesNotMatch(about.join(''), /stack|"level":[4-6]0/);
});
