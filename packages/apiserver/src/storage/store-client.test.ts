import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RangeResponse } from './etcd-messages.ts';
import { Slots } from './slots.ts';
import { StoreClient } from './store-client.ts';

test("what a process reads for itself does not wait behind its clients' lists", async (t) => {
  // Nothing is sent: reads are the test's own.
  const store = new StoreClient({ endpoints: ['http://127.0.0.1:1'] });
  t.after(() => store.close());
  const range = { key: 'a', end: 'b' };
  const empty = { kvs: [], more: false, count: 0 } as unknown as RangeResponse;
  const { promise, resolve } = Promise.withResolvers<RangeResponse>();
  const slots = new Slots(2, 30_000);
  let begun = 0;
  const slow = (): Promise<RangeResponse> => {
    begun++;
    return promise;
  };
  const lists = Array.from({ length: 20 }, () => store.pages(range, slow, slots).next());
  assert.deepEqual(await store.pages(range, () => Promise.resolve(empty)).next(), empty);
  assert.equal(begun, 2);
  resolve(empty);
  await Promise.all(lists);
  assert.equal(begun, 20);
});
