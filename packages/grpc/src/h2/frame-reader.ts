/**
 * Cuts what a socket read into the client's preface, where there is one, and frames.
 *
 * A frame that lies whole in a chunk is passed on where it lies; only one that spans chunks is copied, into a buffer
 * of exactly its size. Nothing longer than one frame is ever held.
 */
import { ConnectionError, defaultMaxFrame, ErrorCode, frameHeaderBytes, preface } from './protocol.ts';

export class FrameReader {
  readonly #frame: (bytes: Buffer, at: number, length: number) => void;
  #prefaceSeen = 0;
  /** The beginning of a frame: first its header only, then room for all of it. */
  #partial: Buffer | undefined;
  #have = 0;

  /** `frame` gets the place of each whole frame's header and the length of its payload. Servers send no preface. */
  constructor(
    frame: (bytes: Buffer, at: number, length: number) => void,
    { fromServer = false }: { readonly fromServer?: boolean } = {},
  ) {
    this.#frame = frame;
    if (fromServer) this.#prefaceSeen = preface.length;
  }

  /** Stops as soon as `stopped`. Throws when this is not HTTP/2 or a frame is longer than we allow. */
  feed(chunk: Buffer, stopped: () => boolean): void {
    let at = this.#prefaceSeen < preface.length ? this.#preface(chunk) : 0;
    if (this.#partial !== undefined) {
      at = this.#complete(chunk, at);
      if (stopped()) return;
    }
    while (chunk.length - at >= frameHeaderBytes) {
      const length = payloadLength(chunk, at);
      if (chunk.length - at < frameHeaderBytes + length) break;
      this.#frame(chunk, at, length);
      if (stopped()) return;
      at += frameHeaderBytes + length;
    }
    if (at < chunk.length) this.#begin(chunk, at);
  }

  #preface(chunk: Buffer): number {
    const length = Math.min(chunk.length, preface.length - this.#prefaceSeen);
    for (let i = 0; i < length; i++)
      if (chunk[i] !== preface[this.#prefaceSeen + i])
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'the client does not speak HTTP/2');
    this.#prefaceSeen += length;
    return length;
  }

  #begin(chunk: Buffer, at: number): void {
    const rest = chunk.length - at;
    const size = rest < frameHeaderBytes ? frameHeaderBytes : frameHeaderBytes + payloadLength(chunk, at);
    this.#partial = Buffer.allocUnsafe(size);
    chunk.copy(this.#partial, 0, at);
    this.#have = rest;
  }

  /** Adds to the frame that has begun, and passes it on when it is whole. */
  #complete(chunk: Buffer, from: number): number {
    let at = from;
    for (;;) {
      let partial = this.#partial;
      if (partial === undefined) return at;
      const copied = Math.min(partial.length - this.#have, chunk.length - at);
      chunk.copy(partial, this.#have, at, at + copied);
      this.#have += copied;
      at += copied;
      if (this.#have < partial.length) return at;
      const length = payloadLength(partial, 0);
      if (partial.length < frameHeaderBytes + length) {
        const whole = Buffer.allocUnsafe(frameHeaderBytes + length);
        partial.copy(whole);
        partial = whole;
        this.#partial = whole;
        continue;
      }
      this.#partial = undefined;
      this.#frame(partial, 0, length);
      return at;
    }
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at) >>> 8;
  if (length > defaultMaxFrame)
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes`);
  return length;
}
