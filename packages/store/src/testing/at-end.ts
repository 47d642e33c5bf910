/**
 * The end of a test, backwards: Node runs its hooks in the order in which they were registered, so that a folder goes while
 * what was opened in it later still writes, and a file that appears meanwhile fails the removal.
 */
import type { TestContext } from 'node:test';

type End = () => unknown;

const ends = new WeakMap<TestContext, End[]>();

/** Runs `end` when the test is over, before what was given here earlier. All run, and the first error fails the test. */
export function atEnd(t: Pick<TestContext, 'after'>, end: End): void {
  const context = t as TestContext;
  const known = ends.get(context);
  if (known !== undefined) {
    known.push(end);
    return;
  }
  const all = [end];
  ends.set(context, all);
  context.after(async () => {
    const errors: unknown[] = [];
    for (let next = all.pop(); next !== undefined; next = all.pop()) {
      try {
        await next();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  });
}
