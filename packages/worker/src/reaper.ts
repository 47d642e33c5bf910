/**
 * PID 1 inherits the orphans of its host (every container monitor forks twice) and must collect them, or the process
 * table fills with zombies. Node collects the children it started itself, by name; this module collects the others,
 * and only those: taking Node's own would lose an exit code that somebody waits for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { koffi } from '@timonier/linux/native';

const noHang = 1;
/** A child of Node's own is collected within one turn of the event loop; a zombie older than this is an orphan. */
const graceMs = 400;
const safetyNetMs = 10_000;

const waitpid: (pid: number, status: null, options: number) => number = koffi
  .load(null)
  .func('int waitpid(int pid, int *status, int options)');

/** Starts collecting orphans when this process is PID 1; returns a function that stops it. */
export function startReaper(isOwn: (pid: number) => boolean): () => void {
  let timer: NodeJS.Timeout | undefined;
  let seen = new Set<number>();
  const scan = (): void => {
    timer = undefined;
    const zombies = zombieChildren().filter((pid) => !isOwn(pid));
    for (const pid of zombies) if (seen.has(pid)) waitpid(pid, null, noHang);
    seen = new Set(zombies.filter((pid) => !seen.has(pid)));
    if (seen.size > 0) schedule();
  };
  const schedule = (): void => {
    timer ??= setTimeout(scan, graceMs);
  };
  process.on('SIGCHLD', schedule);
  // Signals coalesce; a look now and then makes up for one that was lost.
  const safetyNet = setInterval(schedule, safetyNetMs);
  safetyNet.unref();
  schedule();
  return () => {
    process.off('SIGCHLD', schedule);
    clearInterval(safetyNet);
    clearTimeout(timer);
  };
}

function zombieChildren(): readonly number[] {
  const children = new Set<number>();
  for (const task of readdirSync('/proc/self/task')) {
    for (const pid of read(`/proc/self/task/${task}/children`).split(' ')) {
      if (pid !== '') children.add(Number(pid));
    }
  }
  return [...children].filter((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
