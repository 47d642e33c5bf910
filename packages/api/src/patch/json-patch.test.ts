/** What kube-apiserver 1.36 does with JSON patches beyond RFC 6902, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyJsonPatch } from './json-patch.ts';
import { PatchError } from './patch-error.ts';

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
