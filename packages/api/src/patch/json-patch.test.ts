/** What kube-apiserver 1.36 does with JSON patches beyond RFC 6902, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../json.ts';
import { applyJsonPatch } from './json-patch.ts';
import { PatchError } from './patch-error.ts';
import type { JsonObject } from './structure.ts';

const original = { data: { a: 'b' }, list: ['x', 'y'] };
const apply = (...operations: readonly object[]): unknown => applyJsonPatch(original, operations);
const refused = { message: 'the server rejected our request due to an error in our request' };

test('negative indexes count from the end', () => {
  assert.deepEqual(apply({ op: 'add', path: '/list/-1', value: 'z' }), {
    ...original,
    list: ['x', 'y', 'z'],
  });
  assert.deepEqual(apply({ op: 'add', path: '/list/-3', value: 'z' }), {
    ...original,
    list: ['z', 'x', 'y'],
  });
  assert.deepEqual(apply({ op: 'replace', path: '/list/-1', value: 'z' }), { ...original, list: ['x', 'z'] });
  assert.deepEqual(apply({ op: 'remove', path: '/list/-2' }), { ...original, list: ['y'] });
  assert.deepEqual(apply({ op: 'copy', from: '/list/-1', path: '/data/c' }), {
    ...original,
    data: { a: 'b', c: 'y' },
  });
  assert.throws(() => apply({ op: 'add', path: '/list/-4', value: 'z' }), refused);
});

test('a name like a negative index is one of an object', () => {
  assert.deepEqual(applyJsonPatch({ a: { '-1': 1 } }, [{ op: 'remove', path: '/a/-1' }]), { a: {} });
});

test('a copy of what an object does not have is null, and nothing of it can be moved', () => {
  assert.deepEqual(apply({ op: 'copy', from: '/data/x', path: '/data/y' }), {
    ...original,
    data: { a: 'b', y: null },
  });
  assert.throws(() => apply({ op: 'copy', from: '/what/x', path: '/data/y' }), refused);
  assert.throws(() => apply({ op: 'move', from: '/data/x', path: '/data/y' }), refused);
});

test('what is no operation is refused with its type', () => {
  const text = (patch: unknown): string => {
    try {
      applyJsonPatch(original, patch);
    } catch (error) {
      return error instanceof PatchError ? `${error.code} ${error.message}` : String(error);
    }
    return 'taken';
  };
  const start = '400 error decoding patch: json: cannot unmarshal number into Go';
  assert.equal(text([7]), `${start} value of type handlers.jsonPatchOp`);
  assert.equal(text([{ op: 7 }]), `${start} struct field jsonPatchOp.op of type string`);
});

test('what a patch moves and copies is moved and copied, each seeing what the one before did', () => {
  assert.deepEqual(apply({ op: 'move', from: '/list/1', path: '/list/0' }), {
    ...original,
    list: ['y', 'x'],
  });
  assert.deepEqual(apply({ op: 'move', from: '/list/0', path: '/list/1' }), {
    ...original,
    list: ['y', 'x'],
  });
  assert.deepEqual(apply({ op: 'move', from: '/data/a', path: '/data/a' }), original);
  assert.deepEqual(apply({ op: 'move', from: '/list', path: '/data' }), { data: ['x', 'y'] });
  assert.throws(() => apply({ op: 'move', from: '/list/0', path: '/list/2' }), refused);
  assert.throws(() => apply({ op: 'move', from: '/list/2', path: '/data/c' }), refused);
  assert.throws(() => apply({ op: 'move', path: '/data/c' }), refused);
  assert.throws(() => apply({ op: 'copy', from: '/list/2', path: '/data/c' }), refused);
  assert.deepEqual(
    apply({ op: 'copy', from: '/data', path: '/more' }, { op: 'add', path: '/data/a', value: 'c' }),
    {
      ...original,
      data: { a: 'c' },
      more: { a: 'b' },
    },
  );
});

test('integers that a number cannot hold stay as they are', () => {
  const { value } = parseJson(Buffer.from('{"a":12345678901234567890,"list":[1]}'));
  const operations = [
    { op: 'copy', from: '/a', path: '/b' },
    { op: 'move', from: '/a', path: '/list/0' },
  ];
  assert.equal(
    JSON.stringify(applyJsonPatch(value as JsonObject, operations)),
    '{"list":[12345678901234567890,1],"b":12345678901234567890}',
  );
});

test('what operations do not touch is not written down for them', (t) => {
  const written = t.mock.method(JSON, 'stringify');
  const patch = Array.from({ length: 20 }, (_, i) => [
    { op: 'move', from: '/list/0', path: `/more/x${i}` },
    { op: 'move', from: `/more/x${i}`, path: '/list/0' },
    { op: 'copy', from: '/list/1', path: `/more/y${i}` },
  ]).flat();
  const big = 'x'.repeat(10_000);
  const patched = applyJsonPatch({ big, list: ['a', 'b'], more: {} }, patch) as { readonly list: unknown };
  assert.deepEqual(patched.list, ['a', 'b']);
  const length = written.mock.calls.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
  assert.ok(length < big.length, `${length} characters`);
});

test('a patch that is applied again does what it did', () => {
  const patch = [
    { op: 'add', path: '/new', value: { a: 1, list: [1] } },
    { op: 'remove', path: '/new/a' },
    { op: 'add', path: '/new/list/0', value: 0 },
  ];
  const patched = { ...original, new: { list: [0, 1] } };
  for (let i = 0; i < 2; i++) assert.deepEqual(applyJsonPatch(original, patch), patched);
});

test('that a member is not there can be tested, by null or by no value', () => {
  for (const value of [{ value: null }, {}])
    assert.deepEqual(apply({ op: 'test', path: '/data/what', ...value }), original);
});

test('the name of a prototype is a key like any other', () => {
  const operations = [
    { op: 'add', path: '/__proto__', value: { a: 1 } },
    { op: 'test', path: '/__proto__/a', value: 1 },
    { op: 'add', path: '/__proto__/b', value: 2 },
    { op: 'copy', from: '/__proto__', path: '/constructor' },
    { op: 'replace', path: '/constructor/a', value: 3 },
    { op: 'move', from: '/constructor', path: '/prototype' },
  ];
  const changed = applyJsonPatch({}, operations);
  assert.equal(JSON.stringify(changed), '{"__proto__":{"a":1,"b":2},"prototype":{"a":3,"b":2}}');
  assert.equal(
    JSON.stringify(applyJsonPatch(changed, [{ op: 'remove', path: '/__proto__' }])),
    '{"prototype":{"a":3,"b":2}}',
  );
  assert.equal(({} as Record<string, unknown>)['a'], undefined);
});

test('what has no place or no meaning is refused', () => {
  const wrong: readonly (object | null)[] = [
    null,
    {},
    { op: 'add', value: 1 },
    { op: 'add', path: 'data', value: 1 },
    { op: 'add', path: '/what/x', value: 1 },
    { op: 'add', path: '/data/a/x', value: 1 },
    { op: 'add', path: '/list/3', value: 1 },
    { op: 'add', path: '/list/x', value: 1 },
    { op: 'add', path: '/__proto__/x', value: 1 },
    { op: 'add', path: '/data/constructor/prototype', value: 1 },
    { op: 'remove', path: '/data/toString' },
    { op: 'remove', path: '/list/-' },
    { op: 'replace', path: '/list/2', value: 1 },
    { op: 'replace', path: '/what/x', value: 1 },
    { op: 'test', path: '/data', value: {} },
    { op: 'test', path: '/what', value: 1 },
    { op: 'test', path: '/what/x', value: null },
    { op: 'test', path: '/list/7', value: null },
    { op: 'test', path: '/data/a' },
    { op: 'increase', path: '/data/a' },
    { op: 'remove', path: '' },
    { op: 'add', path: '', value: [] },
  ];
  for (const operation of wrong)
    assert.throws(() => applyJsonPatch(original, [operation]), refused, JSON.stringify(operation));
  assert.deepEqual(apply({ op: 'replace', path: '', value: { b: 1 } }), { b: 1 });
  assert.deepEqual(apply({ op: 'replace', path: '/data/a~1b~0', value: 1 }), {
    ...original,
    data: { a: 'b', 'a/b~': 1 },
  });
});
