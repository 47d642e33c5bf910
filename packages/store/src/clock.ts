/**
 * Time, turns and chance as a member sees them. Everything a member does by itself begins here, at its disk or at its
 * network; so whoever brings the three from outside decides every step, which is how the simulator replays one.
 */
import { bootTimeMs } from '@timonier/linux/clock';

export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Milliseconds of CLOCK_BOOTTIME, which counts on while the machine sleeps. */
  readonly bootTime: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Runs once after `ms`; returns how to prevent that. */
  after(ms: number, run: () => void): () => void;
  /** Runs every `ms`; returns how to end that. */
  every(ms: number, run: () => void): () => void;
  /** Runs after what has happened already, the network's messages included. */
  soon(run: () => void): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  bootTime: bootTimeMs,
  random: Math.random,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  soon: (run) => void setImmediate(run),
};
