import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { Health } from './health.ts';
import { handleOps } from './ops-server.ts';

/** The status that is answered for a target; undefined when there is nothing. */
async function statusOf(url: string): Promise<number | undefined> {
  let status: number | undefined;
  const response = { writeHead: (code: number) => void (status = code), end: () => undefined };
  const isThere = await handleOps({ url }, response, new Health(), new Registry());
  assert.equal(isThere, status !== undefined);
  return status;
}

test('a path is what was written, and leads nowhere else', async () => {
  for (const path of ['/metrics', '/healthz', '/livez?verbose', '/readyz?exclude=a'])
    assert.equal(await statusOf(path), 200);
  for (const path of [
    '/healthz/a\\..\\..\\metrics',
    '/healthz/../metrics',
    '/healthz/%2e%2e/metrics',
    '/healthz#',
    '//metrics',
  ])
    assert.equal(await statusOf(path), undefined, path);
});
