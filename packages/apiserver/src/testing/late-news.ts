/** For tests: holds back what servers of this process hear of their store, for as long as the test says. */
import type { TestContext } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import type { RangeRequest, WatchResponse } from '../storage/etcd-messages.ts';

export interface LateNews {
  /** From now on nothing is heard. Writes and reads of the store go on. */
  hold(): void;
  /** What was held is heard, in its order, and everything after it. */
  release(): void;
  /** Resolves when somebody next asks the store how far it is, which whoever waits to catch up does first. */
  asked(): Promise<void>;
}

/** To be called before the server starts. */
export function lateNews(t: TestContext): LateNews {
  // Called with the store that they are asked of.
  // oxlint-disable-next-line typescript/unbound-method
  const { watch, range } = StoreClient.prototype;
  let held: PromiseWithResolvers<void> | undefined;
  let asked = Promise.withResolvers<void>();
  async function* late(this: StoreClient, ...args: Parameters<typeof watch>): AsyncGenerator<WatchResponse> {
    for await (const response of watch.apply(this, args)) {
      await held?.promise;
      yield response;
    }
  }
  t.mock.method(StoreClient.prototype, 'watch', late);
  t.mock.method(StoreClient.prototype, 'range', function (this: StoreClient, request: RangeRequest) {
    if (request.key === '/timonier/revision') asked.resolve();
    return range.call(this, request);
  });
  const release = (): void => {
    held?.resolve();
    held = undefined;
  };
  t.after(release);
  return {
    hold: () => {
      held ??= Promise.withResolvers<void>();
    },
    release,
    asked: () => {
      asked = Promise.withResolvers<void>();
      return asked.promise;
    },
  };
}
