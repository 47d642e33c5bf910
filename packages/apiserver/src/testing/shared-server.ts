/** For tests: one server on a real etcd for all tests of a file, and requests that say what they expect. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import {
  type Answer,
  type RequestOptions,
  startApiServer,
  type TestServer,
  type TestServerOptions,
  until,
} from './harness.ts';
import { startEtcd } from './real-etcd.ts';

export interface SharedServer {
  /** Known once the first test begins. */
  readonly server: TestServer;
  readonly endpoint: string;
  /** Sends a request, checks the status code of its answer, and returns what it holds. */
  ask(
    status: number,
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
    // What an answer holds is for the test to say.
    // oxlint-disable-next-line typescript/no-explicit-any
  ): Promise<any>;
}

/** What else a file's tests share: started when the server is ready, and ended before it. */
export type Alongside = (server: TestServer, onEnd: (end: () => unknown) => void) => Promise<void>;

/** To be called once, at the top of a file. */
export function sharedServer(
  alongside?: Alongside,
  options: Omit<TestServerOptions, 'endpoint'> = {},
): SharedServer {
  const cleanups: (() => unknown)[] = [];
  let server: TestServer | undefined;
  let endpoint = '';
  before(async () => {
    const context = { after: (fn: () => unknown) => void cleanups.push(fn) } as never;
    ({ endpoint } = await startEtcd(context));
    const started = await startApiServer(context, { ...options, endpoint });
    await until(
      async () => (await started.request('GET', '/api/v1/namespaces/default')).status === 200,
      'the namespace is there',
    );
    await alongside?.(started, (end) => void cleanups.push(end));
    server = started;
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });
  const running = (): TestServer => {
    assert.ok(server, 'the server is asked for before it has started');
    return server;
  };
  return {
    get server() {
      return running();
    },
    get endpoint() {
      return endpoint;
    },
    ask: async (status, method, path, body, options) => {
      const answer: Answer = await running().request(method, path, body, options);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.body.toString().slice(0, 600)}`);
      return answer.body.length === 0 ? undefined : (answer.json as unknown);
    },
  };
}

/** Headers of a patch: `merge-patch+json`, `strategic-merge-patch+json`, `json-patch+json` or `apply-patch+yaml`. */
export function patchAs(form: string): RequestOptions {
  return { headers: { 'content-type': `application/${form}` } };
}
