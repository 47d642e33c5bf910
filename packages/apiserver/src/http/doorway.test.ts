import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Doorway } from './doorway.ts';

test('a few begin in each turn, in the order they came, and nobody waits in a turn that has room', () => {
  const turns: (() => void)[] = [];
  const nextTurn = (): void => turns.shift()?.();
  const doorway = new Doorway((then) => turns.push(then));
  const began: string[] = [];
  const enter = (name: string): (() => void) => doorway.enter(() => began.push(name));
  for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
  assert.deepEqual(began, ['a', 'b']);
  nextTurn();
  assert.deepEqual(began, ['a', 'b', 'c', 'd']);
  enter('f');
  nextTurn();
  assert.deepEqual(began, ['a', 'b', 'c', 'd', 'e', 'f']);
  nextTurn();
  assert.equal(turns.length, 0, 'an empty queue costs nothing');
  enter('g');
  assert.equal(began.at(-1), 'g');
});

test('who leaves the queue is not let in, and nobody is once it is closed', () => {
  const turns: (() => void)[] = [];
  const doorway = new Doorway((then) => turns.push(then));
  const began: string[] = [];
  const leave = ['a', 'b', 'c', 'd', 'e'].map((name) => doorway.enter(() => began.push(name)));
  leave[2]?.();
  turns.shift()?.();
  assert.deepEqual(began, ['a', 'b', 'd', 'e']);
  doorway.enter(() => began.push('f'));
  doorway.close();
  turns.shift()?.();
  assert.deepEqual(began, ['a', 'b', 'd', 'e']);
});
