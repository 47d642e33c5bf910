/**
 * Lets the store forget old history, as long as nobody else does: on a foreign etcd that is the API server's task. Only
 * the active server compacts. What is kept is at least one interval, so that watches can resume that far back.
 */
import type { Logger } from 'pino';
import type { StoreClient } from './store-client.ts';
import { Compacted } from './store-failures.ts';

export interface CompactorOptions {
  readonly store: StoreClient;
  readonly intervalMs: number;
  readonly isActive: () => boolean;
  /** The newest revision known. */
  readonly revision: () => number;
  readonly log: Pick<Logger, 'warn' | 'debug'>;
}

/** Compacts, at every interval, what was old at the one before. Returns how to stop. */
export function startCompactor({ store, intervalMs, isActive, revision, log }: CompactorOptions): () => void {
  let previous = 0;
  const timer = setInterval(() => {
    const target = previous;
    previous = revision();
    if (target <= 0 || !isActive()) return;
    store.compact(target).then(
      () => log.debug({ revision: target }, 'compacted the store'),
      (error: unknown) => {
        // Somebody else was faster: what had to be forgotten is.
        if (!(error instanceof Compacted)) log.warn({ reason: String(error) }, 'could not compact the store');
      },
    );
  }, intervalMs);
  return () => clearInterval(timer);
}
