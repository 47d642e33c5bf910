import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, constantFrom, array, property } from 'fast-check';
import { parseTarget } from './request-target.ts';

const pieces = ['/', 'api', 'a.b', '%2F', '?', '=', '&', '+', ':', '~', ' ', 'watch', '1', '-', "'"];

test('a target that has nothing to resolve is read as a URL is, whether or not it is plain', () => {
  check(
    property(array(constantFrom(...pieces), { maxLength: 14 }), (parts) => {
      const text = `/api${parts.join('')}x`;
      const expected = new URL(text, 'https://apiserver');
      const target = parseTarget(text);
      assert.equal(target.pathname, expected.pathname);
      assert.equal(target.search.replaceAll("'", '%27'), expected.search);
      assert.deepEqual([...target.searchParams], [...expected.searchParams]);
    }),
    { numRuns: 2_000 },
  );
});

test('a path is what was written: nothing is resolved, and what is no printable byte is encoded', () => {
  for (const [text, pathname, search] of [
    ['/api/../version', '/api/../version', ''],
    ['/api/%2e%2e/x', '/api/%2e%2e/x', ''],
    ['//host/api', '//host/api', ''],
    ['/api\\v1', '/api\\v1', ''],
    ['/a#b?c#d', '/a%23b', '?c%23d'],
    ['/\xc3\xa9?\xc3\xa9', '/%C3%A9', '?%C3%A9'],
    ['https://other:1/api?x', '/api', '?x'],
    ['http://other?x', '/', '?x'],
    ['/api?', '/api', ''],
  ] as const) {
    const target = parseTarget(text);
    assert.deepEqual([target.pathname, target.search], [pathname, search], text);
  }
  for (const text of ['*', '', 'other:443', '?x', 'api']) assert.throws(() => parseTarget(text), text);
});

test('a query has as many parameters as upstream reads, and with more it is none', () => {
  for (const path of ['/a', '/.a']) {
    const { searchParams } = parseTarget(`${path}?${'a&'.repeat(9_999)}b=c`);
    assert.equal(searchParams.get('b'), 'c');
    assert.throws(() => parseTarget(`${path}?${'a&'.repeat(10_000)}b=c`), /10000 parameters at most/);
    assert.throws(() => parseTarget(`${path}?${'&'.repeat(1 << 20)}`), /10000 parameters at most/);
  }
});

test('a long target is read as a short one is', () => {
  const long = 'x'.repeat(5_000);
  for (const [text, pathname, search] of [
    [`/${long}/a?b=c`, `/${long}/a`, '?b=c'],
    [`/${long}\xff #`, `/${long}%FF%20%23`, ''],
    [`/a?${long}\x00`, '/a', `?${long}%00`],
    [`https://other/${long}`, `/${long}`, ''],
  ] as const) {
    const target = parseTarget(text);
    assert.deepEqual([target.pathname, target.search], [pathname, search], text.slice(0, 20));
  }
});
