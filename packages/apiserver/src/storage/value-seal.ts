/**
 * Values that lie in the store in another form than they are worked with: sealed on the way there, opened on the way back. It
 * knows of the transactions with such values that are on their way, for who wants to see none of an old form come after it looked.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { PassingSet } from '@timonier/component/passing';
import type { KeyValue, RangeResponse, RequestOp, TxnResponse, WatchResponse } from './etcd-messages.ts';
import { UnknownOutcome } from './store-failures.ts';

/** Between values as they are worked with and as they lie in the store. */
export interface ValueCodec {
  seal(key: string, value: Buffer): Buffer;
  /** Never throws. What is of no kind stays as it lies in the store. */
  open(key: string, value: Buffer): Buffer;
}

/** What becomes of a transaction that nobody heard of again is settled by then: stores give up on their own requests sooner. */
const settledAfterMs = 10_000;

/** Without a codec everything is as it lies in the store. */
export class ValueSeal {
  readonly #codec: ValueCodec | undefined;
  readonly #txns = new PassingSet<Promise<unknown>>();
  /** Until when one that nobody heard of again may still be carried out, by `performance.now()`. */
  #unsettledUntil = 0;

  constructor(codec: ValueCodec | undefined) {
    this.#codec = codec;
  }

  sealed(operation: RequestOp): RequestOp {
    const { requestPut } = operation;
    if (this.#codec === undefined || requestPut === undefined) return operation;
    const { key, value } = requestPut;
    const plain = typeof value === 'string' ? Buffer.from(value) : value;
    return { requestPut: { ...requestPut, value: this.#codec.seal(key, plain) } };
  }

  openedRange(response: RangeResponse): RangeResponse {
    if (this.#codec === undefined || response.kvs.length === 0) return response;
    return { ...response, kvs: response.kvs.map((kv) => this.#opened(kv)) };
  }

  openedWatch(response: WatchResponse): WatchResponse {
    if (this.#codec === undefined) return response;
    const events = response.events.map((event) => ({
      ...event,
      ...(event.kv === undefined ? {} : { kv: this.#opened(event.kv) }),
      ...(event.prevKv === undefined || event.prevKv === null ? {} : { prevKv: this.#opened(event.prevKv) }),
    }));
    return { ...response, events };
  }

  /** Follows a transaction until its answer is there. */
  async openedTxn(answer: Promise<TxnResponse>): Promise<TxnResponse> {
    if (this.#codec === undefined) return answer;
    const response = await this.#followed(answer);
    const responses = response.responses.map((one) =>
      one.responseRange === undefined || one.responseRange === null
        ? one
        : { ...one, responseRange: this.openedRange(one.responseRange) },
    );
    return { ...response, responses };
  }

  /**
   * Resolves when whatever is on its way has been carried out, or never will be: who reads the store from then on sees all of
   * it. Rejects when `signal` fires before.
   */
  async txnsEnded(signal?: AbortSignal): Promise<void> {
    await Promise.allSettled(this.#txns);
    const left = this.#unsettledUntil - performance.now();
    if (left > 0) await pause(left, undefined, { ref: false, signal });
  }

  async #followed(answer: Promise<TxnResponse>): Promise<TxnResponse> {
    this.#txns.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof UnknownOutcome) this.#unsettledUntil = performance.now() + settledAfterMs;
      throw error;
    } finally {
      this.#txns.delete(answer);
    }
  }

  #opened(kv: KeyValue): KeyValue {
    if (this.#codec === undefined || kv.value.length === 0) return kv;
    const value = this.#codec.open(kv.key.toString(), kv.value);
    return value === kv.value ? kv : { ...kv, value };
  }
}
