/**
 * Work that is done anew whenever something has changed, one time after the other: a moment after the change, so that
 * what comes together is done together; again when it failed; and every now and then, if wanted. A change that comes
 * while the work is under way, which may not see it any more, brings about another time.
 */
import { setTimeout as pause } from 'node:timers/promises';

export interface RepeatedWorkOptions {
  readonly work: () => Promise<void>;
  /** After a change, in milliseconds. */
  readonly settleMs: number;
  /** After a failure. */
  readonly retryMs: number;
  /** However quiet it is; absent: not without a change. */
  readonly everyMs?: number;
  readonly onError: (error: unknown) => void;
}

/** A write that waits for a store which is gone ends with the store's connection, and not before. */
const stopMs = 500;

export class RepeatedWork {
  readonly #options: RepeatedWorkOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #hasBegun = false;
  #stopped = false;

  constructor(options: RepeatedWorkOptions) {
    this.#options = options;
  }

  /** Does it now, and follows changes from then on. Rejects when it fails; it is tried again all the same. */
  async begin(): Promise<void> {
    this.#hasBegun = true;
    if (this.#running !== undefined) await this.#running.catch(() => undefined);
    await this.#once();
  }

  /** Something has changed. */
  changed(): void {
    if (this.#hasBegun) this.#schedule(this.#options.settleMs);
  }

  /** No more of it. Waits a moment for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.race([this.#running?.catch(() => undefined), pause(stopMs, undefined, { ref: false })]);
  }

  /** A time that is due sooner stays. */
  #schedule(inMs: number): void {
    const dueAt = performance.now() + inMs;
    if (this.#stopped || this.#dueAt <= dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      if (this.#running === undefined) this.#once().catch(this.#options.onError);
      else this.#schedule(this.#options.settleMs);
    }, inMs).unref();
  }

  #once(): Promise<void> {
    const { work, retryMs, everyMs } = this.#options;
    const running = work().then(
      () => this.#ended(everyMs),
      (error: unknown) => {
        this.#ended(retryMs);
        throw error;
      },
    );
    this.#running = running;
    return running;
  }

  #ended(againInMs: number | undefined): void {
    this.#running = undefined;
    if (againInMs !== undefined) this.#schedule(againInMs);
  }
}
