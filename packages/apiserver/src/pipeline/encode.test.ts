import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '@timonier/api';
import { StoredObject } from '../storage/stored-object.ts';
import { encodeList, encodeProtobufList } from './encode.ts';

const info = registry.lookup('', 'v1', 'configmaps');
assert.ok(info);
const representation = { media: 'protobuf', form: 'object', metaVersion: 'v1', pretty: false } as const;
const meta = { resourceVersion: '7', continue: 'more', remainingItemCount: 3 };

function items(count: number, bytes: number): StoredObject[] {
  return Array.from({ length: count }, (_, i) => {
    const object = {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: `m${i}`, namespace: 'default', labels: { i: String(i) } },
      data: { a: 'x'.repeat(bytes) },
    };
    return new StoredObject(`/registry/configmaps/default/m${i}`, Buffer.from(JSON.stringify(object)), 7, 7);
  });
}

test('a list in protobuf that is made in pieces has the bytes of one that is made at once', async () => {
  for (const [count, bytes] of [
    [0, 0],
    [1, 10],
    [3, 100_000],
    [500, 1_000],
  ] as const) {
    const all = items(count, bytes);
    const whole = encodeList(all, meta, { info, representation, includeObject: 'Metadata' });
    assert.ok((await encodeProtobufList(all, meta, info)).equals(whole), `${count} of ${bytes} bytes`);
  }
});

test('others have their turn while a long list is made in protobuf', async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  await encodeProtobufList(items(20_000, 500), meta, info);
  clearImmediate(timer);
  assert.ok(turns > 3, `${turns} turns`);
});
