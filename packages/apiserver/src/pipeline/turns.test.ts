import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoredObject } from '../storage/stored-object.ts';
import { Turns } from './turns.ts';

const state = (revision: number): StoredObject => new StoredObject('k', Buffer.from('{}'), revision, 1);

test('writers of one key come one after the other, each with what the last one made', async () => {
  const turns = new Turns();
  const first = await turns.take('a');
  assert.equal(turns.isBusy('a'), true);
  const order: (number | undefined)[] = [];
  const others = [2, 3, 4].map(async (revision) => {
    const turn = await turns.take('a');
    order.push(turn.latest?.revision);
    turn.leave(state(revision));
  });
  assert.deepEqual(order, [], 'nobody goes before the first has left');
  first.leave(state(1));
  await Promise.all(others);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(turns.isBusy('a'), false, 'nothing is kept of a key that nobody writes');
});

test('a writer that made nothing hands on what it was given', async () => {
  const turns = new Turns();
  const first = await turns.take('a');
  const second = turns.take('a');
  const third = turns.take('a');
  first.leave(state(7));
  (await second).leave();
  assert.equal((await third).latest?.revision, 7);
});

test('other keys do not wait', async () => {
  const turns = new Turns();
  await turns.take('a');
  const other = await turns.take('b');
  other.leave();
});
