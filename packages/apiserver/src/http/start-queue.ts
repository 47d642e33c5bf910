/**
 * A turn of the event loop begins no more requests than it has time for, and connections take turns: each that has requests
 * waiting begins one, then the next begins one, so that whoever has a thousand waiting delays another's only one by one. Those
 * of one connection begin in the order in which they came.
 *
 * What comes faster than it is answered waits here as the bytes that came, not as thousands of requests that are all half
 * done: those are parsed objects by the hundred megabytes, which every collection copies and no cache of a processor holds,
 * so that a server with much to do would do less, and never be done. And what the store has answered goes out between two
 * turns, not behind everything that has come meanwhile. Decision 0470 has the figures.
 *
 * Nothing is ever held back while there is time, and each turn begins at least one request, whatever else it does. How many
 * of a connection wait is bounded by whoever reads it: over HTTP/2 by the streams that it may have, for one that is reset leaves
 * at once; over HTTP/1.1 by `OwedAnswers`. Those that are under way are not counted: one that waits for a webhook which asks
 * this server something keeps nobody from beginning.
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

/** One that has not begun. */
export interface Waiting {
  readonly line: Line;
  /** Undefined when it has begun or left. */
  start: (() => void) | undefined;
  previous: Waiting | undefined;
  next: Waiting | undefined;
}

/** Those of one connection that wait, in a ring of all connections that have some. */
class Line {
  readonly source: object;
  first: Waiting | undefined;
  last: Waiting | undefined;
  previous: Line = this;
  next: Line = this;

  constructor(source: object) {
    this.source = source;
  }
}

export class StartQueue {
  readonly #turns: Turns;
  readonly #lines = new Map<object, Line>();
  /** Whose turn it is; the one before it in the ring is the last whose turn will be. */
  #line: Line | undefined;
  #length = 0;
  /** When this turn began its first request; undefined when it has begun none. */
  #since: number | undefined;
  #isTurnSeen = false;

  constructor(turns: Turns = eventLoop) {
    this.#turns = turns;
  }

  /** How many have not begun. */
  get length(): number {
    return this.#length;
  }

  /** Whether a request that has just come may begin now: nobody waits, and this turn has time. If not, it must `wait`. */
  admits(): boolean {
    if (!this.#isTurnSeen) {
      this.#isTurnSeen = true;
      this.#turns.soon(this.#nextTurn);
    }
    return this.#length === 0 && this.#hasTime();
  }

  /** Calls `start`, which must not throw, when it is this one's turn among those of its source, the connection. */
  wait(source: object, start: () => void): Waiting {
    const line = this.#lines.get(source) ?? this.#addLine(source);
    const waiting: Waiting = { line, start, previous: line.last, next: undefined };
    if (line.last === undefined) line.first = waiting;
    else line.last.next = waiting;
    line.last = waiting;
    this.#length++;
    return waiting;
  }

  /** Takes one out that is not to begin any more; does nothing when it has begun. */
  leave(waiting: Waiting): void {
    if (waiting.start === undefined) return;
    waiting.start = undefined;
    const { line, previous, next } = waiting;
    if (previous === undefined) line.first = next;
    else previous.next = next;
    if (next === undefined) line.last = previous;
    else next.previous = previous;
    this.#length--;
    if (line.first === undefined) this.#removeLine(line);
  }

  /** Takes all of a source out. */
  leaveAll(source: object): void {
    for (let one = this.#lines.get(source)?.first; one !== undefined; one = one.next) this.leave(one);
  }

  #addLine(source: object): Line {
    const line = new Line(source);
    const next = (this.#line ??= line);
    line.next = next;
    line.previous = next.previous;
    next.previous.next = line;
    next.previous = line;
    this.#lines.set(source, line);
    return line;
  }

  #removeLine(line: Line): void {
    this.#lines.delete(line.source);
    line.previous.next = line.next;
    line.next.previous = line.previous;
    if (this.#line === line) this.#line = line.next === line ? undefined : line.next;
  }

  #hasTime(): boolean {
    const now = this.#turns.now();
    this.#since ??= now;
    return now - this.#since < turnMs;
  }

  readonly #nextTurn = (): void => {
    this.#since = undefined;
    this.#isTurnSeen = this.#length > 0;
    if (!this.#isTurnSeen) return;
    // One by one, so that what a request does at once is done before the next begins.
    for (let i = Math.min(this.#length, mostInTurn); i > 0; i--) this.#turns.soon(this.#beginOne);
    this.#turns.soon(this.#nextTurn);
  };

  readonly #beginOne = (): void => {
    const line = this.#line;
    const waiting = line?.first;
    if (line === undefined || waiting?.start === undefined || !this.#hasTime()) return;
    const { start } = waiting;
    this.#line = line.next;
    this.leave(waiting);
    start();
  };
}
