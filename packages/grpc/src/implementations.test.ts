/** The same calls on both implementations of server and client, and by h2load and etcdctl. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  createClient,
  GrpcError,
  GrpcServer,
  type ClientKind,
  type GrpcClient,
  loadService,
  type ServerKind,
  type ServerTls,
  Status,
} from './index.ts';

interface Put {
  key?: Buffer;
  value?: Buffer;
}
type KvShape = {
  put: { request: Put; response: { prevKv?: { key?: Buffer; value?: Buffer } } };
  rangeStream: {
    kind: 'server-stream';
    request: { key?: Buffer; limit?: number };
    response: { rangeResponse?: { count?: number; kvs?: { value?: Buffer }[] } };
  };
};
type WatchShape = {
  watch: {
    kind: 'bidi';
    request: { createRequest?: { key?: Buffer; startRevision?: number }; cancelRequest?: object };
    response: { watchId?: number; cancelReason?: string };
  };
};
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');
const watch = loadService<WatchShape>('etcd/rpc.proto', 'etcdserverpb.Watch');
const run = promisify(execFile);

interface Running {
  readonly target: string;
  readonly server: GrpcServer;
  readonly kv: GrpcClient<KvShape>;
  readonly watch: GrpcClient<WatchShape>;
  readonly folder: string;
  /** How many handlers wait, and how many saw their signal. */
  readonly seen: { waiting: number; aborted: number; written: number };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within 30 s`);
    await wait(5);
  }
}

/** Keys choose what a put does: an error, waiting for the end of the call, telling a header; or an echo. */
async function start(
  t: TestContext,
  { server: implementation, client = 'lean' }: { server: ServerKind; client?: ClientKind },
  address: 'unix' | 'tcp' | 'tls' = 'unix',
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-both-'));
  const server = new GrpcServer({ implementation, maxReceiveBytes: 1_000_000 });
  const seen = { waiting: 0, aborted: 0, written: 0 };
  server.addService(kv, {
    put: async (request, call) => {
      const key = request.key?.toString() ?? '';
      if (key === 'fail') throw new GrpcError(Status.FAILED_PRECONDITION, 'nicht möglich: 100 %\n');
      if (key === 'bug') throw new TypeError('a bug');
      if (key === 'header') return { prevKv: { value: Buffer.from(call.metadata('x-test') ?? '') } };
      if (key === 'peer') return { prevKv: { value: Buffer.from(call.peer) } };
      if (key === 'wait') {
        seen.waiting++;
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
        seen.aborted++;
      }
      return { prevKv: request };
    },
    rangeStream: async (request, call) => {
      const value = Buffer.alloc(50_000, 7);
      for (let count = 1; count <= (request.limit ?? 0) && !call.signal.aborted; count++) {
        seen.written = count;
        if (!call.write({ rangeResponse: { count, kvs: [{ value }] } })) await call.drained();
      }
      if (call.signal.aborted) seen.aborted++;
    },
  });
  server.addService(watch, {
    watch: async (call) => {
      for await (const { createRequest, cancelRequest } of call.requests) {
        if (cancelRequest !== undefined) throw new GrpcError(Status.OUT_OF_RANGE, 'enough');
        call.write({
          watchId: createRequest?.startRevision ?? 0,
          cancelReason: String(createRequest?.key?.length ?? 0),
        });
      }
    },
  });
  const { target, clientTls } = await bind(server, address, folder);
  const options = { timeoutMs: 60_000, tls: clientTls, implementation: client };
  const running = {
    target,
    server,
    kv: createClient(kv, target, options),
    watch: createClient(watch, target, options),
    folder,
    seen,
  };
  t.after(async () => {
    running.kv.close();
    running.watch.close();
    await server.shutdown(100);
    rmSync(folder, { recursive: true });
  });
  return running;
}

async function bind(
  server: GrpcServer,
  address: 'unix' | 'tcp' | 'tls',
  folder: string,
): Promise<{ target: string; clientTls?: { ca: Buffer; cert: Buffer; key: Buffer } }> {
  if (address === 'unix') {
    const target = `unix:${join(folder, 's')}`;
    await server.listen(target);
    assert.equal(statSync(join(folder, 's')).mode & 0o777, 0o600);
    return { target };
  }
  if (address === 'tcp') return { target: `127.0.0.1:${await server.listen('127.0.0.1:0')}` };
  const file = (name: string): string => join(folder, name);
  await run('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost'.split(' '),
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    file('key.pem'),
    '-out',
    file('cert.pem'),
  ]);
  const [cert, key] = [readFileSync(file('cert.pem')), readFileSync(file('key.pem'))];
  const tls: ServerTls = { cert, key, clientCa: cert, requireClientCertificate: true };
  return {
    target: `127.0.0.1:${await server.listen('127.0.0.1:0', tls)}`,
    clientTls: { ca: cert, cert, key },
  };
}

const pairs: readonly { readonly server: ServerKind; readonly client: ClientKind }[] = [
  { server: 'lean', client: 'lean' },
  { server: 'lean', client: 'grpc-js' },
  { server: 'grpc-js', client: 'lean' },
];

for (const pair of pairs) {
  const kind = `${pair.client} to ${pair.server}`;
  for (const address of ['unix', 'tcp', 'tls'] as const)
    test(`${kind}: unary calls, streams and errors over ${address}`, async (t) => {
      const running = await start(t, pair, address);
      const value = Buffer.alloc(700_000, 5);
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const { prevKv } = await running.kv.unary('put', { key: Buffer.from(`k${i}`), value });
          return prevKv?.key?.toString() === `k${i}` && prevKv.value?.equals(value);
        }),
      );
      assert.ok(answers.every((same) => same === true));
      await assert.rejects(running.kv.unary('put', { key: Buffer.from('fail') }), {
        code: Status.FAILED_PRECONDITION,
        details: 'nicht möglich: 100 %\n',
      });
      await assert.rejects(running.kv.unary('put', { key: Buffer.from('bug') }), {
        code: Status.INTERNAL,
        details: 'a bug',
      });
      const stream = running.watch.bidi('watch');
      const seen: string[] = [];
      // Longer than every window, so it comes only if the server widens them.
      stream.write({ createRequest: { startRevision: 1, key: Buffer.alloc(900_000) } });
      for (let i = 2; i <= 300; i++) stream.write({ createRequest: { startRevision: i } });
      stream.end();
      for await (const { watchId, cancelReason } of stream) seen.push(`${watchId}:${cancelReason}`);
      assert.deepEqual([seen[0], seen[1], seen.length], ['1:900000', '2:0', 300]);
      const failing = running.watch.bidi('watch');
      failing.write({ cancelRequest: {} });
      await assert.rejects(
        async () => {
          for await (const message of failing) assert.fail(JSON.stringify(message));
        },
        { code: Status.OUT_OF_RANGE, details: 'enough' },
      );
      let last = 0;
      for await (const { rangeResponse } of running.kv.serverStream('rangeStream', { limit: 60 })) {
        assert.equal(rangeResponse?.kvs?.[0]?.value?.length, 50_000);
        last = rangeResponse.count ?? 0;
      }
      assert.equal(last, 60);
    });

  test(`${kind}: a message that is too long, a method without a handler and a deadline have their codes`, async (t) => {
    const running = await start(t, pair);
    await assert.rejects(running.kv.unary('put', { value: Buffer.alloc(1_000_001) }), {
      code: Status.RESOURCE_EXHAUSTED,
    });
    const other = createClient(
      loadService<{ memberList: { request: object; response: object } }>(
        'etcd/rpc.proto',
        'etcdserverpb.Cluster',
      ),
      running.target,
    );
    t.after(() => other.close());
    await assert.rejects(other.unary('memberList', {}), { code: Status.UNIMPLEMENTED });
    // Until one has come to the handler before its time was over.
    for (let timeoutMs = 100; running.seen.waiting === 0; timeoutMs *= 2)
      await assert.rejects(running.kv.unary('put', { key: Buffer.from('wait') }, { timeoutMs }), {
        code: Status.DEADLINE_EXCEEDED,
      });
    await until(() => running.seen.aborted === running.seen.waiting, 'the handler’s signal at the deadline');
  });

  test(`${kind}: a handler learns that its client cancelled, or went away, and sees headers`, async (t) => {
    const running = await start(t, pair, 'tcp');
    const { prevKv } = await running.kv.unary(
      'put',
      { key: Buffer.from('header') },
      { metadata: { 'x-test': 'a value' } },
    );
    assert.equal(prevKv?.value?.toString(), 'a value');
    const peer = await running.kv.unary('put', { key: Buffer.from('peer') });
    assert.match(peer.prevKv?.value?.toString() ?? '', /^127\.0\.0\.1:\d+$/);
    const stop = new AbortController();
    const cancelled = running.kv.unary('put', { key: Buffer.from('wait') }, { signal: stop.signal });
    await until(() => running.seen.waiting === 1, 'the call');
    stop.abort();
    await assert.rejects(cancelled, { code: Status.CANCELLED });
    await until(() => running.seen.aborted === 1, 'the handler’s signal');
    // A reader that stops early ends the stream, and the writer was held up long before the end.
    for await (const { rangeResponse } of running.kv.serverStream('rangeStream', { limit: 100_000 })) {
      if (rangeResponse?.count === 3) break;
    }
    await until(() => running.seen.aborted === 2, 'the stream handler’s signal');
    assert.ok(running.seen.written < 1_000, `${running.seen.written} messages were written`);
  });

  test(`${kind}: shutdown lets running calls end within the grace and ends the others`, async (t) => {
    const running = await start(t, pair);
    const waiting = running.kv.unary('put', { key: Buffer.from('wait') });
    const ended = assert.rejects(waiting, (error) => error instanceof GrpcError);
    await until(() => running.seen.waiting === 1, 'the call');
    await running.server.shutdown(100);
    await ended;
    await until(() => running.seen.aborted === 1, 'the handler’s signal');
  });
}

for (const server of ['lean', 'grpc-js'] as const)
  test(`${server}: h2load's calls are all answered`, async (t) => {
    const running = await start(t, { server }, 'tcp');
    const body = join(running.folder, 'put.bin');
    writeFileSync(body, Buffer.from('000000000a0a016112057878787878', 'hex'));
    const { stdout } = await run('h2load', [
      ...'-n 500 -c 5 -m 10 -H content-type:application/grpc -H te:trailers -d'.split(' '),
      body,
      `http://${running.target}/etcdserverpb.KV/Put`,
    ]);
    assert.match(stdout, /500 succeeded, 0 failed, 0 errored/);
  });

test('lean: a client without a certificate is refused, and so is one that does not offer h2', async (t) => {
  const running = await start(t, { server: 'lean' }, 'tls');
  const ca = readFileSync(join(running.folder, 'cert.pem'));
  const nobody = createClient(kv, running.target, { tls: { ca } });
  t.after(() => nobody.close());
  await assert.rejects(nobody.unary('put', {}, { timeoutMs: 60_000 }), (error) => error instanceof GrpcError);
  const file = (name: string): string => join(running.folder, name);
  const curl = ['--http1.1', '-sS', '--cacert', file('cert.pem'), '--cert', file('cert.pem')];
  await assert.rejects(run('curl', [...curl, '--key', file('key.pem'), `https://${running.target}/`]));
  await running.kv.unary('put', {});
});

test('lean: etcdctl, given an endpoint with a scheme, is served though it sends it as the authority', async (t) => {
  const maintenance = loadService<{ status: { request: object; response: { version?: string } } }>(
    'etcd/rpc.proto',
    'etcdserverpb.Maintenance',
  );
  const server = new GrpcServer({ implementation: 'lean' });
  let authority: string | undefined;
  server.addService(maintenance, {
    status: (_request, call) => {
      authority = call.metadata(':authority');
      return { version: '3.5.21' };
    },
  });
  const endpoint = `http://127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  t.after(() => server.shutdown(100));
  const { stdout } = await run('etcdctl', ['--endpoints', endpoint, 'endpoint', 'status', '-w', 'json'], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  assert.match(stdout, /3\.5\.21/);
  assert.equal(authority, endpoint);
});
