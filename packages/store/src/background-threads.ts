/**
 * Threads whose work nobody waits for give way to those whose work somebody waits for. Node's pool, which writes states
 * down, the thread on which LevelDB merges its files, and V8's helpers get a worse nice value than the main thread and the
 * log's thread, so that on busy processors a put goes before a merge; and the usual slice, where those have a short one.
 *
 * What that could turn around: the main thread reads from LevelDB and then takes a mutex that a merge takes too. It is
 * never held during a read, a write or a merge itself; and how much worse the value is, is chosen so that its holder still
 * gets a tenth of a processor that others want. At the end of a collection the main thread waits for V8's helpers; but
 * before that, four of them mark what is alive for a tenth of a second, and who waits then is everybody, an API server on the
 * same processors too. Decision 0471 has the figures.
 */
import { helperThread } from '@timonier/linux/helper-threads';
import { giveWay, threadsNamed } from '@timonier/linux/thread-priority';
import { takeUsualTurns } from './short-turns.ts';

/** What libuv calls the threads of its pool. LevelDB's thread is begun by one of them, and takes after it. */
const poolThread = 'libuv-worker';
/** Added to the nice value of the process: a tenth of the weight. */
const nicer = 10;

/** Makes all of them that exist give way. Does nothing where threads have no nice value of their own. */
export function niceBackgroundThreads(): void {
  for (const thread of backgroundThreads()) makeNice(thread);
}

/** The same for the thread that calls it, a worker. */
export function niceThisThread(): void {
  makeNice(0);
}

function makeNice(thread: number): void {
  if (giveWay(thread, nicer)) takeUsualTurns(thread);
}

/** The ids of the threads of Node's pool, of LevelDB's, and of V8's helpers. */
export function backgroundThreads(): number[] {
  return [...threadsNamed(poolThread), ...threadsNamed(helperThread)];
}
