import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CompileError, CostError, Environment, EvaluationError, fromJson, toJson, types } from './index.ts';

const listType = types.list({ kind: 'string', max: 8 }, 10);
const variables = {
  a: types.int,
  b: types.int,
  p: types.bool,
  q: types.bool,
  s: { kind: 'string', max: 20 } as const,
  l: listType,
};
const environment = new Environment({ variables });

/** Expressions of ints, with what JavaScript's exact integers make of them. */
interface Sample {
  readonly text: string;
  readonly value: (a: bigint, b: bigint) => bigint | undefined;
}

const leaf: fc.Arbitrary<Sample> = fc.oneof(
  fc.constant<Sample>({ text: 'a', value: (a) => a }),
  fc.constant<Sample>({ text: 'b', value: (_, b) => b }),
  fc.integer({ min: -1000, max: 1000 }).map((n): Sample => ({ text: `${n}`, value: () => BigInt(n) })),
);
const inRange = (value: bigint): bigint | undefined =>
  BigInt.asIntN(64, value) === value ? value : undefined;
const arithmetic: Readonly<Record<string, (x: bigint, y: bigint) => bigint | undefined>> = {
  '+': (x, y) => inRange(x + y),
  '-': (x, y) => inRange(x - y),
  '*': (x, y) => inRange(x * y),
  '/': (x, y) => (y === 0n ? undefined : inRange(x / y)),
  '%': (x, y) => (y === 0n ? undefined : x % y),
};
const { tree } = fc.letrec<{ tree: Sample }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc
      .tuple(tie('tree'), fc.constantFrom(...Object.keys(arithmetic)), tie('tree'))
      .map(([x, operator, y]): Sample => ({
        text: `(${x.text} ${operator} ${y.text})`,
        value: (a, b) => {
          const [left, right] = [x.value(a, b), y.value(a, b)];
          return left === undefined || right === undefined ? undefined : arithmetic[operator]?.(left, right);
        },
      })),
  ),
}));

test('arithmetic is that of 64-bit integers, and what does not fit is an error', () => {
  const number = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(tree, number, number, ({ text, value }, a, b) => {
      const program = environment.compile(text, types.int);
      const wanted = value(a, b);
      const run = (): unknown => program.evaluate((name) => (name === 'a' ? a : b)).value;
      if (wanted === undefined) assert.throws(run, EvaluationError);
      else assert.equal(run(), wanted);
    }),
    { numRuns: 300 },
  );
});

test('any text compiles or is refused with a place, and nothing else happens', () => {
  const word = fc.constantFrom(
    'a',
    's',
    'l',
    '.',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '?',
    ':',
    ',',
    '&&',
    '==',
    '!',
    '-',
    '1',
    '1.5',
    'u',
    'all',
    'has',
    'x',
    'in',
    '\\',
    '`',
    '\n',
    'é',
    'null',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
      ),
      (text) => {
        try {
          environment.compile(text);
        } catch (error) {
          assert.ok(error instanceof CompileError, String(error));
          assert.match(error.message, /^ERROR: <input>:\d+:\d+: /);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('no evaluation costs more than was estimated for the sizes that its types allow', () => {
  const sources = [
    's.contains("abc") && s.matches("^[a-z]*$")',
    'l.all(x, l.exists(y, x == y))',
    'l.map(x, x + s).filter(x, x.startsWith("a")).size() > 0',
    's in l || l.isSorted() || sets.contains(l, ["a"])',
    'p ? s.replace("a", "bb").size() : a + b',
    's.split(",").size() < 3 && s.lowerAscii().trim() == s',
    'l.all(x, x.indexOf(s) < 3 && {"k": x}.k == x)',
  ];
  const text = fc.string({ maxLength: 8 });
  for (const source of sources) {
    const program = environment.compile(source);
    assert.ok(program.estimate < Number.MAX_SAFE_INTEGER, source);
    fc.assert(
      fc.property(
        fc.string({ maxLength: 20 }),
        fc.array(text, { maxLength: 10 }),
        fc.boolean(),
        (s, l, p) => {
          const input = (name: string) =>
            name === 'l' ? fromJson(l, listType) : name === 's' ? s : name === 'p' ? p : 1n;
          const { cost } = program.evaluate(input);
          assert.ok(cost <= program.estimate, `${source} cost ${cost}, estimated ${program.estimate}`);
        },
      ),
      { numRuns: 100 },
    );
  }
});

test('an evaluation ends when it costs too much, whatever would absorb errors around it', () => {
  const program = environment.compile('l.exists(x, l.all(y, l.all(z, l.all(w, true)))) || true');
  const items = Array.from({ length: 100 }, (_, i) => `${i}`);
  assert.throws(() => program.evaluate(() => fromJson(items, listType), 10_000), CostError);
});

test('JSON goes through values and comes out as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (json) => {
      // JSON.stringify writes no negative zero.
      const text = JSON.stringify(json);
      assert.equal(JSON.stringify(toJson(fromJson(JSON.parse(text)))), text);
    }),
    { numRuns: 300 },
  );
});

test('a program knows which variables it uses, and those of its loops are its own', () => {
  const program = environment.compile('l.all(x, x == s) && l.exists(a, a == "b")');
  assert.deepEqual([...program.variables].sort(), ['l', 's']);
});

test('what repeats its input cannot grow without bound', () => {
  const big = 'x'.repeat(100_000);
  for (const source of ['s.replace("", s)', `"${'%s'.repeat(90)}".format([${'s, '.repeat(89)}s])`]) {
    const program = new Environment({ variables: { s: types.string } }).compile(source);
    assert.throws(() => program.evaluate(() => big, Number.MAX_SAFE_INTEGER), /the result would be longer/);
  }
});

test('what is wrong with a long expression is said at a bounded length', () => {
  const wrong = (count: number): string => {
    const source = Array.from({ length: count }, (_, i) => `unknown${i} == 1`).join(' && ');
    try {
      environment.compile(source);
    } catch (error) {
      assert.ok(error instanceof CompileError);
      return error.message;
    }
    return '';
  };
  const short = wrong(2).split('\n');
  assert.deepEqual(short, [
    "ERROR: <input>:1:1: undeclared reference to 'unknown0' (in container '')",
    ' | unknown0 == 1 && unknown1 == 1',
    ' | ^',
    "ERROR: <input>:1:18: undeclared reference to 'unknown1' (in container '')",
    ' | unknown0 == 1 && unknown1 == 1',
    ' | .................^',
  ]);
  const long = wrong(1_500);
  assert.ok(long.length < 40_000, `${long.length} characters`);
  assert.match(long, /\n\d+ more errors were truncated$/);
  // The place is still under its own letter.
  for (const [, shown = '', dots = '', name = ''] of long.matchAll(/\n \| (.*)\n \| (\.*)\^/g))
    assert.match(shown.slice(dots.length), /^unknown\d+/, name);
});
