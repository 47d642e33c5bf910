import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartQueue } from './start-queue.ts';

/** An event loop that turns when it is told to, with a clock that only its work moves. */
class Loop {
  #milliseconds = 0;
  #due: (() => void)[] = [];

  now(): number {
    return this.#milliseconds;
  }

  soon(callback: () => void): void {
    this.#due.push(callback);
  }

  work(milliseconds: number): void {
    this.#milliseconds += milliseconds;
  }

  turn(): void {
    const due = this.#due;
    this.#due = [];
    for (const callback of due) callback();
  }

  get isIdle(): boolean {
    return this.#due.length === 0;
  }
}

describe('starts of requests', () => {
  function setUp(): {
    loop: Loop;
    queue: StartQueue;
    begun: number[];
    come: (id: number, takes: number) => void;
  } {
    const loop = new Loop();
    const queue = new StartQueue(loop);
    const begun: number[] = [];
    const come = (id: number, takes: number): void =>
      queue.enter(() => {
        begun.push(id);
        loop.work(takes);
      });
    return { loop, queue, begun, come };
  }

  it('begins what comes at once while the turn has time', () => {
    const { queue, begun, come } = setUp();
    for (let id = 0; id < 7; id++) come(id, 1);
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
    assert.equal(queue.length, 0);
  });

  it('lets wait what comes when the turn has no more time, and begins it in order, some in each turn', () => {
    const { loop, queue, begun, come } = setUp();
    for (let id = 0; id < 10; id++) come(id, 3);
    assert.deepEqual(begun, [0, 1, 2]);
    assert.equal(queue.length, 7);
    loop.turn();
    assert.deepEqual(begun, [0, 1, 2], 'what has come is read before');
    loop.turn();
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
    loop.turn();
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('lets nobody overtake those who wait', () => {
    const { loop, begun, come } = setUp();
    for (let id = 0; id < 4; id++) come(id, 3);
    loop.turn();
    come(4, 3);
    assert.deepEqual(begun, [0, 1, 2]);
    loop.turn();
    assert.deepEqual(begun, [0, 1, 2, 3], 'as many as waited when the turn began');
    loop.turn();
    assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  });

  it('begins one in each turn, however long what is read before takes', () => {
    const { loop, begun, come } = setUp();
    for (let id = 0; id < 4; id++) come(id, 10);
    for (const expected of [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]) {
      loop.turn();
      assert.deepEqual(begun, expected);
      loop.work(50);
    }
  });

  it('asks nothing of the event loop when nothing waits, and begins at once again', () => {
    const { loop, queue, begun, come } = setUp();
    const count = 2_000;
    for (let id = 0; id < count; id++) come(id, 1);
    for (let turns = 0; !loop.isIdle; turns++) {
      assert.ok(turns < count, 'it goes on for ever');
      loop.turn();
    }
    assert.deepEqual(
      begun,
      Array.from({ length: count }, (_unused, id) => id),
    );
    assert.equal(queue.length, 0);
    come(count, 1);
    assert.equal(begun.length, count + 1);
  });

  it('begins those that a request which begins brings along after it', () => {
    const { loop, queue, begun } = setUp();
    queue.enter(() => {
      begun.push(0);
      loop.work(9);
      queue.enter(() => void begun.push(1));
    });
    assert.deepEqual(begun, [0]);
    loop.turn();
    loop.turn();
    assert.deepEqual(begun, [0, 1]);
  });
});
