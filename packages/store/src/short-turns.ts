/**
 * Short turns on busy processors. When a thread wakes up because a message came or a sync is over, Linux lets whoever has
 * the processor finish its slice first, a millisecond or more, unless the one that wakes has the shorter slice. Between
 * three members on two processors it was V8's helpers, compiling or collecting garbage, that a put waited for; on a shared
 * host it is anybody. What share of a processor a thread gets over time stays as it was.
 *
 * So the main thread and the log's have the shortest slice there is, and those that work behind them the usual one.
 * Decision 0260 has the figures.
 */
import { setTimeSlice } from '@timonier/linux/time-slice';

const sliceMicros = 100;

/**
 * For the calling thread, and those that it begins later. Nothing changes where threads have no slices of their own: before
 * Linux 6.12.
 */
export function takeShortTurns(): void {
  setTimeSlice(0, sliceMicros);
}

/** For a thread that takes after one with short turns, and whose work nobody waits for. */
export function takeUsualTurns(thread: number): void {
  setTimeSlice(thread, undefined);
}
