import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationAfter, type MemberChange, type StoredMember } from './change.ts';
import { dueForPromotion, failuresSurvived, objectionTo, type Situation } from './rules.ts';

/** Members by letters: capitals were never started, those before `alive` are silent. */
function group(
  voters: string,
  { learners = '', alive = voters, ...rest }: { learners?: string; alive?: string } & Partial<Situation> = {},
): Situation {
  const ids = `${voters}${learners}`.split('');
  const members = new Map(ids.map((id) => [id, member(id)] as const));
  return {
    configuration: { voters: voters.split(''), learners: learners.split('') },
    members,
    removed: new Set(),
    healthy: new Set(alive),
    match: new Map(ids.map((id) => [id, 100])),
    committed: 100,
    elsewhere: new Set(),
    strict: true,
    maxLearners: 1,
    ...rest,
  };
}

function member(id: string, more: Partial<StoredMember> = {}): StoredMember {
  return {
    id,
    name: id === id.toUpperCase() ? '' : id,
    peerUrls: [`http://${id}:1`],
    clientUrls: [],
    ...more,
  };
}

const add = (id: string, learner = false): MemberChange => ({ kind: 'add', member: member(id), learner });
const remove = (id: string): MemberChange => ({ kind: 'remove', id });
const promote = (id: string): MemberChange => ({ kind: 'promote', id });

const moved = (ids: string): ReadonlySet<string> => new Set(ids);
const caughtUp = new Map(['b', 'c', 'd'].map((id) => [id, 95] as const));

/** Led by the first of three, of which the second is new and holds nothing yet. */
function withNew(voters: string, witnesses: string): Situation {
  const made = group(voters);
  const configuration = { ...made.configuration, witnesses: witnesses.split('') };
  return { ...made, configuration, match: new Map([...caughtUp, [voters[1] ?? '', 0]]) };
}

const ok = undefined;
const unhealthy = 'unhealthy cluster';
const lastInPlace = 'the other voters have moved: update their peer URLs before this member is removed';
const stateIsLost = 'no full voter that would be left has caught up: wait until one has';
const notStarted = 're-configuration failed due to not enough started members';

for (const [what, change, situation, expected] of [
  ['a voter joins one', add('X'), group('a'), ok],
  ['a second voter joins two of which one never came', add('X'), group('aB', { alive: 'a' }), notStarted],
  ['a voter joins three', add('X'), group('abc'), ok],
  ['a voter joins three of which one is dead', add('X'), group('abc', { alive: 'ab' }), unhealthy],
  ['a voter joins five of which one is dead', add('X'), group('abcde', { alive: 'abcd' }), ok],
  ['a learner joins three of which one is dead', add('X', true), group('abc', { alive: 'ab' }), ok],
  ['a voter joins without a quorum', add('X'), group('abc', { alive: 'a' }), unhealthy],
  ['a learner joins without a quorum', add('X', true), group('abc', { alive: 'a' }), unhealthy],
  ['nobody looks', add('X'), group('abc', { alive: 'a', strict: false }), ok],
  [
    'a second learner joins',
    add('X', true),
    group('abc', { learners: 'd' }),
    'too many learner members in cluster',
  ],
  ['a known id joins', add('b'), group('abc'), 'member ID already exist'],
  ['a removed id joins', add('x'), group('abc', { removed: new Set('x') }), 'member not found'],
  ['a dead voter of three leaves', remove('c'), group('abc', { alive: 'ab' }), ok],
  ['a dead voter of two leaves', remove('b'), group('ab', { alive: 'a' }), ok],
  ['a living voter of three leaves while one is dead', remove('b'), group('abc', { alive: 'ab' }), unhealthy],
  ['a living voter of five leaves while one is dead', remove('b'), group('abcde', { alive: 'abcd' }), ok],
  // Etcd refuses this one, because of E.
  ['a dead voter leaves beside one that never came', remove('d'), group('abcdE', { alive: 'abc' }), ok],
  [
    'the only one of three leaves that is where the log tells',
    remove('a'),
    group('abc', { elsewhere: moved('bc') }),
    lastInPlace,
  ],
  ['the same one, dead', remove('a'), group('abc', { alive: 'bc', elsewhere: moved('bc') }), lastInPlace],
  ['one that moved leaves with another that did', remove('b'), group('abc', { elsewhere: moved('bc') }), ok],
  ['one of two leaves that have both moved', remove('b'), group('ab', { elsewhere: moved('ab') }), ok],
  [
    'of five that moved but for one, another leaves',
    remove('b'),
    group('abcde', { elsewhere: moved('bcde') }),
    ok,
  ],
  [
    'the last full voter with the state leaves a new one to a witness',
    remove('a'),
    withNew('abc', 'c'),
    stateIsLost,
  ],
  ['the same, and nobody looks', remove('a'), { ...withNew('abc', 'c'), strict: false }, stateIsLost],
  [
    'a full voter leaves another one to a witness',
    remove('a'),
    { ...withNew('abc', 'c'), match: caughtUp },
    ok,
  ],
  ['a full voter leaves a new one to one that has the state', remove('a'), withNew('abc', ''), ok],
  ['the last voter leaves', remove('a'), group('a'), notStarted],
  ['nobody looks, and the last voter leaves', remove('a'), group('a', { strict: false }), notStarted],
  ['a learner leaves without a quorum', remove('d'), group('abc', { learners: 'd', alive: 'a' }), ok],
  ['a stranger leaves', remove('x'), group('abc'), 'member not found'],
  ['a stranger is promoted', promote('x'), group('abc'), 'member not found'],
  ['a voter is promoted', promote('a'), group('abc'), 'can only promote a learner member'],
  ['a learner is promoted', promote('d'), group('abc', { learners: 'd' }), ok],
  [
    'a learner far behind is promoted',
    promote('d'),
    group('abc', { learners: 'd', match: new Map([['d', 89]]) }),
    'can only promote a learner member which is in sync with leader',
  ],
] as const) {
  test(`when ${what}, the answer is ${expected ?? 'yes'}`, () => {
    const objection = objectionTo(change, situation);
    assert.equal(objection?.details, expected === ok ? ok : `etcdserver: ${expected}`);
  });
}

test('an address is refused when another member has it, and kept by its own', () => {
  const update = (id: string, url: string): MemberChange => ({ kind: 'update', id, peerUrls: [url] });
  assert.match(String(objectionTo(update('a', 'http://b:1'), group('abc'))), /Peer URLs already exists/);
  assert.equal(objectionTo(update('a', 'http://a:1'), group('abc')), undefined);
  assert.equal(objectionTo(update('a', 'http://new:1'), group('abc')), undefined);
});

test('no removal leaves a group whose voters are all witnesses', () => {
  const situation = group('aw');
  const configuration = { voters: ['a', 'w'], learners: [], witnesses: ['w'] };
  assert.match(
    String(objectionTo(remove('a'), { ...situation, configuration, strict: false })),
    /not enough started members/,
  );
});

test('only a marked learner that lives, was started and has everything is promoted by itself', () => {
  const marked = (id: string, more: Partial<Situation> = {}): Situation => {
    const situation = group('abc', { learners: id, alive: `abc${id}`, ...more });
    return {
      ...situation,
      members: new Map([...situation.members, [id, member(id, { autoPromote: true })]]),
    };
  };
  assert.equal(dueForPromotion(marked('d')), 'd');
  assert.equal(dueForPromotion(group('abc', { learners: 'd', alive: 'abcd' })), undefined, 'not marked');
  assert.equal(dueForPromotion(marked('D')), undefined, 'never started');
  assert.equal(dueForPromotion(marked('d', { healthy: new Set('abc') })), undefined, 'silent');
  assert.equal(dueForPromotion(marked('d', { match: new Map([['d', 99]]) })), undefined, 'behind');
});

test('a voter more never lowers the failures that healthy voters survive when it is healthy, and does when it is not', () => {
  for (let size = 1; size <= 7; size++) {
    const voters = Array.from({ length: size }, (_, i) => `v${i}`);
    for (let alive = 0; alive <= size; alive++) {
      const healthy = new Set(voters.slice(0, alive));
      const before = failuresSurvived({ voters, learners: [] }, healthy);
      const grown = { voters: [...voters, 'x'], learners: [] };
      assert.ok(failuresSurvived(grown, new Set([...healthy, 'x'])) >= before);
      if (size % 2 === 1) assert.ok(failuresSurvived(grown, healthy) < before);
    }
  }
});

test('a change leads to the configuration it says, and takes witnesses along', () => {
  const start = { voters: ['a', 'b'], learners: [] };
  const witness: MemberChange = { kind: 'add', member: member('w', { witness: true }), learner: true };
  const added = configurationAfter(start, witness);
  assert.deepEqual(added, { voters: ['a', 'b'], learners: ['w'], witnesses: ['w'] });
  const promoted = configurationAfter(added, promote('w'));
  assert.deepEqual(promoted, { voters: ['a', 'b', 'w'], learners: [], witnesses: ['w'] });
  assert.deepEqual(configurationAfter(promoted, remove('w')), start);
});
