import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Message } from '@timonier/raft';
import { Outbox } from './outbox.ts';
import { Pace } from './pace.ts';
import { FrameReader } from './peer-wire.ts';
import { fromWire } from './raft-wire.ts';

let now: number;
let timers: { at: number; run: () => void }[];
let sent: { to: string; message: Message }[];
let outbox: Outbox;

beforeEach(() => {
  now = 1_000;
  timers = [];
  sent = [];
  outbox = new Outbox({
    pace: new Pace({ heartbeatMs: 100, floorMs: 300, ceilingMs: 1_000 }),
    promiseMs: () => 250,
    clock: {
      now: () => now,
      after: (ms, run) => {
        timers.push({ at: now + ms, run });
        return () => assert.fail('nothing is taken back');
      },
    },
    send: (to, bytes) => {
      for (const { raft } of new FrameReader().push(bytes))
        for (const wire of raft?.messages ?? []) sent.push({ to, message: fromWire(wire, 'me', to) });
      return true;
    },
  });
});

const envelope = { from: 'me', term: 3, afterPersist: false };

function send(message: Message): void {
  outbox.send(outbox.dress(message));
}

function commit(to: string, index: number): void {
  send({ type: 'commit', ...envelope, to, commit: index });
}

function append(to: string, commitIndex: number): void {
  const entries = [
    { index: 8, term: 3, type: 'normal' as const, data: Buffer.from('an entry') },
  ] as const satisfies unknown[];
  send({ type: 'append', ...envelope, to, prevIndex: 7, prevTerm: 3, entries, commit: commitIndex });
}

/** Lets time pass, and what waits for it happen. */
function pass(ms: number): void {
  now += ms;
  const due = timers.filter(({ at }) => at <= now);
  timers = timers.filter(({ at }) => at > now);
  for (const { run } of due) run();
}

function types(to: string): string[] {
  return sent.filter((one) => one.to === to).map(({ message }) => message.type);
}

test('news of a commit leaves with the next append and not before it', () => {
  commit('a', 7);
  assert.deepEqual(types('a'), []);
  append('a', 7);
  pass(100);
  assert.deepEqual(types('a'), ['append']);
});

test('without an append, or with one that knows less, news of a commit leaves by itself within milliseconds', () => {
  commit('a', 7);
  commit('b', 7);
  append('b', 6);
  pass(1);
  commit('a', 8);
  pass(2);
  pass(3);
  assert.deepEqual(types('b'), ['append', 'commit']);
  assert.deepEqual(types('a'), ['commit']);
  const [news] = sent.filter(({ to }) => to === 'a');
  assert.ok(news?.message.type === 'commit' && news.message.commit === 8, 'only the newest counts');
  assert.equal(timers.length, 0, 'nothing is left to wait for');
});

test('a member whose clients wait for a commit hears of it at once, for a while', () => {
  outbox.hasten('a');
  commit('a', 7);
  commit('b', 7);
  assert.deepEqual([types('a'), types('b')], [['commit'], []]);
  pass(200);
  commit('a', 8);
  assert.deepEqual(types('a'), ['commit']);
});

test('readers on a follower are told of the commit before they are told to wait for it', () => {
  commit('a', 7);
  send({ type: 'read-index-response', ...envelope, to: 'a', context: 1, index: 7 });
  pass(100);
  assert.deepEqual(types('a'), ['commit', 'read-index-response']);
});
