/**
 * What answers are made of, on their way from frames to the calls that asked.
 */
import { GrpcError } from '../error.ts';
import { BlockCache } from './block-cache.ts';
import type { ClientCall } from './client-call.ts';
import type { ClientCalls } from './client-calls.ts';
import { mustBeOpened, type Payloads } from './connection-side.ts';
import { headerTableBytes, HpackDecoder } from './hpack-decoder.ts';
import type { Limits } from './limits.ts';
import { ErrorCode } from './protocol.ts';
import { ResponseHead } from './response-head.ts';

export class ResponseFrames implements Payloads {
  readonly #calls: ClientCalls;
  readonly #decoder: HpackDecoder;
  readonly #heads = new BlockCache<ResponseHead>();

  constructor(calls: ClientCalls, limits: Limits) {
    this.#calls = calls;
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
  }

  data(bytes: Buffer, start: number, end: number, counted: number, id: number, endStream: boolean): void {
    const call = this.#calls.get(id);
    // Of a call that was cancelled here: still on its way when that was said.
    if (call === undefined) return;
    call.receiveWindow -= counted;
    if (call.receiveWindow < 0) {
      this.#calls.reset(id, ErrorCode.FLOW_CONTROL_ERROR, 'more data than the stream window allows');
      return;
    }
    try {
      if (end > start) call.data(bytes, start, end, counted);
      else if (counted > 0) this.#calls.credit(call, counted);
      if (!endStream) return;
      this.#calls.answered(call);
      call.endOfData();
    } catch (error) {
      this.#failed(call, error);
    }
    this.#calls.settleDown();
  }

  headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void {
    mustBeOpened(this.#calls, id, 'HEADERS');
    const head = this.#read(bytes, start, end);
    const call = this.#calls.get(id);
    if (call === undefined) return;
    try {
      if (!endStream) {
        call.headers(head, false);
        return;
      }
      this.#calls.answered(call);
      call.headers(head, true);
    } catch (error) {
      this.#failed(call, error);
    }
    this.#calls.settleDown();
  }

  #read(bytes: Buffer, start: number, end: number): ResponseHead {
    const decoder = this.#decoder;
    const known = this.#heads.get(bytes, start, end, decoder.generation);
    if (known !== undefined) return known;
    const before = decoder.generation;
    const head = new ResponseHead(decoder.decode(bytes, start, end));
    this.#heads.keep(bytes, start, end, before, decoder.generation, head);
    return head;
  }

  #failed(call: ClientCall, error: unknown): void {
    if (!(error instanceof GrpcError)) throw error;
    this.#calls.cancel(call, error);
  }
}
