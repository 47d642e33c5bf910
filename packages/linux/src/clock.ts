/**
 * The clock that leases are measured by: CLOCK_BOOTTIME, which never steps, keeps counting while the machine is
 * suspended, and reads the same in every process of the machine. Node offers only CLOCK_MONOTONIC, so the kernel is
 * asked directly.
 */
import { koffi } from './native.ts';

const clockBootTime = 7;

// The symbol comes from the C library this process is already linked with.
const clockGettime: (clock: number, out: BigInt64Array) => number = koffi
  .load(null)
  .func('int clock_gettime(int clock, int64_t *out)');

const timespec = new BigInt64Array(2);

/** Milliseconds since the machine booted, with a fraction. Never decreases. */
export function bootTimeMs(): number {
  if (clockGettime(clockBootTime, timespec) !== 0) {
    throw new Error('clock_gettime(CLOCK_BOOTTIME) failed: this kernel is older than Linux 2.6.39');
  }
  return Number(timespec[0]) * 1000 + Number(timespec[1]) / 1e6;
}
