/** A client that is too busy to look at the clock or at its connection, and then does both at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createClient, loadService } from './index.ts';

type KvShape = { put: { request: { key?: Buffer }; response: { prevKv?: { key?: Buffer } } } };
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');

/** Runs in a thread of its own: answers, and says so in shared memory once the answer has left. */
const server = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.index).then(async ({ GrpcServer, loadService }) => {
  const server = new GrpcServer({});
  server.addService(loadService('etcd/rpc.proto', 'etcdserverpb.KV'), {
    put: async ({ key }) => {
      setTimeout(() => {
        Atomics.add(workerData.answered, 0, 1);
        Atomics.notify(workerData.answered, 0);
      }, 50);
      return { prevKv: { key } };
    },
  });
  await server.listen("unix:" + workerData.path);
  parentPort.postMessage('listening');
});
`;

test('an answer that has come counts, although its deadline has passed when the client looks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-late-'));
  const path = join(folder, 'socket');
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const index = new URL('./index.ts', import.meta.url).href;
  const worker = new Worker(server, { eval: true, workerData: { index, path, answered } });
  const client = createClient(kv, `unix:${path}`);
  t.after(async () => {
    client.close();
    await worker.terminate();
    rmSync(folder, { recursive: true });
  });
  await once(worker, 'message');
  await client.unary('put', { key: Buffer.from('first') }, { timeoutMs: 60_000 });

  // Long enough for the request to leave first, also on a busy machine.
  const timeoutMs = 2_000;
  const start = performance.now();
  const call = client.unary('put', { key: Buffer.from('late') }, { timeoutMs });
  // The request leaves; then this thread does nothing until the answer has come and is late.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  while (Atomics.load(answered, 0) < 2) Atomics.wait(answered, 0, Atomics.load(answered, 0), 1_000);
  while (performance.now() - start < timeoutMs + 50) Atomics.wait(answered, 0, 2, 20);
  assert.equal((await call).prevKv?.key?.toString(), 'late');
});
