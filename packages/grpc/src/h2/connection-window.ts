/**
 * How many bytes the peer may still send on all streams together. The window is widened as bytes arrive, when half of it
 * was used, so that no stream can hold up the others: streams are held back one by one.
 */
import { broken, ErrorCode } from './protocol.ts';

export class ConnectionWindow {
  readonly #full: number;
  readonly #widen: (bytes: number) => void;
  #left: number;

  /** `widen` tells the peer that it may send so many bytes more. */
  constructor(full: number, widen: (bytes: number) => void) {
    this.#full = full;
    this.#left = full;
    this.#widen = widen;
  }

  /** Flow-controlled bytes have arrived. Throws when the peer was not allowed to send so many. */
  received(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw broken(ErrorCode.FLOW_CONTROL_ERROR, 'more data than the connection window allows');
    if (this.#left > this.#full / 2) return;
    this.#widen(this.#full - this.#left);
    this.#left = this.#full;
  }
}
