/**
 * Watches the API server of this host while it is the active one. When it cannot serve for `patienceMs`, leadership
 * should go to a master whose API server can. Consecutive hand-overs for this reason are spaced further and further
 * apart, so that a fault shared by all masters does not make leadership wander.
 */

export interface ApiHealthOptions {
  /** Resolves when the API server is ready; rejects with the reason when it is not. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  readonly isActive: () => boolean;
  readonly handOver: (why: string) => Promise<void>;
  readonly now: () => number;
}

const everyMs = 500;
const checkTimeoutMs = 2_000;
const patienceMs = 4_000;
/** One that has not been ready since this supervisor started may still be starting. */
const startPatienceMs = 20_000;
const firstPauseMs = 30_000;
const maxPauseMs = 600_000;

export class ApiHealth {
  readonly #options: ApiHealthOptions;
  readonly #closing = new AbortController();
  #failingSince: number | undefined;
  #wasReady = false;
  #notBefore = 0;
  #pauseMs = firstPauseMs;
  #lastHandOver = -Infinity;

  constructor(options: ApiHealthOptions) {
    this.#options = options;
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.look();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** One look; hands over when it is time. */
  async look(): Promise<void> {
    const { check, isActive, handOver, now } = this.#options;
    if (!isActive()) {
      this.#failingSince = undefined;
      return;
    }
    let failure: unknown;
    try {
      await check(AbortSignal.any([this.#closing.signal, AbortSignal.timeout(checkTimeoutMs)]));
      this.#failingSince = undefined;
      this.#wasReady = true;
      return;
    } catch (error) {
      failure = error;
    }
    const time = now();
    this.#failingSince ??= time;
    if (
      !isActive() ||
      time - this.#failingSince < (this.#wasReady ? patienceMs : startPatienceMs) ||
      time < this.#notBefore
    )
      return;
    // A master that was fine for a long time starts again with the short pause.
    this.#pauseMs =
      time - this.#lastHandOver > maxPauseMs ? firstPauseMs : Math.min(this.#pauseMs * 2, maxPauseMs);
    this.#lastHandOver = time;
    this.#notBefore = time + this.#pauseMs;
    this.#failingSince = undefined;
    await handOver(
      `the API server cannot serve: ${failure instanceof Error ? failure.message : String(failure)}`,
    );
  }
}
