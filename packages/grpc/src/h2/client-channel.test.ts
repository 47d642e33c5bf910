/** Connections that cannot be had, are lost, and come back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { createClient, GrpcServer, loadService, Status } from '../index.ts';
import { frame } from './memory-peer.ts';
import { ErrorCode, FrameType } from './protocol.ts';

type KvShape = {
  put: { request: { key?: Buffer }; response: { prevKv?: { key?: Buffer } } };
};
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');

function socket(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-channel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return `unix:${join(folder, 's')}`;
}

async function serve(
  t: TestContext,
  target: string,
): Promise<{ server: GrpcServer; waiting: Promise<void> }> {
  const server = new GrpcServer({ implementation: 'lean' });
  const waiting = new Promise<void>((resolve) =>
    server.addService(kv, {
      put: async ({ key }, call) => {
        if (key?.toString() === 'wait') {
          resolve();
          await new Promise<void>((over) => call.signal.addEventListener('abort', () => over()));
        }
        return { prevKv: { key: key ?? Buffer.alloc(0) } };
      },
    }),
  );
  await server.listen(target);
  t.after(() => server.shutdown(0));
  return { server, waiting };
}

test('a server that is away costs no time, is waited for on request, and is found again when it is back', async (t) => {
  const target = socket(t);
  const client = createClient(kv, target);
  t.after(() => client.close());
  const away = { code: Status.UNAVAILABLE, details: /No connection established to unix:.*ENOENT/ };
  await assert.rejects(client.unary('put', {}), away);
  await assert.rejects(client.unary('put', {}), away);
  await assert.rejects(client.ready(300), { code: Status.UNAVAILABLE, details: /within 300 ms/ });
  const ready = client.ready(10_000);
  const first = await serve(t, target);
  await ready;
  await client.unary('put', {});

  const lost = assert.rejects(client.unary('put', { key: Buffer.from('wait') }), {
    code: Status.UNAVAILABLE,
  });
  await first.waiting;
  await first.server.shutdown(0);
  await lost;
  await serve(t, target);
  await client.ready(10_000);
  const { prevKv } = await client.unary('put', { key: Buffer.from('again') });
  assert.equal(prevKv?.key?.toString(), 'again');
});

test('a client that is closed ends its calls, and takes no more', async (t) => {
  const target = socket(t);
  const { waiting } = await serve(t, target);
  const client = createClient(kv, target);
  const call = assert.rejects(client.unary('put', { key: Buffer.from('wait') }), {
    code: Status.UNAVAILABLE,
  });
  await waiting;
  client.close();
  await call;
  await assert.rejects(client.unary('put', {}), {
    code: Status.UNAVAILABLE,
    details: 'the client is closed',
  });
});

test('calls that are cancelled or late while the server is silent end with their own codes', async (t) => {
  // It takes connections and never says a word.
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  assert.ok(typeof address === 'object' && address !== null);
  const client = createClient(kv, `127.0.0.1:${address.port}`);
  t.after(() => {
    client.close();
    silent.close();
  });
  const stop = new AbortController();
  const cancelled = client.unary('put', {}, { signal: stop.signal });
  stop.abort();
  await assert.rejects(cancelled, { code: Status.CANCELLED });
  await assert.rejects(client.unary('put', {}, { timeoutMs: 50 }), { code: Status.DEADLINE_EXCEEDED });
});

test('a client that has nothing to do does not keep its process alive', async (t) => {
  const target = socket(t);
  await serve(t, target);
  const script = `
    const { createClient, loadService } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)});
    const client = createClient(loadService('etcd/rpc.proto', 'etcdserverpb.KV'), ${JSON.stringify(target)});
    await client.unary('put', {});
    console.log('answered');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60_000,
  });
  assert.equal(stdout, 'answered\n');
});

test('a server that ends a connection because of too many questions is asked half as often on the next', async (t) => {
  // It says so once it was asked.
  const target = socket(t);
  const server = createServer((connection) => {
    let read = Buffer.alloc(0);
    connection.on('error', () => undefined);
    connection.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      if (!read.includes('are you?')) return;
      const calm = Buffer.alloc(8);
      calm.writeUInt32BE(0x7fff_ffff, 0);
      calm.writeUInt32BE(ErrorCode.ENHANCE_YOUR_CALM, 4);
      connection.end(frame(FrameType.GOAWAY, 0, 0, calm));
    });
    connection.write(frame(FrameType.SETTINGS, 0, 0));
  });
  await new Promise<void>((resolve) => server.listen(target.slice('unix:'.length), resolve));
  const intervals: number[] = [];
  const beats = (beat: () => void, everyMs: number): (() => void) => {
    intervals.push(everyMs);
    setImmediate(beat);
    return () => undefined;
  };
  const client = createClient(kv, target, { keepalive: { everyMs: 10, beats } });
  t.after(() => {
    client.close();
    server.close();
  });
  const dropped = { code: Status.UNAVAILABLE, details: /Connection dropped/ };
  for (let i = 0; i < 3; i++) await assert.rejects(client.unary('put', {}), dropped);
  assert.deepEqual(intervals, [10, 20, 40]);
});
