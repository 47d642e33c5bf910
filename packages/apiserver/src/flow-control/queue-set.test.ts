import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Entry, QueueSet } from './queue-set.ts';
import { dealHand, isDealable } from './shuffle-sharding.ts';
import { oneSeat } from './work-estimate.ts';

interface Started {
  readonly flow: string;
  readonly entry: Entry;
}

/** A level that a test drives by hand. */
function level(queues: number, queueLengthLimit: number, limit: number) {
  const set = new QueueSet({ queues, queueLengthLimit }, limit, 0);
  const served: string[] = [];
  const start = (flow: string, now: number, seats = 1, hand = dealHand(flow, Math.max(1, queues), 1)) => {
    const dispatch = (): void => void served.push(flow);
    const entry = set.start({ estimate: { ...oneSeat, initialSeats: seats }, dispatch }, hand, now);
    return typeof entry === 'string' ? entry : { flow, entry };
  };
  const accepted = (flow: string, now: number, seats = 1): Started => {
    const started = start(flow, now, seats);
    assert.ok(typeof started !== 'string', `refused: ${String(started)}`);
    return started;
  };
  return { set, served, start, accepted };
}

test('a flow that comes late is served in its turn, however many of another one wait', () => {
  const { set, served, accepted } = level(64, 50, 2);
  const running = Array.from({ length: 2 }, () => accepted('flood', 0));
  for (let i = 0; i < 40; i++) accepted('flood', 1);
  accepted('small', 2);
  set.finish(running[0]?.entry as Entry, 10);
  set.finish(running[1]?.entry as Entry, 11);
  assert.ok(served.includes('small'), `served so far: ${served.join()}`);
});

test('flows get as much as each other, by seats and not by requests', () => {
  const { set, served, accepted } = level(64, 1_000, 4);
  const running = new Map<string, Entry[]>();
  const first = accepted('blocker', 0, 4);
  for (let i = 0; i < 200; i++) {
    running.set('wide', [...(running.get('wide') ?? []), accepted('wide', 0, 4).entry]);
    running.set('thin', [...(running.get('thin') ?? []), accepted('thin', 0, 1).entry]);
  }
  let now = 5;
  set.finish(first.entry, now);
  for (let round = 0; round < 200; round++) {
    now += 3;
    // What is begun meanwhile takes its time too.
    const executing = [...running.values()].flat().filter(({ state }) => state === 'executing');
    for (const entry of executing) set.finish(entry, now);
  }
  const wide = served.filter((flow) => flow === 'wide').length * 4;
  const thin = served.slice(0, 200).filter((flow) => flow === 'thin').length;
  assert.ok(wide > 0 && thin > 0, `wide ${wide}, thin ${thin}`);
  const firstThin = served.lastIndexOf('thin');
  const seatsOfWide = served.slice(0, firstThin + 1).filter((flow) => flow === 'wide').length * 4;
  const seatsOfThin = served.slice(0, firstThin + 1).filter((flow) => flow === 'thin').length;
  assert.ok(
    seatsOfWide <= seatsOfThin * 2 && seatsOfThin <= seatsOfWide * 2,
    `seats: wide ${seatsOfWide}, thin ${seatsOfThin}`,
  );
});

test('a queue that is full turns away, and a level without queues does so when its seats are taken', () => {
  const queued = level(4, 2, 1);
  queued.accepted('a', 0);
  queued.accepted('a', 0);
  queued.accepted('a', 0);
  assert.equal(queued.start('a', 0), 'queue-full');
  const direct = level(0, 0, 1);
  const one = direct.accepted('a', 0);
  assert.equal(direct.start('b', 0), 'concurrency-limit');
  direct.set.finish(one.entry, 1);
  direct.accepted('b', 1);
});

test('a request wider than its level is served alone', () => {
  const { set, served, accepted } = level(4, 10, 3);
  const thin = accepted('a', 0);
  const wide = accepted('b', 0, 10);
  assert.equal(wide.entry.state, 'waiting');
  set.finish(thin.entry, 5);
  assert.deepEqual(served, ['b']);
  assert.equal(accepted('c', 6).entry.state, 'waiting');
});

test('seats of a write that many watch are held on after its answer', () => {
  const set = new QueueSet({ queues: 4, queueLengthLimit: 10 }, 5, 0);
  const estimate = { initialSeats: 1, finalSeats: 5, additionalMs: 5 };
  const entry = set.start({ estimate, dispatch: () => undefined }, [0], 0);
  assert.ok(typeof entry !== 'string');
  assert.equal(set.finish(entry, 3), 5);
  assert.equal(set.seatsInUse, 5);
  set.release(entry, 8);
  set.release(entry, 9);
  assert.equal(set.seatsInUse, 0);
});

test('whatever happens, seats stay within the limit and are all free in the end', () => {
  const step = fc.record({
    action: fc.constantFrom('start', 'finish', 'giveUp', 'limit'),
    pick: fc.nat(1_000),
    seats: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let limit = 8;
      const set = new QueueSet({ queues: 8, queueLengthLimit: 3 }, limit, 0);
      const entries: Entry[] = [];
      let highest = limit;
      steps.forEach(({ action, pick, seats }, now) => {
        const entry = entries[pick % Math.max(1, entries.length)];
        if (action === 'start') {
          const hand = dealHand(String(pick % 5), 8, 2);
          const estimate = { ...oneSeat, initialSeats: seats };
          const started = set.start({ estimate, dispatch: () => undefined }, hand, now);
          if (typeof started !== 'string') entries.push(started);
        } else if (action === 'limit') {
          limit = 1 + (pick % 10);
          set.configure({ queues: 8, queueLengthLimit: 3 }, limit, now);
        } else if (entry !== undefined && action === 'finish') set.finish(entry, now);
        else if (entry !== undefined) set.giveUp(entry, now);
        highest = Math.max(limit, Math.min(highest, set.seatsInUse));
        if (set.seatsInUse > highest) assert.equal(set.executing, 1);
        const waiting = entries.filter(({ state }) => state === 'waiting').length;
        assert.equal(set.waiting, waiting);
      });
      for (let round = 0; round <= entries.length; round++)
        for (const entry of entries) set.finish(entry, 1_000 + round);
      assert.deepEqual(
        [set.waiting, set.executing, set.seatsInUse, set.seatsWaiting, [...set.queues].length],
        [0, 0, 0, 0, 0],
      );
    }),
  );
});

test('a hand holds different queues of the deck, the same ones each time, and flows rarely share it', () => {
  const hands = Array.from({ length: 500 }, (_, i) => dealHand(`flow-${i}`, 128, 6));
  for (const hand of hands) {
    assert.equal(new Set(hand).size, 6);
    assert.ok(hand.every((card) => card >= 0 && card < 128));
  }
  assert.deepEqual(dealHand('flow-7', 128, 6), hands[7]);
  const distinct = new Set(hands.map((hand) => hand.toSorted((a, b) => a - b).join()));
  assert.ok(distinct.size > 495, `${distinct.size} different hands`);
  assert.deepEqual(
    dealHand('x', 4, 4).toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  );
  assert.ok(isDealable(128, 6));
  assert.ok(!isDealable(2 ** 20, 6));
});
