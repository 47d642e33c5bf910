/**
 * Linearizable reads: everyone who asks in one turn shares one read-index round, and is let go once the state has
 * caught up with it. A round that fails is asked again until the readers' deadline.
 */
import { PassingMap } from '@timonier/component/passing';
import type { GrpcError } from '@timonier/grpc';
import type { Clock } from './clock.ts';
import { etcdError } from './errors.ts';
import type { KnownBugs } from './known-bugs.ts';

interface Round {
  readonly waiters: { resolve: () => void; reject: (error: GrpcError) => void }[];
  readonly deadline: number;
  /** Known once the quorum has answered. */
  index: number | undefined;
}

export interface ReadsOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** What the state has applied; also right after a restart, before anything new is. */
  readonly appliedIndex: () => number;
  /** Starts a read-index round in the consensus core. */
  readonly start: (context: number) => void;
  readonly bugs?: KnownBugs;
}

const retryMs = 20;

export class Reads {
  readonly #options: ReadsOptions;
  readonly #rounds = new PassingMap<number, Round>();
  #gathering: Round | undefined;
  #nextContext = 1;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** Resolves when the state holds everything that was committed before the call. */
  barrier(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#gathering === undefined) {
        const round: Round = {
          waiters: [],
          deadline: this.#options.clock.now() + this.#options.timeoutMs,
          index: undefined,
        };
        this.#gathering = round;
        this.#options.clock.soon(() => {
          this.#gathering = undefined;
          this.#start(round);
        });
      }
      this.#gathering.waiters.push({ resolve, reject });
    });
  }

  /** A round's reads may be served once so much is applied; its context is that of `start`. */
  ready(context: number, index: number): void {
    const round = this.#rounds.get(context);
    if (round === undefined) return;
    round.index = index;
    if (index <= this.#options.appliedIndex() || this.#options.bugs?.has('read-before-applied') === true)
      this.#finish(context, round);
  }

  /** A round failed: its reads are asked again within their time. */
  rejected(context: number): void {
    const round = this.#rounds.get(context);
    if (round === undefined) return;
    this.#rounds.delete(context);
    this.#options.clock.after(retryMs, () => this.#start(round));
  }

  applied(index: number): void {
    for (const [context, round] of this.#rounds)
      if (round.index !== undefined && round.index <= index) this.#finish(context, round);
  }

  /** Ends reads whose time is over with etcd's error. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [context, round] of this.#rounds)
      if (round.deadline <= now) {
        this.#rounds.delete(context);
        for (const waiter of round.waiters) waiter.reject(etcdError.timeout());
      }
  }

  stop(): void {
    for (const round of this.#rounds.values())
      for (const waiter of round.waiters) waiter.reject(etcdError.stopped());
    this.#rounds.clear();
  }

  #start(round: Round): void {
    if (round.deadline <= this.#options.clock.now()) {
      for (const waiter of round.waiters) waiter.reject(etcdError.timeout());
      return;
    }
    const context = this.#nextContext++;
    this.#rounds.set(context, round);
    this.#options.start(context);
  }

  #finish(context: number, round: Round): void {
    this.#rounds.delete(context);
    for (const waiter of round.waiters) waiter.resolve();
  }
}
