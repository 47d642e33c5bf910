/**
 * How long the promises of this member may be, by what its disk remembers. A member that crashes forgets whom it
 * promised its loyalty; so it records a bound of its promises before it makes them, and after a restart stands aside
 * for that long. Why: docs/decisions/0021-adaptive-election-timeout.md.
 *
 * In: the promise that would be right by now, with every tick. Out: records, and the promise that may be made. Times
 * are milliseconds of one monotonic clock.
 *
 * Invariant: no promise that is in force is longer than the bound that a restart would find on disk.
 */

export interface PromiseCoverOptions {
  /** What the disk has. */
  readonly recordedMs: number;
  /** Makes `ms` durable, then calls back; a record that failed may or may not be there. One at a time. */
  readonly record: (ms: number, done: (error?: Error) => void) => void;
}

/** Records are steps of so much, so that small changes write nothing. */
const stepMs = 100;
/** The bound falls when promises were shorter for so long, or for twice the bound if that is longer. */
const calmMs = 10_000;
const retryMs = 1_000;

export class PromiseCover {
  readonly #record: PromiseCoverOptions['record'];
  #allowed: number;
  #writing = false;
  #retryAt = 0;
  /** The highest step that was needed since `#calmSince`. */
  #needed = 0;
  #calmSince: number | undefined;

  constructor(options: PromiseCoverOptions) {
    this.#record = options.record;
    this.#allowed = options.recordedMs;
  }

  /** No promise may be longer. */
  get boundMs(): number {
    return this.#allowed;
  }

  /** `wantedMs` is the promise that would be right at `now`. Call it with every tick. */
  follow(wantedMs: number, now: number): void {
    if (this.#writing || now < this.#retryAt) return;
    const step = Math.ceil(wantedMs / stepMs) * stepMs;
    if (step > this.#allowed) {
      this.#calmSince = undefined;
      this.#write(step, now, () => (this.#allowed = step));
      return;
    }
    if (step === this.#allowed) {
      this.#calmSince = undefined;
      return;
    }
    if (this.#calmSince === undefined) {
      this.#calmSince = now;
      this.#needed = step;
    }
    this.#needed = Math.max(this.#needed, step);
    if (now - this.#calmSince < Math.max(calmMs, 2 * this.#allowed)) return;
    // Every promise since then was at most what is needed now, and what was promised before is long over.
    this.#calmSince = undefined;
    this.#allowed = this.#needed;
    this.#write(this.#needed, now, () => undefined);
  }

  #write(ms: number, now: number, recorded: () => void): void {
    this.#writing = true;
    this.#record(ms, (error) => {
      this.#writing = false;
      if (error === undefined) recorded();
      else this.#retryAt = now + retryMs;
    });
  }
}
