/** A watch that waits for a version while its server is cut off from a store that meanwhile forgets what came before. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { startApiServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const maps = '/api/v1/namespaces/default/configmaps';

/** A way to the store that can be cut and mended. */
async function cuttable(
  t: TestContext,
  to: string,
): Promise<{ endpoint: string; cut: () => void; mend: () => void }> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const up = connect(Number(new URL(to).port), '127.0.0.1');
    for (const one of [socket, up]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    socket.on('close', () => up.destroy());
    up.on('close', () => socket.destroy());
    socket.pipe(up).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  t.after(() => {
    server.close();
    destroyAll();
  });
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    cut: () => {
      isCut = true;
      destroyAll();
    },
    mend: () => {
      isCut = false;
    },
  };
}

test('a watch that waited while the store was loaded anew shows what was loaded, and what comes after', async (t) => {
  const { endpoint } = await startEtcd(t);
  const way = await cuttable(t, endpoint);
  const server = await startApiServer(t, { endpoint: way.endpoint });
  const other = await startApiServer(t, { endpoint, pki: server.pki });
  const create = async (name: string): Promise<string> => {
    const answer = await other.request('POST', maps, { metadata: { name } });
    assert.equal(answer.status, 201, answer.body.toString());
    return answer.json.metadata.resourceVersion as string;
  };
  const first = await create('before');
  await until(
    async () => (await server.request('GET', `${maps}/before?resourceVersion=${first}`)).status === 200,
    'the cache has what was there before',
  );
  way.cut();
  const version = await create('meanwhile');
  // Past what was cut off, so that nothing can be followed from there.
  const last = Number(await create('last'));
  const direct = new StoreClient({ endpoints: [endpoint] });
  t.after(() => direct.close());
  await direct.compact(last);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const timer = setTimeout(() => stop.abort(), 60_000);
  const query = `watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&resourceVersion=${version}`;
  const events = server.watch(`${maps}?${query}`, stop.signal);
  const next = async (): Promise<string> => {
    const { value, done } = await events.next();
    return done === true ? 'ended' : `${value.type} ${value.object.metadata.name ?? ''}`;
  };
  const pending = next();
  await until(
    async () =>
      /apiserver_longrunning_requests\{[^}]*"configmaps"[^}]*\} 1/.test(await server.metrics.metrics()),
    'the watch waits',
  );
  way.mend();
  const seen = [await pending, await next(), await next(), await next()];
  assert.deepEqual(seen, ['ADDED before', 'ADDED last', 'ADDED meanwhile', 'BOOKMARK ']);
  await create('after');
  assert.equal(await next(), 'ADDED after');
  clearTimeout(timer);
});
