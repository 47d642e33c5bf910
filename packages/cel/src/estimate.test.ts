import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Environment, type Type, types } from './index.ts';

const text = (max: number): Type => ({ kind: 'string', max });
const object = (fields: Readonly<Record<string, Type>>): Type => ({
  kind: 'object',
  name: 'self',
  fields: new Map(Object.entries(fields).map(([jsonName, type]) => [jsonName, { type, jsonName }])),
});
const longest = 3 * 1024 * 1024 - 2;
const self = object({
  s: text(40),
  t: text(longest),
  i: types.int,
  j: types.int,
  b: types.bool,
  x: { kind: 'dyn', max: longest },
  l: types.list(text(32), 5),
  k: types.list(types.int, 7),
  u: types.list(text(longest), 1_048_575),
  m: types.map(types.string, text(24), 9),
  o: object({ s: text(80), l: types.list(object({ a: text(8), i: types.int }), 6) }),
});
const environment = new Environment({ variables: { self }, roots: () => self });

/** Expressions, and what Kubernetes' own API server was seen to estimate for them, to the digits that it tells. */
const seen: Readonly<Record<string, number>> = {
  true: 0,
  'self.b': 2,
  'self.i == 1': 2,
  'self.i < self.j': 5,
  'self.s == "abc"': 3,
  'self.s == self.t': 8,
  'has(self.s)': 1,
  'has(self.o.s) && self.o.s == "x"': 6,
  'self.s in self.l': 9,
  'self.s.contains("abc")': 6,
  'self.s.matches("^[a-z]*$")': 12,
  'matches(self.s, "^[a-z]*$")': 3,
  'self.l.all(x, x == "a")': 28,
  'self.l.exists(x, x == "a")': 33,
  'self.l.exists_one(x, x == "a")': 24,
  'self.l.map(x, x + "b").size() == 1': 100,
  'self.l.filter(x, x == "a").size() == 1': 90,
  'self.l.all(x, self.l.all(y, x == y))': 258,
  'self.m.all(k, self.m[k] == "a")': 75,
  '[1, 2, 3].all(x, x == self.i)': 29,
  'self.s.split(",").all(x, x == "a")': 171,
  'self.l.sort() == self.l': 69,
  'sets.contains(self.l, ["a"])': 18,
  'type(self.x) == string': 4,
};

describe('what an expression can cost', () => {
  for (const [source, cost] of Object.entries(seen))
    it(`is ${cost} for ${source}`, () => assert.equal(environment.compile(source).estimate, cost));

  it('grows beyond all bounds where nobody knows how large a value is', () => {
    assert.ok(environment.compile('string(self.i).size() == 1').estimate < 10);
    assert.ok(environment.compile('string(self.i) + "x" == self.t').estimate > 1e15);
  });
});
