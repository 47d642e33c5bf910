/**
 * A stopwatch must not wait for what it times. Niceness decides only among the processes of one session where the kernel
 * groups them (autogroup), and the hosts of a cluster have groups of their own: so the session is raised, too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const urgent = -10;
const group = '/proc/self/autogroup';
const urgentGroup = -20;

/** Runs `work` with priority over the hosts of a cluster. Only `work`: what is started then inherits it. */
export async function urgently<T>(work: () => Promise<T>): Promise<T> {
  const usual = getPriority();
  const usualGroup = groupNiceness();
  setPriority(urgent);
  if (usualGroup !== undefined) writeFileSync(group, String(urgentGroup));
  try {
    return await work();
  } finally {
    setPriority(usual);
    if (usualGroup !== undefined) writeFileSync(group, String(usualGroup));
  }
}

/** Undefined where the kernel has no such groups. */
function groupNiceness(): number | undefined {
  try {
    const found = /nice (-?\d+)/.exec(readFileSync(group, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
