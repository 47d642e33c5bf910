import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient, GrpcError, GrpcServer, loadMessage, loadRoot, loadService, Status } from './index.ts';

interface KeyValue {
  key?: Buffer;
  createRevision?: number;
  modRevision?: number;
  version?: number;
  value?: Buffer;
  lease?: bigint;
}
interface PutRequest {
  key?: Buffer;
  value?: Buffer;
  lease?: bigint;
  prevKv?: boolean;
}
type KvShape = {
  put: { request: PutRequest; response: { prevKv?: KeyValue } };
  rangeStream: { request: PutRequest; response: { rangeResponse?: { count?: number } } };
};
type WatchShape = {
  watch: {
    kind: 'bidi';
    request: {
      createRequest?: { key?: Buffer; startRevision?: number };
      cancelRequest?: { watchId?: number };
    };
    response: { watchId?: number; created?: boolean };
  };
};
const ids = { bigintFields: ['lease', 'ID', 'clusterId', 'memberId'] };
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV', ids);
const watch = loadService<WatchShape>('etcd/rpc.proto', 'etcdserverpb.Watch', ids);

test('our codec and protobufjs agree on the bytes of a message with every kind of field', () => {
  const type = loadRoot('etcd/rpc.proto').lookupType('etcdserverpb.WatchResponse');
  const message = {
    header: { clusterId: 0xfedcba9876543210n, memberId: 1n, revision: 2 ** 40 + 5, raftTerm: -1 },
    watchId: -1,
    created: true,
    compactRevision: 127,
    cancelReason: 'größer',
    events: [
      { type: 1, kv: { key: Buffer.from('a'), modRevision: 128, lease: 2n ** 62n + 1n } },
      { type: 0, kv: { key: Buffer.alloc(70_000, 1) }, prevKv: {} },
    ],
  };
  const codec = loadMessage<typeof message>('etcd/rpc.proto', 'etcdserverpb.WatchResponse', ids);
  const bytes = codec.encode(message);
  const theirs = type.toObject(type.decode(bytes), { longs: String });
  assert.deepEqual(theirs['header'], {
    clusterId: '18364758544493064720',
    memberId: '1',
    revision: String(2 ** 40 + 5),
    raftTerm: '18446744073709551615',
  });
  assert.equal(theirs['cancelReason'], 'größer');
  assert.deepEqual(Buffer.from(type.encode(type.fromObject(theirs)).finish()), bytes);
  const back = codec.decode(bytes);
  assert.equal(back.header.clusterId, 0xfedcba9876543210n);
  assert.equal(back.header.revision, 2 ** 40 + 5);
  assert.equal(back.watchId, -1);
  assert.equal(back.events[0]?.kv.lease, 2n ** 62n + 1n);
  assert.equal(back.events[1]?.kv.key.length, 70_000);
});

test('a oneof member that is set to its zero value survives the trip', () => {
  const codec = loadMessage<{ version?: number; value?: Buffer }>(
    'etcd/rpc.proto',
    'etcdserverpb.Compare',
    ids,
  );
  const back = codec.decode(codec.encode({ version: 0 }));
  assert.equal(back.version, 0);
  assert.equal(back.value, undefined);
});

test('a message that is cut anywhere inside a field is refused, never read past its end', () => {
  const codec = loadMessage<PutRequest>('etcd/rpc.proto', 'etcdserverpb.PutRequest', ids);
  const bytes = codec.encode({ key: Buffer.from('key'), value: Buffer.from('value'), lease: 1n << 50n });
  for (let cut = 1; cut < bytes.length; cut++) {
    if (cut === 5 || cut === 12) continue; // the ends of whole fields
    assert.throws(() => codec.decode(bytes.subarray(0, cut)), /message|field/, `cut at ${cut}`);
  }
});

test('unary calls, streams and errors cross a unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const target = `unix:${join(folder, 's')}`;
  const server = new GrpcServer();
  server.addService(kv, {
    put: (request: PutRequest) => {
      if (request.key?.length === 0)
        throw new GrpcError(Status.INVALID_ARGUMENT, 'etcdserver: key is not provided');
      return { prevKv: { ...request, version: 1 } };
    },
  });
  server.addService(watch, {
    watch: async (call) => {
      for await (const { createRequest } of call.requests) {
        if (createRequest === undefined) throw new GrpcError(Status.OUT_OF_RANGE, 'done');
        call.write({ watchId: createRequest.startRevision ?? 0, created: true });
      }
    },
  });
  await server.listen(target);
  const client = createClient(kv, target);
  const watcher = createClient(watch, target);
  t.after(async () => {
    client.close();
    watcher.close();
    await server.shutdown(100);
  });
  const { prevKv } = await client.unary('put', { key: Buffer.from('k'), lease: 5n });
  assert.equal(prevKv?.key?.toString(), 'k');
  assert.equal(prevKv?.lease, 5n);
  await assert.rejects(client.unary('put', {}), (error: unknown) => {
    return (
      error instanceof GrpcError && error.code === 3 && error.details === 'etcdserver: key is not provided'
    );
  });
  const stream = watcher.bidi('watch');
  stream.write({ createRequest: { startRevision: 7 } });
  stream.write({ createRequest: { startRevision: 8 } });
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const message of stream) {
      seen.push(message.watchId);
      if (seen.length === 2) stream.write({ cancelRequest: {} });
    }
  }, /OUT_OF_RANGE: done/);
  assert.deepEqual(seen, [7, 8]);
  const nobody = createClient(kv, `unix:${join(folder, 'absent')}`);
  t.after(() => nobody.close());
  await assert.rejects(
    nobody.unary('put', {}, { timeoutMs: 60_000 }),
    (error: unknown) => error instanceof GrpcError && error.code === Status.UNAVAILABLE,
  );
});
