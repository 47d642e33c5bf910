import type { Node } from '@timonier/api';
import { type ApiClient, ApiError, pause } from '@timonier/client';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Runtime } from '../runtime/runtime.ts';
import { readHostFacts } from './host-facts.ts';
import { NodeAgent } from './node-agent.ts';

const conditions = ['RuntimeReady', 'NetworkReady'].map((type) => ({ type, status: true, message: '' }));
const runtime = {
  cri: {
    runtime: {
      Version: () => Promise.resolve({ runtimeName: 'test', runtimeVersion: '1' }),
      Status: () => Promise.resolve({ status: { conditions } }),
    },
  },
} as unknown as Runtime;

/** A server that has one node, or none. */
function nodeServer(): { client: ApiClient; stored: Node | undefined } {
  const state: { client: ApiClient; stored: Node | undefined } = {
    stored: undefined,
    client: {
      get: () =>
        state.stored === undefined
          ? Promise.reject(new ApiError({ code: 404, reason: 'NotFound' }))
          : Promise.resolve(state.stored),
      create: (_type: unknown, node: Node) => Promise.resolve((state.stored = node)),
      patch: (_type: unknown, _key: unknown, _patchType: unknown, { status }: Node) =>
        Promise.resolve((state.stored = { ...state.stored, ...(status === undefined ? {} : { status }) })),
    } as unknown as ApiClient,
  };
  return state;
}

test('a node that was given up while it could not be heard says that it is ready again', async () => {
  const server = nodeServer();
  const ending = new AbortController();
  const facts = await readHostFacts();
  const agent = new NodeAgent({
    client: server.client,
    runtime,
    rootDirectory: '/',
    describe: {
      name: 'n',
      address: '127.0.0.1',
      facts,
      maxPods: 10,
      kubeletVersion: 'v0',
      serverPort: 0,
      labels: {},
      taints: [],
    },
    onError: () => undefined,
    onReady: () => undefined,
    signal: ending.signal,
    lookMs: 5,
    reportMs: 600_000,
  });
  const ready = (): string | undefined =>
    server.stored?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const until = async (status: string): Promise<void> => {
    const deadline = performance.now() + 30_000;
    while (ready() !== status && performance.now() < deadline) await pause(5);
    assert.equal(ready(), status);
  };
  const running = agent.run();
  try {
    await until('True');
    const { status } = server.stored ?? {};
    const unknown = status?.conditions?.map((condition) => ({ ...condition, status: 'Unknown' as const }));
    server.stored = { ...server.stored, status: { ...status, conditions: unknown ?? [] } };
    await until('True');
    server.stored = undefined;
    await until('True');
  } finally {
    ending.abort();
    await running;
  }
});
