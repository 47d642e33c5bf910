/** What an expression does is what it costs: nothing that takes a server's time is free. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatenate, equals, weightOf } from './equality.ts';
import { CostError, Environment, EvaluationError, fromJson, types } from './index.ts';
import { ArrayList, keyOf, type List, type Value } from './values.ts';

/** Upstream's limit of one evaluation of a policy. */
const limit = 1_000_000;
const nested = types.list(types.list(types.int, 1_000), 1_000);
const environment = new Environment({ variables: { n: nested, s: types.string } });
const table = fromJson(
  Array.from({ length: 100 }, () => Array.from({ length: 1_000 }, (_, i) => i)),
  nested,
);

function costOf(source: string, text = ''): number {
  return environment.compile(source).evaluate((name) => (name === 'n' ? table : text), limit).cost;
}

test('a list of numbers costs what it is long, as in cel-go', () => {
  assert.ok(costOf('lists.range(1000).size() == 1000') >= 1_011);
  for (const source of [
    '(lists.range(10000000) + [1]).size() > 0',
    '[lists.range(100000000)] == [lists.range(100000000)]',
    'lists.range(9223372036854775807).size() > 0',
  ])
    assert.throws(() => costOf(source), CostError, source);
});

test('a comparison costs what it looks at, however it is nested', () => {
  assert.ok(costOf('n == n') >= 10_000);
  assert.ok(costOf('n[0] in n') >= 10_000);
  assert.throws(() => costOf('lists.range(1000).all(x, [n] == [n])'), CostError);
  assert.throws(() => costOf('lists.range(1000).all(x, n in [n])'), CostError);
  assert.throws(() => costOf('sets.contains(n, n.map(x, x + [1]))'), CostError);
  assert.throws(() => costOf('(n + n).distinct().size() == 1'), CostError);
});

test('a flat comparison costs what it costs upstream', () => {
  assert.equal(costOf('s == "abc"', 'abc'), 2);
  assert.equal(costOf('[1, 2, 3] == [1, 2, 3]'), 21);
});

test('a message costs something when it is long', () => {
  const long = 'x'.repeat(100_000);
  assert.ok(costOf('"%s".format([s]).size() > 0', 'short') < 30);
  assert.throws(() => costOf('lists.range(200).all(i, "%s".format([s]).size() > 0)', long), CostError);
});

test('a list that is added to itself again and again is not copied', () => {
  const source = `[n]${'.map(x, x + x)'.repeat(40)}.all(x, x.size() == 109951162777600 && x[109951162777599] == n[99])`;
  const { value, cost } = environment.compile(source).evaluate(() => table, limit);
  assert.ok(value === true && cost < limit);
});

test('an error that is thrown in every turn of a loop has no stack to write down', () => {
  const error = new EvaluationError('division by zero');
  assert.doesNotMatch(error.stack ?? '', /\n\s+at /);
  assert.match(new Error('another').stack ?? '', /\n\s+at /);
});

test('white space is taken from both ends, and a byte order mark is none', () => {
  const trimmed = (text: string): unknown => environment.compile('s.trim()').evaluate(() => text).value;
  assert.equal(trimmed('\u0085\t a\u3000b \n'), 'a\u3000b');
  assert.equal(trimmed('\ufeffa '), '\ufeffa');
  assert.equal(trimmed(' \t'), '');
});

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.bigInt(-3n, 3n),
  fc.constantFrom<Value>(0.5, 1, -0, Number.NaN, true, false, null, 'a', 'b', '1'),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 2 }).map((items) => new ArrayList(items)),
);

test('sets and lists with keys compare and add up as if every item was compared with every other', () => {
  const merge = { type: 'set' } as const;
  const list = fc.array(value, { maxLength: 8 });
  fc.assert(
    fc.property(list, list, (a, b) => {
      const rest = [...b];
      const isSame =
        a.length === b.length &&
        a.every((item) => {
          const at = rest.findIndex((other) => equals(item, other));
          if (at >= 0) rest.splice(at, 1);
          return at >= 0;
        });
      assert.equal(equals(new ArrayList(a, merge), new ArrayList(b, merge)), isSame);
      const joined = [...a];
      for (const item of b) {
        const at = joined.findIndex((other) => equals(other, item));
        if (at < 0) joined.push(item);
        else joined[at] = item;
      }
      assert.deepEqual([...concatenate(new ArrayList(a, merge), new ArrayList(b, merge))], joined);
    }),
  );
});

test('items of a set are looked up', () => {
  let reads = 0;
  class Counted extends ArrayList {
    override at(index: number): Value {
      reads++;
      return super.at(index);
    }
  }
  const count = 20_000;
  const set = (from: number): List =>
    new Counted(
      Array.from({ length: count }, (_, i) => `${(i + from) % count}`),
      { type: 'set' },
    );
  assert.ok(equals(set(0), set(7)));
  assert.equal(concatenate(set(0), set(7)).size, count);
  assert.ok(reads <= 4 * count);
  assert.equal(keyOf('a'), 'sa');
});

test('what a value weighs is counted no further than asked', () => {
  assert.equal(weightOf('abc', 100), 3);
  assert.equal(weightOf(table, Number.MAX_SAFE_INTEGER), 100_101);
  const some = weightOf(table, 5_000);
  assert.ok(some >= 5_000 && some < 7_000);
});

test('a query of more parameters than Go reads has none', () => {
  const sizeOf = (count: number): unknown => {
    const source = 'url("/?" + s).getQuery().size()';
    const text = Array.from({ length: count }, (_, i) => `a${i}=b`).join('&');
    return environment.compile(source).evaluate((name) => (name === 'n' ? table : text), limit).value;
  };
  assert.equal(sizeOf(10_000), 10_000n);
  assert.equal(sizeOf(10_001), 0n);
});
