import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerFrame } from './peer-wire.ts';
import { sendSnapshot } from './snapshot.ts';
import { pacedInstalling, pacedSending, restAfter } from './transfer-pace.ts';

const table: readonly {
  readonly when: string;
  readonly piece: Parameters<typeof restAfter>[0];
  readonly rest: number;
}[] = [
  { when: 'a piece took little', piece: { tookMs: 2, lateMs: 0, logUsed: 0, rests: 4 }, rest: 8 },
  { when: 'the rest before was late', piece: { tookMs: 2, lateMs: 10, logUsed: 0, rests: 4 }, rest: 18 },
  { when: 'it is put in place', piece: { tookMs: 2, lateMs: 0, logUsed: 0, rests: 1 }, rest: 2 },
  { when: 'a piece took long', piece: { tookMs: 400, lateMs: 0, logUsed: 0, rests: 4 }, rest: 25 },
  {
    when: 'the machine was stopped',
    piece: { tookMs: 60_000, lateMs: 60_000, logUsed: 0, rests: 4 },
    rest: 25,
  },
  { when: 'the log fills up', piece: { tookMs: 2, lateMs: 0, logUsed: 0.25, rests: 4 }, rest: 4 },
  { when: 'the log is half full', piece: { tookMs: 400, lateMs: 50, logUsed: 0.5, rests: 4 }, rest: 0 },
  { when: 'the log is more than full', piece: { tookMs: 400, lateMs: 50, logUsed: 2, rests: 4 }, rest: 0 },
  { when: 'nothing takes any time', piece: { tookMs: 0, lateMs: 0, logUsed: 0, rests: 4 }, rest: 0 },
];

for (const { when, piece, rest } of table)
  test(`a state rests for ${rest} ms when ${when}`, () => {
    assert.equal(restAfter(piece), rest);
  });

/** Time goes on only when somebody works or rests. */
function workshop(): { now: number; rested: number; clock: Parameters<typeof pacedSending>[1] } {
  const shop = {
    now: 0,
    rested: 0,
    clock: {
      now: () => shop.now,
      after: (ms: number, run: () => void) => {
        shop.now += ms;
        shop.rested += ms;
        queueMicrotask(run);
        return () => undefined;
      },
    },
  };
  return shop;
}

test('the time that reading and taking a piece need is rested four times, piece by piece', async () => {
  const shop = workshop();
  async function* pieces(): AsyncGenerator<number> {
    for (let i = 0; i < 10; i++) {
      shop.now += 1;
      yield await Promise.resolve(i);
    }
  }
  const got: number[] = [];
  for await (const piece of pacedSending(pieces(), shop.clock)) {
    shop.now += 2;
    got.push(piece);
  }
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(shop.rested, 10 * 4 * 3);
});

test('a state that is put in place rests as long as it works', async () => {
  const shop = workshop();
  async function* pieces(): AsyncGenerator<number> {
    for (let i = 0; i < 10; i++) yield await Promise.resolve(i);
  }
  for await (const _piece of pacedInstalling(pieces(), shop.clock)) shop.now += 3;
  assert.equal(shop.rested, 10 * 3);
});

test('who takes no more pieces ends their source', async () => {
  const shop = workshop();
  let ended = false;
  async function* pieces(): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) yield await Promise.resolve(i);
    } finally {
      ended = true;
    }
  }
  for await (const piece of pacedSending(pieces(), shop.clock)) if (piece === 3) break;
  assert.ok(ended);
});

for (const { logUsed, rested } of [
  { logUsed: 0, rested: 5 * 4 * 3 },
  { logUsed: 1, rested: 0 },
])
  test(`a member that is sent five pieces of a state leaves the others ${rested} ms when ${logUsed * 100}% of the log's room is used`, async () => {
    const shop = workshop();
    const frames: PeerFrame[] = [];
    const tally = { records: 5, bytes: 10, sum: 0 };
    const meta = {
      cluster: 'c',
      index: 7,
      term: 1,
      revision: 1,
      compactRevision: 0,
      configuration: { voters: ['a', 'b'], learners: [] },
      members: [],
      tally,
    };
    let closed = false;
    const records = await sendSnapshot({
      to: 'b',
      message: {
        type: 'snapshot',
        from: 'a',
        to: 'b',
        term: 1,
        afterPersist: false,
        index: 7,
        snapshotTerm: 1,
        configuration: meta.configuration,
      },
      disk: {
        view: async () => ({
          meta,
          tally,
          chunks: async function* () {
            for (let i = 0; i < 5; i++)
              yield await Promise.resolve([[Buffer.from([i]), Buffer.from([i])] as const]);
          },
          close: () => {
            closed = true;
            return Promise.resolve();
          },
        }),
      },
      transport: {
        sendBulk: async (_to, pieces) => {
          for await (const frame of pieces) {
            if (frame.snapshotChunk !== undefined) shop.now += 3;
            frames.push(frame);
          }
        },
      },
      clock: shop.clock,
      logUsed: () => logUsed,
      onBegin: () => undefined,
    });
    assert.equal(records, 5);
    assert.ok(closed);
    // Header, five chunks, the meta record, end.
    assert.equal(frames.length, 8);
    assert.equal(shop.rested, rested);
  });
