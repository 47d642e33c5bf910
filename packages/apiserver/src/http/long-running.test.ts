import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { User } from '../pipeline/authenticate.ts';
import { checkHead, LongRunning, roomOf } from './long-running.ts';

const user = (name: string, ...groups: string[]): User => ({ name, groups });

/** All that a user is given until there is no room, each to be ended. */
function taken(long: LongRunning, who: User): (() => void)[] {
  const ends: (() => void)[] = [];
  let refused = 0;
  const more = (): void => {
    for (;;) ends.push(long.hold(who, () => refused++));
  };
  assert.throws(more, { name: 'StatusError', code: 429 });
  assert.equal(refused, 1);
  return ends;
}

test('who takes all that there is leaves half of it to others', () => {
  const long = new LongRunning(roomOf(1_000));
  assert.equal(taken(long, user('greedy')).length, 500);
  assert.equal(taken(long, user('other')).length, 500);
});

test('when all is taken users with few are given some more, and administrators also beyond those', () => {
  const long = new LongRunning({ shared: 10, each: 10, reserve: 6, few: 3, exempt: 2 });
  const held = taken(long, user('greedy'));
  assert.equal(held.length, 10);
  assert.equal(taken(long, user('a')).length, 3);
  assert.equal(taken(long, user('b')).length, 3);
  assert.equal(taken(long, user('c')).length, 0);
  assert.equal(taken(long, user('admin', 'system:masters')).length, 2);
});

test('what has ended makes room again, and what was refused takes none', () => {
  const long = new LongRunning({ shared: 2, each: 2, reserve: 0, few: 0, exempt: 0 });
  const [end] = taken(long, user('a'));
  assert.equal(taken(long, user('b')).length, 0);
  end?.();
  assert.equal(taken(long, user('b')).length, 1);
});

test('a watch with a very long head is refused, wherever it is long', () => {
  const long = 'x'.repeat(120_000);
  checkHead({ url: long, rawHeaders: ['Host', 'a'] });
  checkHead({ url: '/', rawHeaders: ['X', long] });
  for (const head of [
    { url: long, rawHeaders: ['X', long] },
    { url: '/', rawHeaders: ['X', long, long, 'x'] },
  ])
    assert.throws(() => checkHead(head), { name: 'StatusError', code: 431 });
});
