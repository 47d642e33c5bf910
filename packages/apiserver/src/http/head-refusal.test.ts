import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxFields, refusalOf } from './head-refusal.ts';

const head = (...fields: readonly (readonly [string, string])[]) => ({
  httpVersionMajor: 1,
  rawHeaders: fields.flat(),
});
const half = 'a,'.repeat(20_000);

test('a head with two hosts, or too many fields, is refused, and what else it may have is not looked at', () => {
  assert.equal(refusalOf(head(['Host', 'a'], ['X-Host', 'b'], ['Accept', half.repeat(10)])), undefined);
  assert.equal(refusalOf(head(['Host', 'a'], ['HOST', 'b'])), 400);
  const many = Array.from({ length: maxFields }, () => ['X', 'y'] as const);
  assert.equal(refusalOf(head(...many)), 431);
  assert.equal(refusalOf(head(...many.slice(1))), undefined);
});

test('a list all of which counts is refused when it is too long to be taken apart, in one field or in several', () => {
  for (const name of ['Connection', 'Sec-WebSocket-Protocol']) {
    assert.equal(refusalOf(head([name, half])), undefined);
    assert.equal(refusalOf(head([name, half], [name.toLowerCase(), half])), 431);
    assert.equal(refusalOf(head([name, `${half}${half}`])), 431);
    assert.equal(refusalOf(head(['Connection', half], ['Sec-WebSocket-Protocol', half])), undefined);
  }
});

test('a body in any other coding than in chunks is refused, and so is a host that is none', () => {
  assert.equal(refusalOf(head(['Transfer-Encoding', 'Chunked'])), undefined);
  for (const coding of ['gzip, chunked', 'gzip', 'identity', ''])
    assert.equal(refusalOf(head(['Transfer-Encoding', coding])), 501, coding);
  for (const host of ['', 'a', 'a.b:443', '[::1]:443', 'a_b', '%41'])
    assert.equal(refusalOf(head(['Host', host])), undefined, host);
  for (const host of ['a b', 'a/b', 'a@b', 'a\\b', 'ä', 'a"', 'a?b', 'a#b', '<a>'])
    assert.equal(refusalOf(head(['Host', host])), 400, host);
});

test('a request without a head is refused', () => {
  assert.equal(refusalOf({ httpVersionMajor: 0, rawHeaders: [] }), 400);
});
