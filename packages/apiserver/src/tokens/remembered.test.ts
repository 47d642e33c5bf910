import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Remembered } from './remembered.ts';

test('what was found is not looked for again, and what was not found is', () => {
  const asked: string[] = [];
  const remembered = new Remembered<{ length: number }>(10);
  const find = (text: string) => (asked.push(text), text === '' ? undefined : { length: text.length });
  for (const text of ['one', 'three', '', 'one', '']) remembered.of(text, find);
  assert.deepEqual(asked, ['one', 'three', '', '']);
  assert.deepEqual(remembered.of('three', find), { length: 5 });
});

test('of more than it may remember the one that was not asked for the longest is forgotten', () => {
  const asked: string[] = [];
  const remembered = new Remembered<object>(2);
  const find = (text: string) => (asked.push(text), {});
  for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) remembered.of(text, find);
  assert.deepEqual(asked, ['a', 'b', 'c', 'b']);
});
