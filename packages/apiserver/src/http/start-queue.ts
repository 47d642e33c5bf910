/**
 * Requests begin in the order in which they came, and a turn of the event loop begins no more of them than it has time for.
 *
 * What comes faster than it is answered waits here as the bytes that came, not as thousands of requests that are all half
 * done: those are parsed objects by the hundred megabytes, which every collection copies and no cache of a processor holds,
 * so that a server with much to do would do less, and never be done. And what the store has answered goes out between two
 * turns, not behind everything that has come meanwhile. Decision 0470 has the figures.
 *
 * Nothing is ever held back while there is time, and each turn begins at least one request, whatever else it does. How many
 * wait is bounded by the streams that a connection may have. Those that are under way are not counted: one that waits for
 * a webhook which asks this server something keeps nobody from beginning.
 */

/** Milliseconds after which a turn begins no more: some thirty changes. */
const turnMs = 8;
/** Requests that a turn could begin, more than it has time for. */
const mostInTurn = 256;

export interface Turns {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Calls back after what has come was read, each in the order of its calls. */
  soon(callback: () => void): void;
}

const eventLoop: Turns = { now: () => performance.now(), soon: (callback) => void setImmediate(callback) };

type Start = () => void;

export class StartQueue {
  readonly #turns: Turns;
  #waiting: Start[] = [];
  /** Of those waiting, how many have begun. */
  #begun = 0;
  /** When this turn began its first request; undefined when it has begun none. */
  #since: number | undefined;
  #isTurnSeen = false;

  constructor(turns: Turns = eventLoop) {
    this.#turns = turns;
  }

  /** How many have not begun. */
  get length(): number {
    return this.#waiting.length - this.#begun;
  }

  /** Calls `start` now or, when others wait or this turn has no more time, in its turn. It must not throw. */
  enter(start: Start): void {
    if (!this.#isTurnSeen) {
      this.#isTurnSeen = true;
      this.#turns.soon(this.#nextTurn);
    }
    if (this.length === 0 && this.#hasTime()) start();
    else this.#waiting.push(start);
  }

  #hasTime(): boolean {
    const now = this.#turns.now();
    this.#since ??= now;
    return now - this.#since < turnMs;
  }

  readonly #nextTurn = (): void => {
    this.#since = undefined;
    this.#isTurnSeen = this.length > 0;
    if (!this.#isTurnSeen) return;
    // One by one, so that what a request does at once is done before the next begins.
    for (let i = Math.min(this.length, mostInTurn); i > 0; i--) this.#turns.soon(this.#beginOne);
    this.#turns.soon(this.#nextTurn);
  };

  readonly #beginOne = (): void => {
    const start = this.#waiting[this.#begun];
    if (start === undefined || !this.#hasTime()) return;
    this.#begun++;
    if (this.#begun === this.#waiting.length) {
      this.#waiting = [];
      this.#begun = 0;
    } else if (this.#begun >= mostInTurn) {
      this.#waiting = this.#waiting.slice(this.#begun);
      this.#begun = 0;
    }
    start();
  };
}
