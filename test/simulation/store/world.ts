/**
 * Virtual time: a queue of events that happen one after another in one thread, under one seed.
 *
 * Every event belongs to a life, from a member's start to its crash, or to the world itself. The events of a life that
 * is over never happen; those of a frozen one wait, in order. Between two events everything that promises owe each
 * other is settled, so that a run depends on nothing but its seed. `hash` sums up all that happened.
 */
import { Random } from '../random.ts';

/** One run of a process. */
export class Life {
  over = false;
  frozen = false;
  /** Who has to know that it is over: clients that wait for an answer. */
  readonly mourners = new Set<() => void>();
  /** What came while it was frozen. */
  readonly waiting: Event[] = [];

  end(): void {
    this.over = true;
    for (const mourner of this.mourners) mourner();
    this.mourners.clear();
  }
}

interface Event {
  at: number;
  sequence: number;
  readonly life: Life | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** Something that must not happen did. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

const keptLines = 400;
/** Events between two turns of the real event loop. */
const batch = 64;

export class World {
  readonly random: Random;
  /** Milliseconds of true time. */
  now = 0;
  steps = 0;
  hash = 0x811c9dc5;
  failure: Error | undefined;
  /** Called after every event. */
  afterEvent: (life: Life | undefined) => void = () => undefined;
  readonly #heap: Event[] = [];
  #sequence = 0;
  readonly #lines: string[] = [];
  readonly #print: boolean;

  constructor(seed: number, print = false) {
    this.random = new Random(seed);
    this.#print = print;
  }

  /** Notes a line for whoever has to understand a failure; only the newest are kept. */
  say(line: () => string): void {
    const text = `${this.now.toFixed(1).padStart(10)} ${line()}`;
    if (this.#print) console.log(text);
    this.#lines.push(text);
    if (this.#lines.length > 2 * keptLines) this.#lines.splice(0, keptLines);
  }

  get story(): string {
    return this.#lines.slice(-keptLines).join('\n');
  }

  /** Mixes a number into the hash of the run. */
  mix(value: number): void {
    this.hash = Math.imul(this.hash ^ (value | 0), 0x01000193) >>> 0;
  }

  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }

  check(condition: boolean, what: () => string): void {
    if (!condition) this.fail(new Violation(what()));
  }

  /** Lets `run` happen after `ms`. Returns how to prevent it. */
  after(ms: number, life: Life | undefined, run: () => void): () => void {
    const event: Event = {
      at: this.now + Math.max(0, ms),
      sequence: this.#sequence++,
      life,
      run,
      cancelled: false,
    };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  thaw(life: Life): void {
    life.frozen = false;
    for (const event of life.waiting.splice(0)) {
      event.at = this.now;
      event.sequence = this.#sequence++;
      this.#push(event);
    }
  }

  /** Lives on until `done` says so, looked at after every event. Rejects with the first violation. */
  async run(done: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      let ended = false;
      const turn = (): void => {
        if (ended) return;
        if (this.failure === undefined && !done() && this.#step()) return;
        ended = true;
        resolve();
      };
      // Between two immediates of one batch promises are settled as well, which is cheaper than a turn each.
      const turns = (): void => {
        if (ended) return;
        for (let i = 0; i < batch; i += 1) setImmediate(turn);
        setImmediate(turns);
      };
      turns();
    });
    if (this.failure !== undefined) throw this.failure;
  }

  /** Makes the next event happen. False when there is none. */
  #step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      const { life } = event;
      if (event.cancelled || life?.over === true) continue;
      if (life?.frozen === true) {
        life.waiting.push(event);
        continue;
      }
      this.now = event.at;
      this.steps += 1;
      this.mix(Math.round(event.at * 1000));
      this.mix(event.sequence);
      try {
        event.run();
        this.afterEvent(life);
      } catch (error) {
        this.fail(error);
      }
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent];
      if (other === undefined || !before(event, other)) break;
      heap[at] = other;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || top === last) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let smaller = left;
      if (right !== undefined && before(right, left)) {
        child += 1;
        smaller = right;
      }
      if (!before(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at === b.at ? a.sequence < b.sequence : a.at < b.at;
}
