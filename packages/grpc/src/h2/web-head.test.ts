import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from './hpack-decoder.ts';
import { webHead } from './web-head.ts';

function decoded(block: Buffer): string[] {
  const decoder = new HpackDecoder(4096, 1 << 20);
  const fields = decoder.decode(block, 0, block.length);
  assert.equal(decoder.generation, 0, 'nobody has to remember anything');
  return fields;
}

test('a head says what it was given, in lower case', () => {
  const long = 'x'.repeat(20_000);
  for (const status of [100, 200, 201, 304, 404, 429, 500, 503])
    assert.deepEqual(
      decoded(
        webHead(status, { 'Content-Type': 'a/b', 'X-Of-Mine': '', 'content-length': '12', warning: long }),
      ),
      [
        ':status',
        String(status),
        'content-type',
        'a/b',
        'x-of-mine',
        '',
        'content-length',
        '12',
        'warning',
        long,
      ],
    );
  assert.deepEqual(decoded(webHead(200, { 'x-a': 'grün\tx' })), [':status', '200', 'x-a', 'grün\tx']);
});

test('what is usual takes few bytes', () => {
  assert.deepEqual([...webHead(200, {})], [0x88]);
  assert.equal(webHead(200, { 'content-type': 'application/json' }).length, 1 + 2 + 1 + 16);
});

test('fields of a connection of HTTP/1.1 are left out', () => {
  const head = webHead(200, { Connection: 'close', 'transfer-encoding': 'chunked', upgrade: 'h2c' });
  assert.deepEqual(decoded(head), [':status', '200']);
});

test('what no header can carry is refused', () => {
  for (const value of ['a\r\nb: c', 'a\0', 'ċ', 'a\nb', '\u{1f600}'])
    assert.throws(() => webHead(200, { a: value }), TypeError, JSON.stringify(value));
  for (const name of ['', 'a b', 'a:b', ':status', 'ä'])
    assert.throws(() => webHead(200, { [name]: 'x' }), TypeError, JSON.stringify(name));
  assert.throws(() => webHead(200, { a: 'x'.repeat(70_000) }), TypeError);
});

test('a head is not changed by the next', () => {
  const first = webHead(200, { a: 'b' });
  const copy = Buffer.from(first);
  webHead(500, { c: 'something else' });
  assert.deepEqual(first, copy);
});

test('a field of several values is there once for each', () => {
  const fields = { 'set-cookie': ['a=1; Path=/', 'b=2'], 'x-none': [] };
  assert.deepEqual(decoded(webHead(200, fields)), [
    ':status',
    '200',
    'set-cookie',
    'a=1; Path=/',
    'set-cookie',
    'b=2',
  ]);
});
