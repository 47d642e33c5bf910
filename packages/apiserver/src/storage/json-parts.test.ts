import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { partsOf, valueAt, type Wanted, wantedOf } from './json-parts.ts';

/** The same from the whole tree. */
function picked(value: unknown, wanted: Wanted): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(wanted)) {
    if (!Object.hasOwn(value, name)) continue;
    const inner = (value as Record<string, unknown>)[name];
    out[name] = part === true ? inner : picked(inner, part);
  }
  return out;
}

const name = fc.oneof(fc.constantFrom('metadata', 'labels', 'spec', 'nodeName', 'a', '1'), fc.string());
/** Printable ASCII that needs no escape. */
const plain = /^[ !#-[\]-~]*$/;

test('what is wanted of an object is what its whole tree has there', () => {
  const tree = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { noNullPrototype: true });
  // Names of fields are ASCII without escapes; those of labels are within a whole value.
  const path = fc.array(
    name.filter((text) => plain.test(text) && text !== '__proto__'),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(tree, fc.array(path, { maxLength: 4 }), (object, paths) => {
      const wanted = wantedOf(paths);
      const json = JSON.stringify(object);
      assert.deepEqual(partsOf(Buffer.from(json), wanted), picked(JSON.parse(json), wanted));
    }),
    { numRuns: 2_000 },
  );
});

test('a path below one that is wanted whole adds nothing, and paths share their beginnings', () => {
  const paths = [
    ['metadata', 'labels'],
    ['metadata', 'labels', 'app'],
    ['metadata', 'name'],
    ['spec', 'nodeName'],
  ];
  assert.deepEqual(wantedOf(paths), { metadata: { labels: true, name: true }, spec: { nodeName: true } });
});

test('a text that ends too early, or is none, is an error and nothing else', () => {
  const json = Buffer.from('{"metadata":{"labels":{"a":"b\\"c"},"x":[1,{"y":"z"}]},"spec":{"nodeName":"n"}}');
  const wanted = wantedOf([
    ['metadata', 'labels'],
    ['spec', 'nodeName'],
  ]);
  assert.deepEqual(partsOf(json, wanted), { metadata: { labels: { a: 'b"c' } }, spec: { nodeName: 'n' } });
  for (let length = 0; length < json.length; length++)
    assert.throws(() => partsOf(json.subarray(0, length), wanted), SyntaxError, `${length} bytes`);
  assert.throws(() => partsOf(Buffer.from('[]'), wanted), SyntaxError);
});

test('what stands at a path is what its whole tree has there', () => {
  const tree = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { noNullPrototype: true });
  const path = fc.array(
    name.filter((text) => plain.test(text) && text !== '__proto__'),
    { minLength: 1, maxLength: 3 },
  );
  const found = (value: unknown, [first, ...rest]: readonly string[]): unknown => {
    if (first === undefined) return value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.hasOwn(value, first) ? found((value as Record<string, unknown>)[first], rest) : undefined;
  };
  fc.assert(
    fc.property(tree, path, fc.string(), (object, wanted, before) => {
      const start = JSON.stringify(before);
      const text = JSON.stringify(object);
      const made = valueAt(Buffer.from(start + text), Buffer.byteLength(start), wanted);
      assert.deepEqual(made, found(JSON.parse(text), wanted));
    }),
    { numRuns: 3_000 },
  );
  assert.throws(() => valueAt(Buffer.from('{"a":1'), 0, ['b']), SyntaxError);
});
