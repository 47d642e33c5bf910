/** How kube-apiserver 1.36.3 was seen to read label selectors in odd forms, and field selectors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';

const inRequirement = 'unable to parse requirement: ';

test('odd selectors are refused in the words of upstream', () => {
  const refused: readonly (readonly [selector: string, message: string])[] = [
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a=b,,c', "found ',', expected: identifier after ','"],
    ['a=b,', "found '', expected: identifier after ','"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['()', "found '(', expected: !, identifier, or 'end of string'"],
    ['>1', "found '>', expected: !, identifier, or 'end of string'"],
    ['!=a', "found '!=', expected: !, identifier, or 'end of string'"],
    ['a in b', `${inRequirement}found 'b' expected: '('`],
    ['a in', `${inRequirement}found '' expected: '('`],
    ['a in (b c)', `${inRequirement}found 'c', expected: ',' or ')'`],
    ['a in (=)', `${inRequirement}found '=', expected: ',', ')' or identifier`],
    ['a in (b,=)', `${inRequirement}found '=', expected: ',', or identifier`],
    ['a=(b)', `${inRequirement}found '(', expected: identifier`],
    ['a gt 1', `${inRequirement}found 'gt', expected: in, notin, =, ==, !=, gt, lt`],
    [
      'a>',
      `${inRequirement}values[0]: Invalid value: "": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
  ];
  for (const [selector, message] of refused)
    assert.throws(() => parseLabelSelector(selector), { message }, selector);
});

test('values and keys that are none are shown in quotes as Go writes them, with all that is wrong', () => {
  assert.throws(() => parseLabelSelector('a="b"'), /Invalid value: "\\"b\\"": a valid label must be/);
  assert.throws(() => parseLabelSelector('a\\=b'), /<nil>: Invalid value: "a\\\\": name part must consist/);
  assert.throws(
    () => parseLabelSelector('a/=b'),
    /"a\/": name part must be non-empty; name part must consist/,
  );
  assert.throws(() => parseLabelSelector('a/b/c=d'), /"a\/b\/c": a valid label key must consist of/);
});

test('sets have each value once, and empty ones', () => {
  const valuesOf = (selector: string): readonly string[] | undefined =>
    parseLabelSelector(selector)[0]?.values;
  assert.deepEqual(valuesOf('a in (c,b,c)'), ['b', 'c']);
  assert.deepEqual(valuesOf('a in ()'), ['']);
  assert.deepEqual(valuesOf('a in (,)'), ['']);
  assert.deepEqual(valuesOf('a in (b,)'), ['', 'b']);
  assert.deepEqual(valuesOf('a in (,b)'), ['', 'b']);
  assert.deepEqual(valuesOf('a in (b,,c)'), ['', 'b', 'c']);
  assert.deepEqual(valuesOf('in in (in)'), ['in']);
});

test('spaces count in field selectors, and what is not understood is shown in what was sent', () => {
  assert.deepEqual(parseFieldSelector(' a = b'), [{ field: ' a ', equal: true, value: ' b' }]);
  assert.throws(() => parseFieldSelector('a=b,c'), {
    message: "invalid selector: 'a=b,c'; can't understand 'c'",
  });
});
