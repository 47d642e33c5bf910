import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Interval, interval, IntervalSet } from './intervals.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const range = (key: string, end: string): Interval => interval(bytes(key), bytes(end));

test('ranges that touch cover what reaches over both', () => {
  const set = new IntervalSet([range('a', 'c'), range('c', 'e'), range('g', 'h')]);
  assert.equal(set.covers(range('a', 'e')), true);
  assert.equal(set.covers(range('b', 'd')), true);
  assert.equal(set.covers(range('b', 'f')), false);
  assert.equal(set.covers(range('d', 'h')), false);
  assert.equal(set.covers(range('c', '')), true);
  assert.equal(set.covers(range('e', '')), false);
  assert.equal(set.covers(range('A', 'b')), false);
});

test('a range without an end is covered only by another without one', () => {
  const set = new IntervalSet([range('a', 'z'), range('m', '\0')]);
  assert.equal(set.covers(range('b', '\0')), true);
  assert.equal(new IntervalSet([range('a', 'z')]).covers(range('b', '\0')), false);
  assert.equal(new IntervalSet([]).covers(range('b', '')), false);
});

test('a set covers a range exactly when it has every key of it', () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const letter = fc.constantFrom(...letters);
  const anyRange = fc.tuple(letter, letter).map(([from, to]) => range(from, to));
  const keys = letters.flatMap((each) => [each, `${each}\0`, `${each}x`]);
  const has = (ranges: readonly Interval[], key: string): boolean =>
    ranges.some(({ begin, end }) => key >= begin && (end === undefined || key < end));
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 6 }), anyRange, (ranges, asked) => {
      fc.pre(asked.end === undefined || asked.end > asked.begin);
      const every = keys.filter((key) => has([asked], key)).every((key) => has(ranges, key));
      assert.equal(new IntervalSet(ranges).covers(asked), every);
    }),
  );
});
