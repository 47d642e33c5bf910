import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiClient } from '@timonier/client';
import { discover, staleProblem } from './discovery.ts';

const verbs = ['list', 'delete'];
const group = (name: string, versions: readonly object[]): object => ({ metadata: { name }, versions });
const resource = (name: string, kind: string): object => ({
  resource: name,
  responseKind: { kind },
  scope: 'Namespaced',
  verbs,
});

/** A client to whom a server says what it offers. */
function clientOf(items: readonly object[]): ApiClient {
  const list = { kind: 'APIGroupDiscoveryList', items };
  const answer = (path: string): object => (path === '/apis' ? list : { ...list, items: [] });
  return {
    request: (_method: string, path: string) =>
      Promise.resolve({ status: 200, body: Buffer.from(JSON.stringify(answer(path))) }),
  } as unknown as ApiClient;
}

test('what a secondary server offers that does not answer is not known, and is told', async () => {
  const apps = { version: 'v1', freshness: 'Current', resources: [resource('deployments', 'Deployment')] };
  // The last thing that it said.
  const gone = { version: 'v1', freshness: 'Stale', resources: [resource('widgets', 'Widget')] };
  const { served, stale } = await discover(
    clientOf([group('apps', [apps]), group('example.com', [gone, { version: 'v2', freshness: 'Stale' }])]),
  );
  assert.deepEqual(
    served.map((one) => one.resource),
    ['deployments'],
  );
  assert.equal(
    staleProblem(stale),
    'Discovery failed for some groups, 2 failing: unable to retrieve the complete list of server APIs: example.com/v1: stale GroupVersion discovery: example.com/v1, example.com/v2: stale GroupVersion discovery: example.com/v2',
  );
  assert.equal(staleProblem([]), undefined);
});
