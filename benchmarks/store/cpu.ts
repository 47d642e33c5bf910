/** CPU time of processes with all their threads, from `/proc/PID/stat`. */
import { readFileSync } from 'node:fs';

/** `USER_HZ`, which is 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

/** Microseconds of user and system time, summed over the processes. Steps of 10 ms. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program stands in parentheses and may hold anything; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1_000_000) / ticksPerSecond;
}
