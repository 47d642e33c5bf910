import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadJson } from './json.ts';
import { loadMessage } from './proto.ts';

const put = loadJson('etcd/rpc.proto', 'etcdserverpb.PutRequest');
const putCodec = loadMessage<Record<string, unknown>>('etcd/rpc.proto', 'etcdserverpb.PutRequest', {
  bigintFields: ['lease'],
});
const range = loadJson('etcd/rpc.proto', 'etcdserverpb.RangeResponse');
const txn = loadJson('etcd/rpc.proto', 'etcdserverpb.TxnRequest');

test('what is read from JSON is what the codec encodes, 64-bit numbers exactly', () => {
  const read = put.read({ key: 'AP8=', value: 'Yg==', lease: '9223372036854775807', prev_kv: true });
  const { key, value, lease, prevKv } = putCodec.decode(putCodec.encode(read));
  assert.deepEqual(key, Buffer.from([0, 255]));
  assert.deepEqual(value, Buffer.from('b'));
  assert.equal(lease, 9_223_372_036_854_775_807n);
  assert.equal(prevKv, true);
});

test('fields have the names of the file, numbers of 64 bits are text, defaults are left out', () => {
  const text = range.write({
    header: { clusterId: -1n, memberId: 2n, revision: 3, raftTerm: 0 },
    kvs: [{ key: Buffer.from('k'), value: Buffer.alloc(0), modRevision: 3, version: 0, lease: 0n }],
    more: false,
    count: 1,
  });
  assert.equal(
    text,
    '{"header":{"cluster_id":"18446744073709551615","member_id":"2","revision":"3"},' +
      '"kvs":[{"key":"aw==","mod_revision":"3"}],"count":"1"}',
  );
});

test('enumerations are read by name and number, and a member of a oneof keeps its zero', () => {
  const { compare } = txn.read({ compare: [{ target: 'MOD', result: 3, mod_revision: '0' }] });
  assert.deepEqual(compare, [{ target: 2, result: 3, modRevision: 0n }]);
  assert.equal(
    txn.write({ compare: [{ target: 2, result: 0, modRevision: 0, key: Buffer.from('a') }] }),
    '{"compare":[{"target":"MOD","key":"YQ==","mod_revision":"0"}]}',
  );
});

test('what does not fit is refused, never taken for something else', () => {
  for (const [value, message] of [
    [{ key: 'a' }, /illegal base64/],
    [{ key: 'YQ=a' }, /illegal base64/],
    [{ lease: '1.5' }, /cannot unmarshal/],
    [{ lease: '9223372036854775808' }, /cannot unmarshal/],
    [{ prev_kv: 'true' }, /into Go value of type bool/],
    ['text', /map\[string\]/],
  ] as const)
    assert.throws(() => put.read(value), message);
});
