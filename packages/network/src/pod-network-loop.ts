/**
 * Runs `PodNetwork.apply` whenever it is asked to and from time to time by itself: one pass at a time, a failed pass
 * again after a second. Requests made during a pass start one more.
 */
import type { Node } from '@timonier/api';
import type { PodNetwork, PodNetworkResult } from './pod-network.ts';

export interface PodNetworkLoopOptions {
  readonly network: PodNetwork;
  readonly nodes: () => readonly Node[];
  readonly onResult: (result: PodNetworkResult) => void;
  readonly onError: (error: unknown) => void;
}

const debounceMs = 20;
const retryMs = 1_000;
const routeRetryMs = 5_000;
const periodMs = 30_000;

export class PodNetworkLoop {
  readonly #options: PodNetworkLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #stopped = false;
  #failure: unknown;
  #applied = false;

  constructor(options: PodNetworkLoopOptions) {
    this.#options = options;
  }

  /** Why the last pass failed; undefined when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  get hasApplied(): boolean {
    return this.#applied;
  }

  trigger(): void {
    this.#schedule(debounceMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#stopped || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#start(), delayMs);
  }

  #start(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#running !== undefined) {
      this.#schedule(debounceMs);
      return;
    }
    this.#running = this.#pass().finally(() => {
      this.#running = undefined;
    });
  }

  async #pass(): Promise<void> {
    try {
      const result = await this.#options.network.apply(this.#options.nodes());
      this.#applied = true;
      this.#failure = undefined;
      this.#options.onResult(result);
      this.#schedule(result.routeProblem === undefined ? periodMs : routeRetryMs);
    } catch (error) {
      this.#failure = error;
      this.#options.onError(error);
      this.#schedule(retryMs);
    }
  }
}
