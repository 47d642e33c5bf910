import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  epochOf,
  newOfficeMachine,
  type OfficeEffect,
  type OfficeEvent,
  type OfficeMachine,
  stepOffice,
} from './machine.ts';

const leads = (term: number, leaseUntil: number): OfficeEvent => ({
  type: 'leadership',
  leadership: { leads: true, term, leader: 'a', leaseUntil },
});
const follows = (term: number, leader: string): OfficeEvent => ({
  type: 'leadership',
  leadership: { leads: false, term, leader, leaseUntil: 0 },
});

/** Plays events at given times; returns the state's name and the effects after each. */
function play(script: readonly (readonly [now: number, event: OfficeEvent])[]): {
  readonly states: readonly string[];
  readonly effects: readonly OfficeEffect[];
  readonly machine: OfficeMachine;
} {
  let machine = newOfficeMachine;
  const states: string[] = [];
  const effects: OfficeEffect[] = [];
  for (const [now, event] of script) {
    const [next, out] = stepOffice(machine, event, { self: 'a', now });
    machine = next;
    states.push(machine.state.name);
    effects.push(...out);
  }
  return { states, effects, machine };
}

const toActive = [
  [0, leads(3, 1_000)],
  [10, { type: 'read', term: 3, token: '6@b' }],
  [20, { type: 'taken', term: 3, revision: 40 }],
] as const;

test('a won election leads through a read and a transaction to the next epoch', () => {
  const { states, effects, machine } = play(toActive);
  assert.deepEqual(states, ['reading', 'taking', 'active']);
  assert.deepEqual(
    effects.filter((effect) => effect.type !== 'publish'),
    [
      { type: 'read', term: 3 },
      { type: 'take', term: 3, expected: '6@b', token: '7@a' },
    ],
  );
  assert.deepEqual(machine.state, { name: 'active', term: 3, epoch: 7, revision: 40 });
});

test('the first office of a cluster has epoch 1', () => {
  const { effects } = play([
    [0, leads(1, 1_000)],
    [1, { type: 'read', term: 1, token: null }],
  ]);
  assert.deepEqual(effects.at(-1), { type: 'take', term: 1, expected: null, token: '1@a' });
});

test('the clock alone demotes an active master whose lease nobody renewed', () => {
  const { states, effects } = play([...toActive, [999, { type: 'tick' }], [1_000, { type: 'tick' }]]);
  assert.deepEqual(states.slice(-2), ['active', 'demoting']);
  assert.deepEqual(effects.at(-1), { type: 'demote', why: 'the lease ran out unproven' });
});

test('a lease that comes back after it ran out needs a new epoch', () => {
  const { states, effects } = play([
    ...toActive,
    [1_000, { type: 'tick' }],
    [1_001, leads(3, 2_000)],
    [1_002, { type: 'demoted' }],
    [1_003, { type: 'read', term: 3, token: '7@a' }],
  ]);
  assert.deepEqual(states.slice(-3), ['demoting', 'reading', 'taking']);
  assert.deepEqual(effects.at(-1), { type: 'take', term: 3, expected: '7@a', token: '8@a' });
});

test('leadership lost and won again between two looks is not the same leadership', () => {
  const { states } = play([...toActive, [30, leads(5, 2_000)]]);
  assert.equal(states.at(-1), 'demoting');
});

test('another leader demotes at once', () => {
  const { effects } = play([...toActive, [30, follows(4, 'b')]]);
  assert.deepEqual(effects.at(-1), { type: 'demote', why: 'b leads now' });
});

test('an answer that belongs to an earlier term is ignored', () => {
  const { states } = play([
    [0, leads(3, 1_000)],
    [1, follows(4, 'b')],
    [2, leads(5, 1_000)],
    [3, { type: 'read', term: 3, token: '6@b' }],
  ]);
  assert.equal(states.at(-1), 'reading');
});

test('a refused transaction is tried again from the read after a pause', () => {
  const { states } = play([
    [0, leads(3, 1_000)],
    [1, { type: 'read', term: 3, token: '6@b' }],
    [2, { type: 'refused', term: 3, why: 'taken by b' }],
    [3, { type: 'tick' }],
    [30, { type: 'tick' }],
  ]);
  assert.deepEqual(states.slice(2), ['follower', 'follower', 'reading']);
});

test('who resigns does not come straight back', () => {
  const { states } = play([
    ...toActive,
    [30, { type: 'resign', why: 'shutdown' }],
    [31, { type: 'demoted' }],
    [500, leads(3, 3_000)],
    [2_500, leads(3, 4_000)],
  ]);
  assert.deepEqual(states.slice(-4), ['demoting', 'follower', 'follower', 'reading']);
});

test('an answer that arrives after the lease ran out makes nobody active', () => {
  const { states } = play([
    [0, leads(3, 1_000)],
    [10, { type: 'read', term: 3, token: null }],
    [1_000, { type: 'taken', term: 3, revision: 2 }],
  ]);
  assert.equal(states.at(-1), 'follower');
});

test('a token names its epoch, and anything else is no token', () => {
  assert.equal(epochOf('12@master-1'), 12);
  for (const text of ['', '0@a', '01@a', '7', '7@', 'x@a', '-1@a'])
    assert.ok(Number.isNaN(epochOf(text)), text);
});
