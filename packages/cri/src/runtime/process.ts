/** Processes that are not our children: who they are, whether they live, and signals that hit nobody else. */
import { readFileSync } from 'node:fs';
import type { ProcessId } from './records.ts';

/** Undefined when there is no such process or it has ended and waits to be reaped. */
export function identify(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return startTime === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startTime };
}

export function isAlive(process: ProcessId | undefined): boolean {
  return process !== undefined && identify(process.pid)?.startTime === process.startTime;
}

/** Sends a signal if the process still is the one that is meant. Returns whether it was. */
export function signalProcess(target: ProcessId, signal: NodeJS.Signals | number): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
