/**
 * Loaded before a test file by `npm test -- --late-news MS`: API servers in its process hear of every change of their store
 * so much later, all in order. On a machine with nothing else to do the news of a write comes with its answer, and a test
 * that counts on it passes; on a busy one it may come at any time after.
 */
import { StoreClient } from '../../packages/apiserver/src/storage/store-client.ts';
import { later } from './later.ts';

// Called with the store that it is asked of.
// oxlint-disable-next-line typescript/unbound-method
const { watch } = StoreClient.prototype;

const lateMs = Number(process.env['TIMONIER_LATE_NEWS_MS']);
StoreClient.prototype.watch = function (this: StoreClient, ...asked: Parameters<typeof watch>) {
  return later(watch.apply(this, asked), lateMs);
};
