/**
 * Threads of this process that give way to its main thread. On Linux each thread has a nice value of its own, and its
 * name says whose it is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const tasks = '/proc/self/task';
const nicest = 19;

/** Ids of the threads that have this name; none where there is no `/proc`. */
export function threadsNamed(name: string): number[] {
  let ids: string[];
  try {
    ids = readdirSync(tasks);
  } catch {
    return [];
  }
  return ids
    .filter((id) => {
      try {
        return readFileSync(`${tasks}/${id}/comm`, 'utf8').trim() === name;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/**
 * Makes a thread nicer than the process by `nicer`; 10 are a tenth of the weight. One that is so already stays as it is. 0
 * names the thread that calls. False, and nothing has changed, where it ended, where a sandbox forbids it, and where
 * threads have no nice value of their own: then all are equal, as everywhere else.
 */
export function giveWay(thread: number, nicer: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    // The value of the main thread is that of the process.
    const value = Math.min(nicest, getPriority(process.pid) + nicer);
    if (getPriority(thread) < value) setPriority(thread, value);
    return true;
  } catch {
    return false;
  }
}
