/** The clock of one life of a member: as fast as its host's oscillator, in turns of the world's queue. */
import type { Clock } from '../../../packages/store/src/clock.ts';
import type { Life, World } from './world.ts';

/** Real timers count whole milliseconds: they fire up to one early, and mostly a little late. */
const earlyMs = 0.5;
const lateMs = 1;

/** `speed` is about 1; `offset` tells apart the clocks of hosts. */
export function simulatedClock(world: World, life: Life, speed: number, offset: number): Clock {
  const { random } = world;
  const wait = (ms: number): number => ms / speed + random.next() * (earlyMs + lateMs) - earlyMs;
  const bornAt = world.now;
  return {
    now: () => (world.now - bornAt) * speed,
    bootTime: () => offset + world.now * speed,
    random: () => random.next(),
    after: (ms, run) => world.after(wait(ms), life, run),
    every: (ms, run) => {
      let cancel = (): void => undefined;
      const again = (): void => {
        cancel = world.after(wait(ms), life, () => {
          again();
          run();
        });
      };
      again();
      return () => cancel();
    },
    soon: (run) => void world.after(0, life, run),
  };
}
