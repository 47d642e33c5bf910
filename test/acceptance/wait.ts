/** Waiting for conditions: every wait has a deadline and says what it waited for. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Calls `attempt` until it returns something other than undefined, and returns that. An error counts as "not yet"; the
 * last one is the cause when the deadline passes.
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  attempt: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  do {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await pause(50);
  } while (Date.now() < end);
  const why = last instanceof Error ? `: ${last.message}` : '';
  throw new Error(`not within ${deadlineMs / 1000} s: ${what}${why}`, { cause: last });
}

/** Fails with the sentence when the condition does not hold. */
export function expect(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence);
}
