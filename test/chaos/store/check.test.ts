/** The checker on small histories: what is right passes, and every way of being wrong is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './check.ts';
import type { Attempt, Change, KeyState, Outcome, Request } from './history.ts';
import { Revisions } from './revisions.ts';

const state = (key: string, value: string, create: number, mod: number, version: number): KeyState => ({
  key,
  value,
  create,
  mod,
  version,
});
const put = (kept: KeyState): Change => ({ type: 'put', state: kept });

function attempt(floor: number, request: Request, outcome: Outcome): Attempt {
  return { client: 'c', member: 'm', floor, begin: 0, end: 1, request, outcome };
}
const done = (revision: number, found: readonly KeyState[] = [], succeeded = true): Outcome => ({
  type: 'done',
  revision,
  found,
  succeeded,
});
const get = (key: string, prefix = false, serializable = false): Request => ({
  type: 'get',
  key,
  prefix,
  serializable,
});

const a1 = state('a', '1', 2, 2, 1);
const a2 = state('a', '2', 2, 3, 2);
const b3 = state('b', '3', 5, 5, 1);
const c3 = state('c', '3', 5, 5, 1);

/** a=1, a=2, a deleted, b and c = 3. */
const told: readonly (readonly Change[])[] = [
  [put(a1)],
  [put(a2)],
  [{ type: 'delete', key: 'a' }],
  [put(b3), put(c3)],
];

const right: readonly Attempt[] = [
  attempt(0, get('a'), done(1)),
  attempt(0, { type: 'put', key: 'a', value: '1' }, done(2)),
  attempt(2, get('a'), done(2, [a1])),
  attempt(2, { type: 'swap', key: 'a', value: 'x', expected: 1 }, done(2, [a1], false)),
  attempt(2, { type: 'swap', key: 'a', value: '2', expected: 2 }, done(3)),
  attempt(3, get('', true), done(3, [a2])),
  attempt(3, { type: 'delete', key: 'a' }, { type: 'unknown', error: 'gone' }),
  attempt(3, { type: 'put', key: 'a', value: 'y' }, { type: 'unknown', error: 'gone' }),
  attempt(3, { type: 'put', key: 'a', value: 'z' }, { type: 'refused', error: 'full' }),
  attempt(4, { type: 'pair', keys: ['b', 'c'], value: '3' }, done(5)),
  attempt(5, { type: 'delete', key: 'a' }, done(5)),
  attempt(5, get('', true), done(5, [b3, c3])),
  attempt(5, get('a', false, true), done(3, [a2])),
];

function revisions(changes: readonly (readonly Change[])[] = told): Revisions {
  const all = new Revisions(2);
  for (const [i, one] of changes.entries()) all.tell('w', i + 1, i + 2, one);
  return all;
}

test('a history that is linearizable passes, with what nobody was told of', () => {
  const { violations, unknown, happened } = check(revisions(), right);
  assert.deepEqual(violations, []);
  assert.deepEqual([unknown, happened], [2, 1]);
});

/** The right history with one attempt more, or with another one in its place. */
const wrong: readonly (readonly [string, Attempt, number?])[] = [
  ['a read of what had been overwritten', attempt(3, get('a'), done(2, [a1]))],
  ['a read that returns another value', attempt(2, get('a'), done(2, [a2]))],
  ['a read that misses a key', attempt(5, get('', true), done(5, [b3]))],
  ['a read of a state that no watch told of', attempt(5, get('a'), done(6))],
  ['a serializable read of what never was', attempt(5, get('a', false, true), done(3, [a1]))],
  ['a write before what had been seen', attempt(2, { type: 'put', key: 'a', value: '1' }, done(2)), 1],
  ['an acknowledged write that is lost', attempt(5, { type: 'put', key: 'a', value: 'lost' }, done(6))],
  ['two writes at one revision', attempt(2, { type: 'put', key: 'a', value: 'other' }, done(3))],
  [
    'a comparison that held and failed',
    attempt(2, { type: 'swap', key: 'a', value: 'x', expected: 2 }, done(2, [a1], false)),
  ],
  [
    'a comparison that did not hold and succeeded',
    attempt(2, { type: 'swap', key: 'a', value: '2', expected: 1 }, done(3)),
    4,
  ],
  [
    'a transaction that took place in part',
    attempt(4, { type: 'pair', keys: ['b', 'd'], value: '3' }, done(5)),
    9,
  ],
  [
    'a refused write that took place',
    attempt(0, { type: 'put', key: 'a', value: '1' }, { type: 'refused', error: 'full' }),
    1,
  ],
  ['an event that nobody asked for', attempt(0, get('a'), done(1)), 1],
  ['a deletion that found what was not there', attempt(5, { type: 'delete', key: 'a' }, done(5, [a2]))],
];

for (const [name, one, instead] of wrong) {
  test(`${name} is found`, () => {
    const attempts = instead === undefined ? [...right, one] : right.with(instead, one);
    assert.notDeepEqual(check(revisions(), attempts).violations, []);
  });
}

test('a write without an answer takes place once at most', () => {
  const again = [...told, [put(state('d', 'y', 6, 6, 1))], [put(state('d', 'y', 6, 7, 2))]];
  const asked = attempt(0, { type: 'put', key: 'd', value: 'y' }, { type: 'unknown', error: 'gone' });
  const attempts = right.with(7, asked);
  assert.deepEqual(check(revisions(again.slice(0, 5)), attempts).violations, []);
  assert.match(check(revisions(again), attempts).violations[0]?.text ?? '', /nobody asked for revision 7/);
});

test('lost, doubled, reordered and differing events of watches are told apart from a watch that goes on', () => {
  const all = revisions();
  all.tell('late', 1, 2, [put(a1)]);
  all.tell('late', 2, 3, [put(a2)]);
  assert.equal(all.violations.length, 0);
  all.tell('gap', 2, 4, [{ type: 'delete', key: 'a' }]);
  all.tell('twice', 3, 3, [put(a2)]);
  all.tell('other', 1, 2, [put(a2)]);
  all.tell('part', 4, 5, [put(b3)]);
  assert.deepEqual(
    all.violations.map(({ text }) => text.split(' ')[0]),
    ['gap', 'twice', 'other', 'part'],
  );
});
