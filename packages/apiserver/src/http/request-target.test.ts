import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, constantFrom, array, property } from 'fast-check';
import { parseTarget } from './request-target.ts';

test('a target is read as a URL is, whether or not it is plain', () => {
  const pieces = [
    '/',
    'api',
    '.',
    '..',
    '%2e',
    '%2F',
    '?',
    '=',
    '&',
    '+',
    '#',
    ':',
    '~',
    ' ',
    'é',
    '\\',
    'watch',
    '1',
    '-',
    '"',
    "'",
  ];
  check(
    property(array(constantFrom(...pieces), { maxLength: 14 }), (parts) => {
      const text = `/${parts.join('')}`;
      let expected: URL;
      try {
        expected = new URL(text, 'https://apiserver');
      } catch {
        assert.throws(() => parseTarget(text));
        return;
      }
      const target = parseTarget(text);
      assert.equal(target.pathname, expected.pathname);
      assert.equal(target.search, expected.search);
      assert.deepEqual([...target.searchParams], [...expected.searchParams]);
    }),
    { numRuns: 2_000 },
  );
});
