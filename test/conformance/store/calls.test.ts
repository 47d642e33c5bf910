/**
 * What etcdctl has no words for, asked over gRPC of Debian's etcd and of `timonier store`: counts, filters by
 * revision, comparisons over ranges and of leases, nested transactions, errors with their codes.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createClient, type GrpcClient, GrpcError, loadService } from '@timonier/grpc';
import { etcd, StoreGroup, timonier } from './members.ts';

type Call = {
  readonly method: 'range' | 'put' | 'deleteRange' | 'txn' | 'compact';
  readonly request: object;
};
type Shape = Record<Call['method'], { request: object; response: object }>;

const kv = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.KV', {
  bigintFields: ['clusterId', 'memberId', 'lease'],
});

const bytes = (text: string): Buffer => Buffer.from(text);
const end = bytes('\0');
const put = (key: string, value: string, more: object = {}): Call => ({
  method: 'put',
  request: { key: bytes(key), value: bytes(value), ...more },
});
const range = (request: object): Call => ({ method: 'range', request });
const all = (request: object): Call => range({ key: end, rangeEnd: end, ...request });
const txn = (request: object): Call => ({ method: 'txn', request });
const getOp = (key: string): object => ({ requestRange: { key: bytes(key) } });
const putOp = (key: string, value: string): object => ({
  requestPut: { key: bytes(key), value: bytes(value) },
});
const deleteOp = (key: string, rangeEnd = ''): object => ({
  requestDeleteRange: { key: bytes(key), rangeEnd: bytes(rangeEnd) },
});
/** `result`: 0 equal, 1 greater, 2 less, 3 not equal. `target`: 0 version, 1 create, 2 mod, 3 value, 4 lease. */
const compare = (key: string, target: number, result: number, rest: object): object => ({
  key: bytes(key),
  target,
  result,
  ...rest,
});

/** In order: each call sees what the ones before it did. */
const calls: readonly (readonly [name: string, call: Call])[] = [
  ['put a', put('a', '1')],
  ['put b', put('b', '2')],
  ['put c', put('c', '0')],
  ['put a again', put('a', '3')],
  ['put d', put('d', '3', { prevKv: true })],
  ['count everything', all({ countOnly: true })],
  ['count one key', range({ key: bytes('a'), countOnly: true })],
  ['count with a limit', all({ countOnly: true, limit: 1 })],
  ['count in the past', all({ countOnly: true, revision: 3 })],
  ['sort by a target without an order', all({ sortTarget: 3 })],
  ['sort by value without an order', all({ sortTarget: 4 })],
  ['sort by key without an order', all({ sortTarget: 0 })],
  ['only changed since', all({ minModRevision: 4 })],
  ['only changed until', all({ maxModRevision: 4 })],
  ['only created since', all({ minCreateRevision: 3 })],
  ['only created until', all({ maxCreateRevision: 3 })],
  ['a filter and a limit', all({ minModRevision: 3, limit: 1 })],
  ['a filter that takes some, and a limit it does not reach', all({ minModRevision: 5, limit: 3 })],
  ['a filter and a count', all({ minModRevision: 5, countOnly: true })],
  ['a limit below zero', all({ limit: -1 })],
  ['keys only, in the past, backwards', all({ keysOnly: true, revision: 4, sortOrder: 2 })],
  ['an empty range', range({ key: bytes('b'), rangeEnd: bytes('a') })],
  ['a range that ends where it begins', range({ key: bytes('b'), rangeEnd: bytes('b') })],
  ['binary keys', put('\0\xff', 'x')],
  ['ignore a value that is given', put('a', 'x', { ignoreValue: true })],
  ['ignore a lease that is given', put('a', 'x', { ignoreLease: true, lease: 5n })],
  ['put under no lease', put('a', 'x', { lease: 5n })],
  ['compare a lease', txn({ compare: [compare('a', 4, 0, { lease: 0n })], success: [getOp('a')] })],
  ['compare a lease that differs', txn({ compare: [compare('a', 4, 0, { lease: 7n })] })],
  [
    'compare a range, all of which holds',
    txn({
      compare: [compare('a', 0, 1, { version: 0, rangeEnd: bytes('e') })],
      success: [putOp('range', 'held')],
    }),
  ],
  [
    'compare a range, one of which does not hold',
    txn({
      compare: [compare('a', 0, 0, { version: 1, rangeEnd: bytes('e') })],
      failure: [putOp('range', 'did not hold')],
    }),
  ],
  [
    'compare an empty range',
    txn({ compare: [compare('x', 0, 1, { version: 0, rangeEnd: bytes('z') })], success: [getOp('a')] }),
  ],
  ['compare the value of nothing', txn({ compare: [compare('x', 3, 3, { value: bytes('v') })] })],
  ['compare no operand', txn({ compare: [compare('a', 0, 0, {})], failure: [getOp('a')] })],
  [
    'nest transactions',
    txn({
      success: [
        putOp('n', '1'),
        {
          requestTxn: {
            compare: [compare('n', 0, 0, { version: 0 })],
            success: [getOp('n'), putOp('inner', 'not yet there')],
            failure: [getOp('n'), putOp('inner', 'there')],
          },
        },
        getOp('inner'),
      ],
    }),
  ],
  [
    'put a key twice, once in a nested transaction',
    txn({ success: [putOp('m', '1'), { requestTxn: { success: [putOp('m', '2')] } }] }),
  ],
  [
    'put a key in either branch of a nested transaction',
    txn({ success: [{ requestTxn: { success: [putOp('m', '1')], failure: [putOp('m', '2')] } }] }),
  ],
  ['delete a range, then put into it', txn({ success: [deleteOp('m', 'o'), putOp('n', '2')] })],
  ['put, then delete the range', txn({ success: [putOp('n', '2'), deleteOp('m', 'o')] })],
  ['put twice in different branches', txn({ success: [putOp('n', '3')], failure: [putOp('n', '4')] })],
  ['an operation without a request', txn({ success: [{}] })],
  [
    'a read in a transaction at a revision to come',
    txn({ success: [{ requestRange: { key: bytes('a'), revision: 999 } }] }),
  ],
  ['delete nothing', { method: 'deleteRange', request: { key: bytes('none') } }],
  ['delete with what was there', { method: 'deleteRange', request: { key: bytes('b'), prevKv: true } }],
  ['a key that is too large', put('large', 'x'.repeat(1_600_000))],
  ['compact', { method: 'compact', request: { revision: 6, physical: true } }],
  ['compact the same', { method: 'compact', request: { revision: 6 } }],
  ['compact what is to come', { method: 'compact', request: { revision: 999 } }],
  ['count below the compaction', all({ countOnly: true, revision: 5 })],
  ['count at the compaction', all({ countOnly: true, revision: 6 })],
  ['everything', all({})],
];

/** What must differ: who answered. Buffers become text, so that a failure can be read. */
function comparable(response: unknown): unknown {
  if (Buffer.isBuffer(response)) return response.toString('latin1');
  if (Array.isArray(response)) return response.map(comparable);
  if (response === null || typeof response !== 'object') return response;
  return Object.fromEntries(
    Object.entries(response)
      .filter(([name]) => !['clusterId', 'memberId', 'raftTerm'].includes(name))
      .map(([name, value]) => [name, comparable(value)]),
  );
}

async function ask(client: GrpcClient<Shape>, { method, request }: Call): Promise<unknown> {
  try {
    return comparable(await client.unary(method, request, { timeoutMs: 60_000 }));
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return { code: error.code, message: error.message };
  }
}

suite('a gRPC client gets the same answers', () => {
  const groups: StoreGroup[] = [];
  const clients: GrpcClient<Shape>[] = [];

  before(
    async () => {
      for (const program of [etcd, process.env['STORE_PEER'] === 'etcd' ? etcd : timonier]) {
        const group = await StoreGroup.start(program, 1);
        groups.push(group);
        for (const { address } of group.members) clients.push(createClient(kv, address));
      }
    },
    { timeout: 300_000 },
  );
  after(async () => {
    for (const client of clients) client.close();
    for (const group of groups) await group.close();
  });

  for (const [name, call] of calls)
    test(name, async () => {
      const [theirs, ours] = await Promise.all(clients.map((client) => ask(client, call)));
      assert.deepEqual(ours, theirs);
    });
});
