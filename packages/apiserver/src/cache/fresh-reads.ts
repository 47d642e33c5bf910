/**
 * Linearizable reads from the watch cache: ask the store which revision it has, then wait until the cache has it too.
 * Many readers share one question: those that come while one is under way wait for the next, because an answer only
 * speaks for the time after it was asked.
 */
import { StatusError, timeout, tooLargeResourceVersion } from '@timonier/api/statuses';
import type { StoreClient } from '../storage/store-client.ts';
import type { WatchCache } from './watch-cache.ts';

const waitMs = 3_000;

export class FreshReads {
  readonly #store: StoreClient;
  readonly #cache: WatchCache;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(store: StoreClient, cache: WatchCache) {
    this.#store = store;
    this.#cache = cache;
  }

  /** Resolves once the cache holds everything that was committed before this call. */
  async fresh(): Promise<void> {
    await this.reached(await this.#revision());
  }

  /** Resolves once the cache has reached `revision`; rejects with 504 when it does not in time. */
  async reached(revision: number): Promise<void> {
    if (await this.#cache.waitFor(revision, waitMs)) return;
    const current = this.#cache.revision;
    throw new StatusError(
      current === 0
        ? timeout('the cache is not loaded yet', 1)
        : tooLargeResourceVersion(String(revision), String(current)),
    );
  }

  #revision(): Promise<number> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<number> {
    this.#next = undefined;
    const running = this.#ask();
    this.#running = running;
    const done = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    running.then(done, done);
    return running;
  }

  async #ask(): Promise<number> {
    // A key that never exists: the answer's header is all that matters.
    const { header } = await this.#store.range({ key: '/timonier/revision', countOnly: true });
    return header?.revision ?? 0;
  }
}
