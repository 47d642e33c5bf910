/**
 * How much more the client may send on each stream: the receive windows of streams, and when to widen them.
 *
 * A stream's window is widened as its bytes are used; updates are sent when half a window has gathered. When incomplete request messages of all streams
 * together pass a bound, only one stream at a time gets more room, so that memory stays bounded and every message
 * still completes.
 */
import type { Limits } from './limits.ts';
import type { Stream } from './stream.ts';

export class ReceiveCredit {
  readonly #limits: Limits;
  readonly #update: (id: number, bytes: number) => void;
  /** Bytes of incomplete requests of all calls that take one. */
  #held = 0;
  readonly #heldBy = new Map<Stream, number>();
  /** Streams that wait for room, with how much. */
  readonly #waiting = new Map<Stream, number>();
  #favored: Stream | undefined;

  /** `update` sends a WINDOW_UPDATE. */
  constructor(limits: Limits, update: (id: number, bytes: number) => void) {
    this.#limits = limits;
    this.#update = update;
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
