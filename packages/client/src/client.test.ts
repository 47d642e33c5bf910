import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testPort } from '@timonier/linux/test-ports';
import { createClient } from './client.ts';
import { ApiError, ConnectionError, isConflict, isGone, isNotFound } from './errors.ts';
import { type Answer, makeTestCa, startTestServer, type TestServer } from './scripted-server.ts';
import type { KubeObject, ResourceType } from './types.ts';

const pods: ResourceType = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
let ca: ReturnType<typeof makeTestCa>;

before(() => {
  ca = makeTestCa();
});
after(() => ca.remove());

async function withServers(
  handlers: readonly ((request: { method: string; url: string }) => Answer)[],
  run: (servers: TestServer[]) => Promise<void>,
): Promise<void> {
  const servers: TestServer[] = [];
  try {
    for (const handler of handlers) servers.push(await startTestServer(ca, handler));
    await run(servers);
  } finally {
    for (const server of servers) await server.close();
  }
}

function clientFor(servers: readonly { url: string }[], extra = {}): ReturnType<typeof createClient> {
  return createClient({ servers: servers.map((server) => server.url), ca: ca.cert, ...extra });
}

test('an object is read by its path, and a refusal becomes an error that carries the Status', async () => {
  const handler = ({ url }: { url: string }): Answer =>
    url === '/api/v1/namespaces/a/pods/b'
      ? { body: { kind: 'Pod', metadata: { name: 'b', namespace: 'a' } } }
      : {
          status: 404,
          body: { kind: 'Status', reason: 'NotFound', code: 404, message: 'pods "x" not found' },
        };
  await withServers([handler], async (servers) => {
    const client = clientFor(servers);
    assert.equal((await client.get(pods, { namespace: 'a', name: 'b' })).metadata?.name, 'b');
    await assert.rejects(client.get(pods, { namespace: 'a', name: 'x' }), (error: unknown) => {
      assert.ok(isNotFound(error) && error instanceof ApiError);
      assert.equal(error.message, 'pods "x" not found');
      return true;
    });
    await client.close();
  });
});

test('a refusal without words of its own says its code and reason', async () => {
  const body = { kind: 'Status', reason: 'Conflict', code: 409, message: '' };
  await withServers([() => ({ status: 409, body })], async (servers) => {
    const client = clientFor(servers);
    await assert.rejects(client.get(pods, { namespace: 'a', name: 'x' }), {
      message: 'the server answered 409 Conflict',
    });
    await client.close();
  });
});

test('a write carries the office as a header, and its conflict is told from an existing name', async () => {
  await withServers(
    [() => ({ status: 409, body: { kind: 'Status', reason: 'Conflict', code: 409 } })],
    async ([server]) => {
      assert.ok(server);
      const client = clientFor([server]);
      const write = client.create(pods, { metadata: { name: 'n', namespace: 'x' } }, { office: '7@m' });
      await assert.rejects(write, (error: unknown) => isConflict(error));
      assert.equal(server.requests[0]?.headers['timonier-office'], '7@m');
      assert.equal(server.requests[0]?.url, '/api/v1/namespaces/x/pods');
      await client.close();
    },
  );
});

test('a refused connection moves the client to the next server, where it stays', async () => {
  await withServers([() => ({ body: { kind: 'Pod' } })], async ([second]) => {
    assert.ok(second);
    const refusing = { url: `https://127.0.0.1:${await testPort()}` };
    const client = clientFor([refusing, second]);
    for (let i = 0; i < 3; i++) await client.get(pods, { namespace: 'a', name: 'b' });
    await client.create(pods, { metadata: { name: 'b', namespace: 'a' } });
    assert.equal(second.requests.length, 4);
    await client.close();
  });
});

test('a server that answers 503 is left for another one', async () => {
  const busy = (): Answer => ({ status: 503, body: { kind: 'Status', code: 503 } });
  await withServers([busy, () => ({ body: { kind: 'Pod' } })], async (servers) => {
    const client = clientFor(servers);
    await client.get(pods, { namespace: 'a', name: 'b' });
    assert.equal(servers[0]?.requests.length, 1);
    await client.close();
  });
});

test('a write whose connection broke after it was sent is not repeated', async () => {
  await withServers([() => ({ drop: true })], async (servers) => {
    const client = clientFor(servers);
    const write = client.create(pods, { metadata: { name: 'b', namespace: 'a' } });
    await assert.rejects(write, (error: unknown) => error instanceof ConnectionError && error.sent);
    assert.equal(servers[0]?.requests.length, 1);
    await client.close();
  });
});

test('a server that never answers ends in an error at the deadline', async () => {
  await withServers([() => ({ hang: true })], async (servers) => {
    const client = clientFor(servers, { timeoutMs: 50, retryForMs: 0 });
    await assert.rejects(client.get(pods, { namespace: 'a', name: 'b' }), /no answer within 50 ms/);
    await client.close();
  });
});

test('watch events arrive whole even when the wire cuts them inside a character, and 410 is an error', async () => {
  const event = (type: string, object: KubeObject): Buffer =>
    Buffer.from(`${JSON.stringify({ type, object })}\n`);
  const first = event('ADDED', { metadata: { name: 'é', resourceVersion: '5' } });
  const cut = first.indexOf(0xc3) + 1;
  const gone = event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' } as KubeObject);
  const chunks = [first.subarray(0, cut), first.subarray(cut), gone];
  await withServers([() => ({ chunks })], async (servers) => {
    const client = clientFor(servers);
    const names: unknown[] = [];
    await assert.rejects(
      async () => {
        for await (const { object } of client.watch(pods, {})) names.push(object.metadata?.name);
      },
      (error: unknown) => isGone(error),
    );
    assert.deepEqual(names, ['é']);
    await client.close();
  });
});
