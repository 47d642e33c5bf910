/**
 * V8's helpers give way to the thread that answers. While everything is collected they mark what is alive, on as many threads
 * as there are processors, for a few hundred milliseconds: at the same priority they take half of the processors from the
 * one thread that all requests pass, and those that come meanwhile wait. What they do is nothing that anybody waits for,
 * but for the last few milliseconds of a collection. Decision 0395 has the figures.
 */
import { giveWay, threadsNamed } from './thread-priority.ts';

/** What V8's platform calls them in Node. They are there from the start, and for as long as the process. */
export const helperThread = 'V8Worker';
/** Added to the nice value of the process: a tenth of the weight. */
export const nicer = 10;

export function letHelpersGiveWay(): void {
  for (const thread of threadsNamed(helperThread)) giveWay(thread, nicer);
}
