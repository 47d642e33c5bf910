import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonSplitter } from './json-splitter.ts';

test('values are cut wherever the pieces end', () => {
  const text = ' {"a":"}\\"{"}[1,[2]]{"b":{}} ';
  for (let size = 1; size <= text.length; size++) {
    const splitter = new JsonSplitter(100);
    const values: string[] = [];
    for (let i = 0; i < text.length; i += size) values.push(...splitter.push(text.slice(i, i + size)));
    assert.deepEqual(values, ['{"a":"}\\"{"}', '[1,[2]]', '{"b":{}}']);
    assert.equal(splitter.end(), undefined);
  }
});

test('what is no object ends with a space or with the text', () => {
  const splitter = new JsonSplitter(100);
  assert.deepEqual(splitter.push('null 12 tr'), ['null', '12']);
  assert.deepEqual(splitter.push('ue'), []);
  assert.equal(splitter.end(), 'true');
});

test('a value that is too long is given up, whether its end has come or not', () => {
  const splitter = new JsonSplitter(10);
  assert.throws(() => new JsonSplitter(10).push('{"a":"aaaaaaaaaaaa"}'), RangeError);
  assert.throws(() => splitter.push('{"a":"aaaaaaaaaaaa'), RangeError);
});
