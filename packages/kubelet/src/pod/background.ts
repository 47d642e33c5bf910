/**
 * Slow work of one pod: once at a time per name, and after a failure not again before its wait, longer each time.
 * Whatever ends, well or not, asks for the next look at the pod.
 */
const retryMs = 1_000;
const maxRetryMs = 10_000;

export class BackgroundWork {
  /** Names of work that is under way. */
  readonly busy = new Set<string>();
  readonly #retryAt = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #onEnd: () => void;
  readonly #onFailure: (name: string, error: unknown) => void;

  constructor(onEnd: () => void, onFailure: (name: string, error: unknown) => void) {
    this.#onEnd = onEnd;
    this.#onFailure = onFailure;
  }

  run(name: string, work: () => Promise<void>): void {
    if (this.busy.has(name) || (this.#retryAt.get(name) ?? 0) > Date.now()) return;
    this.busy.add(name);
    void work()
      .then(
        () => this.succeeded(name),
        (error: unknown) => {
          this.#onFailure(name, error);
          const wait = this.failed(name);
          this.#retryAt.set(name, Date.now() + wait);
          setTimeout(this.#onEnd, wait + 5).unref();
        },
      )
      .finally(() => {
        this.busy.delete(name);
        this.#onEnd();
      });
  }

  succeeded(name: string): void {
    this.#failures.delete(name);
    this.#retryAt.delete(name);
  }

  /** Notes a failure; returns how long to wait, in milliseconds. */
  failed(name: string): number {
    const failures = (this.#failures.get(name) ?? 0) + 1;
    this.#failures.set(name, failures);
    return Math.min(maxRetryMs, retryMs * 2 ** (failures - 2));
  }
}
