import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Answer, startApiServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const path = '/debug/pprof';

test('the administrator sees configuration, logs and profiles, and nobody else does', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'timonier-logs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, {
    endpoint,
    debug: {
      configuration: { workers: 1, masters: ['a=1.2.3.4'] },
      logFolder: join(folder, 'log'),
      profiling: true,
    },
  });
  const ask = async (status: number, target: string, as = 'admin', method = 'GET'): Promise<Answer> => {
    const answer = await server.request(method, target, undefined, { as });
    assert.equal(answer.status, status, `${method} ${target}: ${answer.body.toString().slice(0, 300)}`);
    return answer;
  };

  await t.test('configuration', async () => {
    const { json } = await ask(200, '/configz');
    assert.deepEqual(json, { apiserver: { workers: 1, masters: ['a=1.2.3.4'] } });
  });

  await t.test('logs, and nothing beside them', async () => {
    await mkdir(join(folder, 'log', 'pods'), { recursive: true });
    await writeFile(join(folder, 'secret'), 'key');
    await writeFile(join(folder, 'log-other'), 'key');
    await writeFile(join(folder, 'log', 'a <b>.log'), 'line\n');
    await symlink('../secret', join(folder, 'log', 'link'));
    await symlink('a <b>.log', join(folder, 'log', 'latest'));
    const list = (await ask(200, '/logs/')).body.toString();
    assert.match(list, /<a href="a%20%3Cb%3E\.log">a &#60;b&#62;\.log<\/a>/);
    assert.match(list, /<a href="pods\/">pods\/<\/a>/);
    assert.equal((await ask(200, '/logs/a%20%3Cb%3E.log')).body.toString(), 'line\n');
    assert.equal((await ask(200, '/logs/latest')).body.toString(), 'line\n');
    assert.equal((await ask(200, '/logs/latest', 'admin', 'HEAD')).body.length, 0);
    for (const bad of ['link', 'none', '..%2fsecret', '..%2flog-other', 'a%00b'])
      await ask(404, `/logs/${bad}`);
  });

  await t.test('profiles, one at a time and bounded', async () => {
    assert.match((await ask(200, `${path}/`)).body.toString(), /profile\?seconds/);
    const both = await Promise.all(
      ['profile', 'allocs'].map((name) => server.request('GET', `${path}/${name}?seconds=1`)),
    );
    // Whichever came second is asked to come again.
    assert.deepEqual(new Set(both.map(({ status }) => status)), new Set([200, 429]));
    const { json } = await ask(200, `${path}/profile?seconds=1`);
    assert.ok(json.nodes.length > 0 && json.samples.length > 0);
    assert.ok((await ask(200, `${path}/allocs?seconds=1`)).json.head);
    const heap = await ask(200, `${path}/heap`);
    // It is large; that it was complete is seen by its end.
    assert.match(heap.body.subarray(0, 100).toString(), /^{"snapshot":{"meta"/);
    assert.match(heap.body.subarray(-100).toString(), /"]}\n?$/);
    assert.match(String(heap.headers['content-disposition']), /heapsnapshot/);
    for (const seconds of ['0', '121', '-1', 'x', '1e9'])
      await ask(400, `${path}/profile?seconds=${seconds}`);
    await ask(404, `${path}/symbols`);
    await ask(404, `${path}/__proto__`);
    await ask(405, `${path}/profile`, 'admin', 'POST');
  });

  await t.test('what priority and fairness does', async () => {
    const page = '/debug/api_priority_and_fairness/dump_priority_levels';
    assert.match((await ask(200, page)).body.toString(), /workload-low/);
    await ask(404, '/debug/api_priority_and_fairness/none');
  });

  await t.test('only the administrator', async () => {
    for (const target of ['/configz', '/logs/', `${path}/`, `${path}/heap`])
      await ask(403, target, 'scheduler');
    await ask(403, '/debug/api_priority_and_fairness/dump_queues', 'scheduler');
  });
});

test('what is switched off is not there', async (t) => {
  const { endpoint } = await startEtcd(t);
  const debug = { configuration: {}, logFolder: undefined, profiling: false };
  const server = await startApiServer(t, { endpoint, debug });
  for (const target of ['/logs/', '/logs', `${path}/`, `${path}/heap`])
    assert.equal((await server.request('GET', target)).status, 404, target);
});
