import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry } from '@timonier/api';
import { openapiV2 } from '@timonier/api/openapi';
import { Reader } from '@timonier/api/protobuf/wire';
import { encodeOpenApiV2 } from './openapi-protobuf.ts';

type Fields = ReadonlyMap<number, readonly Buffer[]>;

/** The length-delimited fields of a message by their numbers; those of other forms are passed over. */
function read(bytes: Uint8Array): Fields {
  const found = new Map<number, Buffer[]>();
  const data = Buffer.from(bytes);
  let at = 0;
  const varint = (): number => {
    const reader = new Reader(data, at);
    const value = Number(reader.varint());
    while ((data[at] ?? 0) > 0x7f) at++;
    at++;
    return value;
  };
  while (at < data.length) {
    const tag = varint();
    if ((tag & 7) === 0) varint();
    else if ((tag & 7) === 1) at += 8;
    else if ((tag & 7) === 5) at += 4;
    else {
      const size = varint();
      const list = found.get(tag >>> 3) ?? [];
      list.push(data.subarray(at, at + size));
      found.set(tag >>> 3, list);
      at += size;
    }
  }
  assert.equal(at, data.length, 'the message ends where its last field does');
  return found;
}

/** Names of `NamedSchema` and `NamedPathItem`, whose first field is the name and whose second is the value. */
function names(messages: readonly Buffer[] | undefined): string[] {
  return (messages ?? []).map((message) => read(message).get(1)?.[0]?.toString() ?? '');
}

test('the OpenAPI v2 document in protobuf has every definition, path and operation of the JSON one', () => {
  const document = openapiV2({ registry: createRegistry(), served: () => true });
  const root = read(encodeOpenApiV2(document));
  assert.equal(root.get(1)?.[0]?.toString(), '2.0');
  const definitions = read(root.get(9)?.[0] ?? Buffer.alloc(0)).get(1);
  assert.deepEqual(names(definitions).sort(), Object.keys(document['definitions'] as object).sort());
  const items = read(root.get(8)?.[0] ?? Buffer.alloc(0)).get(2);
  const paths = document['paths'] as Record<string, Record<string, unknown>>;
  assert.deepEqual(names(items).sort(), Object.keys(paths).sort());
  const numbers: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };
  for (const item of items ?? []) {
    const named = read(item);
    const path = paths[named.get(1)?.[0]?.toString() ?? ''] ?? {};
    const value = read(named.get(2)?.[0] ?? Buffer.alloc(0));
    for (const [method, number] of Object.entries(numbers))
      assert.equal(value.has(number), path[method] !== undefined, `${method} ${String(named.get(1)?.[0])}`);
  }
});
