/**
 * The end of a benchmark that does not come to its end: it says so, never exits with 0, and takes away what it made.
 */
import { constants } from 'node:os';

type Undo = () => Promise<unknown>;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Hosts of a cluster are given some seconds each. */
const undoWithinMs = 100_000;
const undoes = new Set<Undo>();

/** `undo` runs when a signal or a failure ends the benchmark. Returns how to forget it. */
export function undoneAtEnd(undo: Undo): () => void {
  undoes.add(undo);
  return () => void undoes.delete(undo);
}

/** Runs `work`; whatever ends the process before it is through is reported, with an exit code that is not 0. */
export async function toItsEnd(name: string, work: () => Promise<void>): Promise<void> {
  let isOver = false;
  let ended: string | undefined;
  process.once('exit', (code) => {
    if (isOver) return;
    // 13 is Node's own code for work that waits for nothing any more.
    const why = ended ?? (code === 13 ? 'nothing was left to wait for' : 'the process was ended');
    console.error(`${name}: did not come to its end: ${why}`);
    if (code === 0) process.exitCode = 1;
  });
  const takeAway = (why: string, exitCode: number): void => {
    if (ended !== undefined) return;
    ended = why;
    console.error(`${name}: ${why}, taking away what was made`);
    const late = new Promise((resolve) => setTimeout(resolve, undoWithinMs));
    const all = Promise.allSettled([...undoes].map((undo) => undo()));
    void Promise.race([all, late]).then(() => process.exit(exitCode));
  };
  for (const signal of signals) process.on(signal, () => takeAway(signal, 128 + constants.signals[signal]));
  const fail = (error: unknown): void => {
    if (ended !== undefined) return;
    console.error(error);
    takeAway('it failed', 1);
  };
  // What nobody waited for, such as a request of a client that is closed, ends the work as well.
  process.on('uncaughtException', fail);
  await work().catch(fail);
  // The process is ended above, once everything is taken away.
  if (ended !== undefined) await new Promise(() => undefined);
  isOver = true;
}
