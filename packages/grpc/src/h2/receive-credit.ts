/**
 * How much more the client may send: our receive windows, and when to widen them.
 *
 * The connection's window is widened as bytes arrive, so that no stream can hold up the others; a stream's as its
 * bytes are used. Updates are sent when half a window has gathered. When incomplete request messages of all streams
 * together pass a bound, only one stream at a time gets more room, so that memory stays bounded and every message
 * still completes.
 */
import type { Limits } from './limits.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';
import type { Stream } from './stream.ts';

export class ReceiveCredit {
  readonly #limits: Limits;
  readonly #update: (id: number, bytes: number) => void;
  #window: number;
  /** Bytes of incomplete requests of all calls that take one. */
  #held = 0;
  readonly #heldBy = new Map<Stream, number>();
  /** Streams that wait for room, with how much. */
  readonly #waiting = new Map<Stream, number>();
  #favored: Stream | undefined;

  /** `update` sends a WINDOW_UPDATE; stream 0 is the connection. */
  constructor(limits: Limits, update: (id: number, bytes: number) => void) {
    this.#limits = limits;
    this.#window = limits.connectionWindow;
    this.#update = update;
  }

  /** Flow-controlled bytes have arrived. Throws when the client was not allowed to send so many. */
  received(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more data than the connection window allows');
    const full = this.#limits.connectionWindow;
    if (this.#window > full / 2) return;
    this.#update(0, full - this.#window);
    this.#window = full;
  }

  /** A stream has used bytes. */
  give(stream: Stream, bytes: number): void {
    const pending = (this.#waiting.get(stream) ?? 0) + bytes;
    if (pending < this.#limits.streamWindow / 2) {
      this.#waiting.set(stream, pending);
      return;
    }
    // A stream in both directions is bounded by its window; it gets room only as its handler reads.
    if (this.#held > this.#limits.assemblyBytes && !stream.isBidi) {
      this.#favored ??= stream;
      if (this.#favored !== stream) {
        this.#waiting.set(stream, pending);
        return;
      }
    }
    this.#grant(stream, pending);
  }

  #grant(stream: Stream, bytes: number): void {
    this.#waiting.delete(stream);
    stream.receiveWindow += bytes;
    this.#update(stream.id, bytes);
  }

  /** After a stream received: counts what it holds now. */
  held(stream: Stream): void {
    const now = stream.held;
    if (stream.gone || stream.isBidi || (now === 0 && this.#heldBy.size === 0)) return;
    this.#held += now - (this.#heldBy.get(stream) ?? 0);
    if (now === 0) this.#heldBy.delete(stream);
    else this.#heldBy.set(stream, now);
  }

  /** A stream is gone. */
  released(stream: Stream): void {
    this.#waiting.delete(stream);
    const held = this.#heldBy.get(stream);
    if (held !== undefined) {
      this.#heldBy.delete(stream);
      this.#held -= held;
    }
    if (this.#favored === stream) this.#favored = undefined;
    else if (held === undefined || this.#favored !== undefined) return;
    for (const [waiting, bytes] of this.#waiting) {
      if (bytes < this.#limits.streamWindow / 2) continue;
      if (this.#held > this.#limits.assemblyBytes) {
        this.#favored = waiting;
        this.#grant(waiting, bytes);
        return;
      }
      this.#grant(waiting, bytes);
    }
  }
}
