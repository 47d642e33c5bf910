import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listen } from '@timonier/component';
import { KubeconfigClient } from './kubeconfig-client.ts';

/** A client of a service that gives one answer after the other, the last one again and again. */
async function clientOf(t: TestContext, answers: ((response: ServerResponse) => void)[]) {
  const seen: { authorization: string | undefined; body: string }[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      seen.push({ authorization: request.headers.authorization, body: Buffer.concat(chunks).toString() });
      (answers.length > 1 ? answers.shift() : answers[0])?.(response);
    });
  });
  await listen(server, 0, '127.0.0.1');
  const directory = await mkdtemp(join(tmpdir(), 'timonier-callouts-'));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const path = join(directory, 'kubeconfig');
  const config = {
    clusters: [{ name: 'c', cluster: { server: `http://someone:password@127.0.0.1:${port}/ask` } }],
    users: [{ name: 'u', user: { token: 'hidden' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config));
  const client = new KubeconfigClient(path);
  t.after(async () => {
    client.close();
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { client, seen };
}

const status = (code: number) => (response: ServerResponse) => void response.writeHead(code).end();
const json = (text: string) => (response: ServerResponse) => void response.end(text);

test('a question is asked again when the service says later, and its answer is returned', async (t) => {
  const { client, seen } = await clientOf(t, [
    status(429),
    status(500),
    (response) => response.destroy(),
    json('{"a":1}'),
  ]);
  assert.deepEqual(await client.post('{"q":1}', { timeoutMs: 60_000, retryMs: 1 }), { a: 1 });
  assert.equal(seen.length, 4);
  assert.ok(seen.every(({ authorization, body }) => authorization === 'Bearer hidden' && body === '{"q":1}'));
});

test('what is no answer fails at once, without a word of credentials', async (t) => {
  const table: readonly (readonly [(response: ServerResponse) => void, RegExp])[] = [
    [status(403), /^Post "http:\/\/127\.0\.0\.1:\d+\/ask": it answered 403$/],
    [json('{'), /the answer is not JSON/],
    [json(`"${'x'.repeat(2 << 20)}"`), /the answer is too large/],
  ];
  for (const [answer, message] of table) {
    const { client, seen } = await clientOf(t, [answer]);
    await assert.rejects(client.post('{}', { timeoutMs: 60_000, retryMs: 1 }), (error: Error) => {
      assert.match(error.message, message);
      return !/password|hidden/.test(error.message);
    });
    assert.equal(seen.length, 1);
  }
});

test('a service that says nothing is waited for no longer than was said, and one that stays away is given up', async (t) => {
  const silent = await clientOf(t, [() => undefined]);
  await assert.rejects(silent.client.post('{}', { timeoutMs: 50 }), /context deadline exceeded/);
  const busy = await clientOf(t, [status(429)]);
  await assert.rejects(busy.client.post('{}', { timeoutMs: 60_000, retryMs: 1 }), /it answered 429/);
  assert.equal(busy.seen.length, 5);
});
