/** How busy all processors of the machine together are. */
import { cpus } from 'node:os';

function ticks(): { readonly idle: number; readonly all: number } {
  let idle = 0;
  let all = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}

/** From now on; 0 to 1. */
export function processorTime(): { busyShare(): number } {
  const before = ticks();
  return {
    busyShare: () => {
      const now = ticks();
      return now.all === before.all ? 0 : 1 - (now.idle - before.idle) / (now.all - before.all);
    },
  };
}
