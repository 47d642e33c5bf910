/**
 * Keys waiting to be reconciled: each key at most once in the queue, never processed twice at the same time, and
 * repeated with exponential backoff after a failure. The queue holds keys, not events, so its length is bounded by
 * the number of objects.
 *
 * A key added while it is being processed is processed once more afterwards, because the run under way may have
 * read the state from before.
 */
import { pause } from './backoff.ts';

export interface WorkQueueMetrics {
  /** A queue begins; `running` tells for how many seconds each key has been processed that is. */
  readonly made?: (queue: string, running: () => readonly number[]) => void;
  readonly depth?: (queue: string, depth: number) => void;
  readonly added?: (queue: string) => void;
  readonly retried?: (queue: string) => void;
  /** Seconds a key waited, and seconds its processing took. */
  readonly processed?: (queue: string, waited: number, took: number) => void;
}

export interface WorkQueueOptions {
  readonly name: string;
  /** Keys processed at the same time. */
  readonly concurrency: number;
  /** Reconciles one key; may ask to be called again after a time. A rejection means: again, with backoff. */
  readonly process: (key: string, signal: AbortSignal) => Promise<void | { readonly againAfterMs: number }>;
  readonly onError?: (key: string, error: unknown, failures: number) => void;
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly metrics?: WorkQueueMetrics;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Map<string, number>();
  /** Since when each key is being processed. */
  readonly #processing = new Map<string, number>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly due: number }>();
  readonly #failures = new Map<string, number>();
  readonly #stopping = new AbortController();
  #idle = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    options.metrics?.made?.(options.name, () => {
      const now = performance.now();
      return [...this.#processing.values()].map((since) => (now - since) / 1_000);
    });
  }

  /** Keys waiting, not counting delayed ones. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Puts a key in the queue, now. Ignored after `stop`. */
  add(key: string): void {
    if (this.#stopping.signal.aborted) return;
    const delayed = this.#timers.get(key);
    // A failing key keeps its place in the backoff: a busy object must not turn it into a hot loop.
    if (delayed !== undefined && !this.#failures.has(key)) {
      clearTimeout(delayed.timer);
      this.#timers.delete(key);
    } else if (delayed !== undefined) return;
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#waiting.set(key, performance.now());
    this.#options.metrics?.added?.(this.#options.name);
    this.#reportDepth();
    this.#pump();
  }

  /** Puts a key in the queue after a time; an earlier time already set wins. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const due = performance.now() + delayMs;
    const known = this.#timers.get(key);
    if (known !== undefined) {
      if (known.due <= due) return;
      clearTimeout(known.timer);
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      Math.min(delayMs, 2 ** 31 - 1),
    );
    this.#timers.set(key, { timer, due });
  }

  /** Drops what waits, aborts the signal given to `process`, and waits up to `timeoutMs` for what runs. */
  async stop(timeoutMs = 3_000): Promise<void> {
    this.#stopping.abort();
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#reportDepth();
    if (this.#processing.size === 0) return;
    const enough = new AbortController();
    await Promise.race([this.#idle.promise, pause(timeoutMs, enough.signal)]);
    enough.abort();
  }

  #pump(): void {
    while (this.#processing.size < this.#options.concurrency && !this.#stopping.signal.aborted) {
      const next = this.#waiting.entries().next();
      if (next.done === true) return;
      const [key, since] = next.value;
      this.#waiting.delete(key);
      this.#processing.set(key, performance.now());
      this.#reportDepth();
      void this.#process(key, since);
    }
  }

  async #process(key: string, since: number): Promise<void> {
    const startedAt = performance.now();
    let againAfterMs: number | undefined;
    try {
      const result = await this.#options.process(key, this.#stopping.signal);
      this.#failures.delete(key);
      againAfterMs = result?.againAfterMs;
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        const failures = (this.#failures.get(key) ?? 0) + 1;
        this.#failures.set(key, failures);
        const { baseDelayMs = 10, maxDelayMs = 60_000 } = this.#options;
        againAfterMs = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures - 1, 30));
        this.#options.metrics?.retried?.(this.#options.name);
        this.#options.onError?.(key, error, failures);
      }
    }
    const endedAt = performance.now();
    const { metrics, name } = this.#options;
    metrics?.processed?.(name, (startedAt - since) / 1000, (endedAt - startedAt) / 1000);
    this.#processing.delete(key);
    const again = this.#again.delete(key);
    if (again && !this.#failures.has(key)) this.add(key);
    else if (againAfterMs !== undefined) this.addAfter(key, againAfterMs);
    if (this.#processing.size === 0) {
      this.#idle.resolve();
      this.#idle = Promise.withResolvers<void>();
    }
    this.#pump();
  }

  #reportDepth(): void {
    this.#options.metrics?.depth?.(this.#options.name, this.#waiting.size);
  }
}
