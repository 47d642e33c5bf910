/**
 * Tells which pods changed in the runtime. Uses the runtime's event stream where it has one, and always compares
 * listings as well: each second without events, each ten seconds with them, because a stream may lose some.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { KubeletMetrics } from '../metrics.ts';
import { podUidLabel } from './labels.ts';
import type { Runtime, RuntimeEntry } from './runtime.ts';

export interface WatcherOptions {
  readonly runtime: Runtime;
  readonly metrics: KubeletMetrics;
  /** A sandbox or a container of this pod changed. */
  readonly onPod: (uid: string) => void;
  /** Called with each full listing. */
  readonly onListing: (entries: ReadonlyMap<string, RuntimeEntry>) => void;
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

const pollMs = 1_000;
const pollWithEventsMs = 10_000;
const reconnectMs = 1_000;
const settleMs = 2_000;

export class RuntimeWatcher {
  readonly #options: WatcherOptions;
  #known: ReadonlyMap<string, RuntimeEntry> = new Map();
  #streaming = false;
  #timer: NodeJS.Timeout | undefined;
  /** Ends the interval that began with the last listing. */
  #relisted: (() => unknown) | undefined;
  #failing = false;
  #listed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Whether the last listing succeeded. */
  get healthy(): boolean {
    return this.#listed && !this.#failing;
  }

  start(): void {
    void this.#poll();
    void this.#follow();
  }

  async #poll(): Promise<void> {
    const { runtime, metrics, onPod, onListing, onError, signal } = this.#options;
    try {
      this.#relisted?.();
      this.#relisted = metrics.relistInterval.startTimer();
      const done = metrics.relistDuration.startTimer();
      const entries = await runtime.listEntries();
      done();
      const changed = new Set<string>();
      for (const [id, entry] of entries) {
        if (this.#known.get(id)?.state !== entry.state) changed.add(entry.podUid);
      }
      for (const [id, entry] of this.#known) if (!entries.has(id)) changed.add(entry.podUid);
      this.#known = entries;
      this.#failing = false;
      this.#listed = true;
      onListing(entries);
      for (const uid of changed) onPod(uid);
    } catch (error) {
      if (!this.#failing && !signal.aborted) onError(error);
      this.#failing = true;
    }
    if (signal.aborted) return;
    const wait = this.#streaming && !this.#failing ? pollWithEventsMs : pollMs;
    this.#timer = setTimeout(() => void this.#poll(), wait);
  }

  async #follow(): Promise<void> {
    const { runtime, onPod, signal } = this.#options;
    while (!signal.aborted) {
      // A runtime without events refuses at once; a stream that stays open works, even if nothing happens.
      const settled = setTimeout(() => {
        this.#streaming = true;
      }, settleMs);
      try {
        for await (const event of runtime.cri.runtime.GetContainerEvents({}, { signal })) {
          const uid =
            event.podSandboxStatus?.metadata?.uid ?? event.podSandboxStatus?.labels[podUidLabel] ?? '';
          if (uid !== '') onPod(uid);
        }
      } catch (error) {
        if (error instanceof CriError && error.code === criStatus.UNIMPLEMENTED) return;
      } finally {
        clearTimeout(settled);
      }
      this.#streaming = false;
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, reconnectMs));
    }
  }
}
