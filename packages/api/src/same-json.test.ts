import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, jsonValue, property } from 'fast-check';
import { parseJson } from './json.ts';
import { sameJson } from './same-json.ts';

/** The plainest way: text with names in order, and nothing for what is undefined. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item) && !('rawJSON' in item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

test('two trees are the same when their text with names in order is', () => {
  const values = jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  check(
    property(values, values, (a, b) => {
      assert.equal(sameJson(a, b), textOf(a) === textOf(b));
      assert.equal(sameJson(a, JSON.parse(textOf(a))), true);
    }),
    { numRuns: 200 },
  );
});

test('what is undefined is absent, on either side', () => {
  assert.equal(sameJson({ a: 1, b: undefined }, { a: 1 }), true);
  assert.equal(sameJson({ a: 1 }, { a: 1, b: undefined }), true);
  assert.equal(sameJson({ a: undefined }, { b: 1 }), false);
  assert.equal(sameJson({ a: undefined }, { a: null }), false);
});

test('large integers are compared digit by digit, and are no objects', () => {
  const value = (text: string): unknown => parseJson(text).value;
  assert.equal(sameJson(value('[9007199254740993]'), value('[9007199254740993]')), true);
  assert.equal(sameJson(value('[9007199254740993]'), value('[9007199254740994]')), false);
  assert.equal(sameJson(value('9007199254740993'), { rawJSON: '9007199254740993' }), false);
});

test('a member of any name counts, and an own one only', () => {
  const named = JSON.parse('{"__proto__":{"a":1}}') as object;
  assert.equal(sameJson(named, JSON.parse('{"__proto__":{"a":1}}')), true);
  assert.equal(sameJson(named, {}), false);
  assert.equal(sameJson({ toString: undefined, a: 1 }, { a: 1 }), true);
  assert.equal(sameJson({ constructor: Object }, {}), false);
});
