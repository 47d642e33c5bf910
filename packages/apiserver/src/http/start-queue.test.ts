import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandTurned } from '../testing/hand-turned.ts';
import { StartQueue, type Waiting } from './start-queue.ts';

describe('starts of requests', () => {
  function setUp(): {
    loop: HandTurned;
    queue: StartQueue;
    begun: number[];
    come: (id: number, takes: number, source?: object) => Waiting | undefined;
  } {
    const loop = new HandTurned();
    const queue = new StartQueue(loop);
    const begun: number[] = [];
    const come = (id: number, takes: number, source: object = queue): Waiting | undefined => {
      const start = (): void => {
        begun.push(id);
        loop.work(takes);
      };
      if (!queue.admits()) return queue.wait(source, start);
      start();
      return undefined;
    };
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
    const { loop, queue, begun, come } = setUp();
    come(0, 9);
    queue.wait(queue, () => {
      begun.push(1);
      come(2, 1);
    });
    for (let turns = 0; turns < 3; turns++) loop.turn();
    assert.deepEqual(begun, [0, 1, 2]);
  });

  it('lets connections take turns, each of which begins what it has in order', () => {
    const { loop, queue, begun, come } = setUp();
    const [crowd, node, other] = [{}, {}, {}];
    for (let id = 0; id < 1_000; id++) come(id, 10, crowd);
    come(1_000, 10, node);
    come(2_000, 10, other);
    come(1_001, 10, node);
    for (let turns = 0; turns < 8; turns++) loop.turn();
    assert.deepEqual(begun, [0, 1, 1_000, 2_000, 2, 1_001, 3, 4]);
    come(2_001, 10, other);
    for (let turns = 0; turns < 3; turns++) loop.turn();
    assert.deepEqual(begun.slice(8), [5, 2_001, 6]);
    assert.equal(queue.length, 993);
  });

  it('lets those leave that wait, wherever they are', () => {
    const { loop, queue, begun, come } = setUp();
    const [one, two] = [{}, {}];
    come(0, 10, one);
    const waiting = Array.from({ length: 5 }, (_unused, i) => come(i + 1, 1, one));
    const single = come(10, 1, two);
    const leave = (left: Waiting | undefined): void => {
      assert.ok(left !== undefined);
      queue.leave(left);
    };
    for (const index of [0, 2, 4]) leave(waiting[index]);
    leave(single);
    assert.equal(queue.length, 2);
    leave(single);
    assert.equal(queue.length, 2, 'it leaves once');
    for (let turns = 0; turns < 2; turns++) loop.turn();
    assert.deepEqual(begun, [0, 2, 4]);
    leave(waiting[1]);
    assert.equal(queue.length, 0);
    for (let turns = 0; turns < 2; turns++) loop.turn();
    assert.ok(loop.isIdle);
    come(11, 1, two);
    assert.deepEqual(begun, [0, 2, 4, 11]);
  });

  it('keeps nothing of those who left', () => {
    const { queue, come } = setUp();
    const source = {};
    come(0, 10, source);
    const first = come(1, 1, source);
    for (let id = 2; id < 100; id++) {
      const waiting = come(id, 1, source);
      if (waiting !== undefined) queue.leave(waiting);
    }
    assert.equal(first?.next, undefined);
    assert.equal(queue.length, 1);
  });

  it('lets all of a connection leave, and none of another', () => {
    const { loop, queue, begun, come } = setUp();
    const [gone, stays] = [{}, {}];
    come(0, 10, stays);
    for (let id = 1; id < 7; id++) come(id, 1, id % 2 === 0 ? gone : stays);
    queue.leaveAll(gone);
    queue.leaveAll({});
    assert.equal(queue.length, 3);
    for (let turns = 0; turns < 2; turns++) loop.turn();
    assert.deepEqual(begun, [0, 1, 3, 5]);
  });
});
