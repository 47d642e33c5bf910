import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keepalive, Pace } from './keepalive.ts';

/** A connection that is kept alive by beats of the test. */
class Bench {
  busy = false;
  readonly said: string[] = [];
  readonly intervals: number[] = [];
  readonly pace = new Pace({
    everyMs: 10,
    beats: (beat, everyMs) => {
      this.intervals.push(everyMs);
      this.#beat = beat;
      return () => (this.#beat = undefined);
    },
  });
  readonly keepalive = this.connect();
  #beat: (() => void) | undefined;

  connect(): Keepalive {
    return new Keepalive(this.pace, {
      isBusy: () => this.busy,
      ask: () => this.said.push('ask'),
      lost: () => this.said.push('lost'),
    });
  }

  get isBeating(): boolean {
    return this.#beat !== undefined;
  }

  beat(): string[] {
    this.#beat?.();
    return this.said.splice(0);
  }
}

test('who is waited for is asked at each beat, and is lost when nothing came until the next', () => {
  const bench = new Bench();
  bench.busy = true;
  bench.keepalive.used();
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(bench.beat(), ['ask']);
    bench.keepalive.heard();
  }
  assert.deepEqual(bench.beat(), ['ask']);
  assert.deepEqual(bench.beat(), ['lost']);
  assert.equal(bench.isBeating, false);
  assert.deepEqual(bench.intervals, [10], 'however many calls there are');
});

test('a connection out of use is asked once more for what it was used for, and then left alone', () => {
  const bench = new Bench();
  bench.keepalive.used();
  bench.keepalive.used();
  assert.deepEqual(bench.beat(), ['ask']);
  bench.keepalive.heard();
  assert.deepEqual(bench.beat(), []);
  assert.equal(bench.isBeating, false);
  // Calls that all ended by their deadlines leave nobody waiting, and a connection that is of no use.
  bench.keepalive.used();
  assert.deepEqual([...bench.beat(), ...bench.beat()], ['ask', 'lost']);
});

test('a server that took questions for a flood is asked less often, within bounds', () => {
  const bench = new Bench();
  for (let i = 0; i < 8; i++) {
    const keepalive = bench.connect();
    keepalive.used();
    keepalive.stop();
    bench.pace.slowDown();
  }
  assert.deepEqual(bench.intervals, [10, 20, 40, 80, 160, 320, 640, 640]);
});
