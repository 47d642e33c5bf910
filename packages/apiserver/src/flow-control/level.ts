/** A priority level at work: its queues, what was wanted of it lately, and what those hear that it turns away. */
import type { LevelConfig } from './configuration.ts';
import { QueueSet, type QueueSetConfig } from './queue-set.ts';
import { RetryAfter } from './retry-after.ts';
import { type Demand, SeatDemand } from './seat-demand.ts';
import { widestOf } from './work-estimate.ts';

export class Level {
  config: LevelConfig;
  readonly set: QueueSet;
  readonly retryAfter = new RetryAfter();
  readonly #demand: SeatDemand;
  /** Of the last period. */
  lastDemand: Demand = { average: 0, deviation: 0, peak: 0, smoothed: 0 };
  target = 0;
  /** What it has after lending and borrowing. */
  limit: number;

  constructor(config: LevelConfig, now: number) {
    this.config = config;
    this.limit = config.nominal;
    this.set = new QueueSet(queuesOf(config), limitOf(config, config.nominal), now);
    this.#demand = new SeatDemand(now);
  }

  get widest(): number {
    return this.config.isExempt ? Infinity : widestOf(this.config.nominal);
  }

  configure(config: LevelConfig, now: number): void {
    // What it has borrowed or lent stays so until the next period, within its new bounds.
    const isChanged = config.nominal !== this.config.nominal;
    this.config = config;
    this.#apply(isChanged ? config.nominal : Math.min(Math.max(this.limit, config.least), config.most), now);
  }

  lend(limit: number, target: number, now: number): void {
    this.target = target;
    this.#apply(limit, now);
  }

  noteDemand(now: number): void {
    this.#demand.set(this.set.seatsInUse + this.set.seatsWaiting, now);
  }

  takeDemand(now: number): Demand {
    this.lastDemand = this.#demand.take(now);
    return this.lastDemand;
  }

  #apply(limit: number, now: number): void {
    this.limit = limit;
    this.set.configure(queuesOf(this.config), limitOf(this.config, limit), now);
  }
}

function queuesOf({ isExempt, queues, queueLengthLimit }: LevelConfig): QueueSetConfig {
  return { queues: isExempt ? 0 : queues, queueLengthLimit };
}

function limitOf({ isExempt }: LevelConfig, seats: number): number {
  return isExempt ? Infinity : seats;
}
