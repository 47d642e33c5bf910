/** How many seats each level has for the next period, when those that want less lend to those that want more. Pure. */
import { allocateSeats, type SeatWish } from './allocation.ts';
import type { LevelConfig } from './configuration.ts';
import type { Demand } from './seat-demand.ts';

export interface LevelDemand {
  readonly config: LevelConfig;
  readonly demand: Demand;
}

export interface Borrowed {
  readonly target: number;
  readonly limit: number;
}

/** In the order of `levels`. The limits of exempt levels say what they keep from the others; they are not limited. */
export function borrow(levels: readonly LevelDemand[]): Borrowed[] {
  const total = levels.reduce((sum, { config }) => sum + config.nominal, 0);
  const wishes = levels.map(({ config, demand }): SeatWish => {
    const least = Math.max(config.least, Math.min(config.nominal, demand.peak));
    const most = Math.max(config.most, least);
    return config.isExempt
      ? { target: least, least, most: least }
      : { target: Math.max(least, demand.smoothed), least, most };
  });
  const isTight = wishes.reduce((sum, { least }) => sum + least, 0) > total;
  const possible = isTight
    ? wishes.map((wish, i) => ({ ...wish, least: levels[i]?.config.least ?? 0 }))
    : wishes;
  return allocateSeats(total, possible).map((seats, i) => ({
    target: wishes[i]?.target ?? 0,
    // A level that has seats at all keeps one: with none its requests would wait for the next period.
    limit: Math.max(levels[i]?.config.nominal === 0 ? 0 : 1, Math.round(seats)),
  }));
}
