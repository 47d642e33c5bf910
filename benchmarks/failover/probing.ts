/**
 * Asking several places at once, again and again, from a loss on: when did each answer for the first time?
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Between two questions to one place. */
const tickMs = 10;
const giveUpMs = 20_000;

/** One question; resolves with whether it was answered as it should, and never rejects. */
export type Question = () => Promise<boolean>;

/**
 * Asks every place each 10 ms until `enough` of them have answered. Resolves with the milliseconds from `start` (of
 * `performance.now`) to the first answer of each that did. Rejects after 20 s. `maxInFlight` bounds the probe's own load
 * where questions hang: all that hang at one place are answered in the same moment, and the first one counts.
 */
export async function firstAnswers(
  places: ReadonlyMap<string, Question>,
  start: number,
  enough: (answered: ReadonlyMap<string, number>) => boolean,
  maxInFlight: number,
): Promise<ReadonlyMap<string, number>> {
  const answered = new Map<string, number>();
  const inFlight = new Map<string, number>();
  while (!enough(answered)) {
    if (performance.now() - start > giveUpMs)
      throw new Error(
        `no answer within ${giveUpMs} ms but from: ${[...answered.keys()].join(', ') || 'nobody'}`,
      );
    for (const [name, ask] of places) {
      const count = inFlight.get(name) ?? 0;
      if (count >= maxInFlight || answered.has(name)) continue;
      inFlight.set(name, count + 1);
      void ask().then((good) => {
        inFlight.set(name, (inFlight.get(name) ?? 1) - 1);
        if (good && !answered.has(name)) answered.set(name, performance.now() - start);
      });
    }
    await pause(tickMs);
  }
  return answered;
}

/** The earliest of all answers. */
export function earliest(answered: ReadonlyMap<string, number>): number {
  return Math.min(...answered.values());
}
