/**
 * The worst delays of late, and how much they count. One that came once, as when a process starts on the same machine,
 * says little about the next minute; one that came again does. What one stall makes late (a turn, a heartbeat, the
 * answer to a round) is one delay: whatever comes within a second of it belongs to it.
 *
 * Bound: two delays for each of two windows. Times are milliseconds of one monotonic clock.
 */

/** A delay is remembered for one to two windows. */
const windowMs = 10_000;
const sameMs = 1_000;
/** How much of a delay counts that did not come again. */
const onceShare = 0.6;

interface Delay {
  ms: number;
  at: number;
}

export class Delays {
  /** Longest first, at most two each. */
  #now: readonly Delay[] = [];
  #before: readonly Delay[] = [];
  #windowEnds = 0;

  note(ms: number, now: number): void {
    const known = this.#now.find(({ at }) => now - at < sameMs);
    if (known === undefined) this.#now = longestTwo([...this.#now, { ms, at: now }]);
    else if (ms > known.ms) {
      known.ms = ms;
      this.#now = longestTwo(this.#now);
    }
  }

  /** To be called now and then. */
  pass(now: number): void {
    if (now < this.#windowEnds) return;
    this.#windowEnds = now + windowMs;
    this.#before = this.#now;
    this.#now = [];
  }

  /** What the longest counts for, or the next longest if that is more. 0 when nothing was late. */
  get counted(): number {
    const [longest, next] = longestTwo([...this.#now, ...this.#before]);
    return Math.max((longest?.ms ?? 0) * onceShare, next?.ms ?? 0);
  }
}

function longestTwo(delays: readonly Delay[]): readonly Delay[] {
  return delays.toSorted((a, b) => b.ms - a.ms).slice(0, 2);
}
