/** Who waits until the watch cache has reached a revision. */
import { PassingSet } from '@timonier/component/passing';

export class RevisionWaiters {
  readonly #waiters = new PassingSet<{ revision: number; resolve: () => void }>();

  /** Resolves true once `reached` was told of `revision`, false when that takes longer than `timeoutMs`. */
  waitFor(revision: number, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      let last: NodeJS.Immediate | undefined;
      const waiter = {
        revision,
        resolve: (): void => {
          clearTimeout(timer);
          clearImmediate(last);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        // A busy process hears of the time before it reads what has come meanwhile: news that are there count.
        last = setImmediate(() => {
          this.#waiters.delete(waiter);
          resolve(false);
        });
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  reached(revision: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}
