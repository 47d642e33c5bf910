/** What somebody tells, each word so much later than it came, in its order: a burst is late once, not once for each. */
import { setTimeout as pause } from 'node:timers/promises';

/** Takes from `source` as it tells, and so holds at most what that tells in `ms` milliseconds and what nobody has asked for. */
export async function* later<T>(source: AsyncIterable<T>, ms: number): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]();
  const due: Promise<IteratorResult<T>>[] = [];
  let arrived = Promise.withResolvers<void>();
  const take = async (): Promise<void> => {
    for (;;) {
      const next = items.next();
      const isLast = await next.then(
        ({ done }) => done === true,
        () => true,
      );
      const waited = pause(ms).then(() => next);
      waited.catch(() => undefined);
      due.push(waited);
      arrived.resolve();
      if (isLast) return;
    }
  };
  void take();
  for (;;) {
    const first = due.shift();
    if (first === undefined) {
      arrived = Promise.withResolvers<void>();
      await arrived.promise;
      continue;
    }
    const { done, value } = await first;
    if (done === true) return;
    yield value;
  }
}
