/** An API server that is asked for what it must refuse, and what must hold afterwards. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type Answer,
  startApiServer,
  type TestServer,
} from '../../packages/apiserver/src/testing/harness.ts';
import { TestCluster } from '../../packages/store/src/testing/processes.ts';

export const configMaps = '/api/v1/namespaces/default/configmaps';
export const merge = { 'content-type': 'application/merge-patch+json' };
export const jsonPatch = { 'content-type': 'application/json-patch+json' };

/** An API server on a member of the built-in store, with one object that no bad request may change. */
export async function serve(t: TestContext): Promise<TestServer> {
  const store = await TestCluster.create(1);
  t.after(() => store.remove());
  store.startAll();
  await store.leader();
  const server = await startApiServer(t, { endpoint: store.endpoint('m1') });
  assert.equal((await server.request('POST', configMaps, configMap('kept'))).status, 201);
  return server;
}

export function configMap(name: string, data: Readonly<Record<string, string>> = { key: 'value' }): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

export function assertStatus(
  what: string,
  answer: Answer,
  code: number,
  reason: string,
  message: RegExp,
): void {
  const status = answer.json as Record<string, unknown>;
  const shown = `${what}: ${answer.body.toString().slice(0, 500)}`;
  assert.equal(answer.status, code, shown);
  assert.equal(status['kind'], 'Status', shown);
  assert.equal(status['code'], code, shown);
  assert.equal(status['reason'], reason, shown);
  assert.match(String(status['message']), message, shown);
  assert.doesNotMatch(String(status['message']), /\n|\bat .*:\d+:\d+/, `${what}: one line, no stack`);
}

/** Asks, and expects a refusal. */
export function refusals(
  server: TestServer,
): (
  method: string,
  path: string,
  code: number,
  reason: string,
  message: RegExp,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<void> {
  return async (method, path, code, reason, message, body, headers = {}) =>
    assertStatus(
      `${method} ${path.slice(0, 80)}`,
      await server.request(method, path, body, { headers }),
      code,
      reason,
      message,
    );
}

/** The server still answers, holds what it held, and nothing of a refused request. */
export async function assertNothingLost(
  server: TestServer,
  names: readonly string[] = ['kept'],
): Promise<void> {
  const list = (await server.request('GET', configMaps)).json as {
    items: { metadata: { name: string }; data: object }[];
  };
  assert.deepEqual(
    list.items.map(({ metadata, data }) => [metadata.name, data]),
    names.map((name) => [name, { key: 'value' }]),
  );
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
}
