/**
 * Frames as bytes, in the order in which they are written, for one socket: it knows neither streams nor windows. The
 * answer of a call that went well, which most are, is written from a template.
 *
 * What was written leaves behind the events of one turn, in one go.
 */
import { okTrailers, responseBlock } from './hpack-encoder.ts';
import { prefixBytes } from './inbox.ts';
import { atLeast, type Limits } from './limits.ts';
import { type Flushable, flushSoon, Output, type Transport } from './output.ts';
import { type ErrorCode, Flag, frameHeaderBytes, FrameType, putFrameHeader, putUint32 } from './protocol.ts';

/** Response HEADERS, then a DATA frame's header and a message's prefix. */
const opening = Buffer.alloc(frameHeaderBytes + responseBlock.length + frameHeaderBytes + prefixBytes);
putFrameHeader(opening, 0, responseBlock.length, FrameType.HEADERS, Flag.END_HEADERS, 0);
opening.set(responseBlock, frameHeaderBytes);
const dataAt = frameHeaderBytes + responseBlock.length;
putFrameHeader(opening, dataAt, 0, FrameType.DATA, 0, 0);

const closing = Buffer.alloc(frameHeaderBytes + okTrailers.length);
putFrameHeader(closing, 0, okTrailers.length, FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, 0);
closing.set(okTrailers, frameHeaderBytes);

/** From which on Node tells of room again: with less, a writer could wait that nobody wakes. */
const highWaterMark = 64 * 1024;

export class FrameWriter {
  /** All bytes ever handed to the socket. */
  handed = 0;
  readonly #output = new Output();
  readonly #transport: Transport;
  readonly #limits: Limits;
  readonly #owner: Flushable;
  #dirty = false;
  #paused = false;
  #closed = false;

  /** `owner` is flushed behind the events of a turn in which something was written. */
  constructor(transport: Transport, limits: Limits, owner: Flushable) {
    atLeast(limits, 'socketBytes', highWaterMark);
    this.#transport = transport;
    this.#limits = limits;
    this.#owner = owner;
  }

  /** Whether more waits for the socket than it should hold. */
  get congested(): boolean {
    return this.#output.pending + this.#transport.writableLength > this.#limits.socketBytes;
  }

  /** A frame of the connection's own or with an encoded payload. */
  frame(type: number, flags: number, id: number, payload: Buffer): void {
    const at = this.#output.reserve(frameHeaderBytes);
    putFrameHeader(this.#output.slab, at, payload.length, type, flags, id);
    if (payload.length > 0) this.#output.append(payload);
    this.#touch();
  }

  /** A header block, in as many frames of `maxFrame` bytes as it needs. */
  block(id: number, flags: number, block: Buffer, maxFrame: number): void {
    if (block.length <= maxFrame) {
      this.frame(FrameType.HEADERS, Flag.END_HEADERS | flags, id, block);
      return;
    }
    this.frame(FrameType.HEADERS, flags, id, block.subarray(0, maxFrame));
    for (let at = maxFrame; at < block.length; at += maxFrame)
      this.frame(
        FrameType.CONTINUATION,
        at + maxFrame < block.length ? 0 : Flag.END_HEADERS,
        id,
        block.subarray(at, at + maxFrame),
      );
  }

  /** A frame whose payload is one 32-bit number: RST_STREAM and WINDOW_UPDATE. */
  number(type: number, id: number, value: number): void {
    const at = this.#output.reserve(frameHeaderBytes + 4);
    putFrameHeader(this.#output.slab, at, 4, type, 0, id);
    putUint32(this.#output.slab, at + frameHeaderBytes, value);
    this.#touch();
  }

  goaway(last: number, code: ErrorCode, message: string): void {
    const payload = Buffer.concat([Buffer.alloc(8), Buffer.from(message)]);
    payload.writeUInt32BE(last, 0);
    payload.writeUInt32BE(code, 4);
    this.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  /** Headers, the only message and OK. */
  answer(id: number, message: Buffer): void {
    const size = message.length + prefixBytes;
    const output = this.#output;
    const at = output.reserve(opening.length);
    const { slab } = output;
    slab.set(opening, at);
    putUint32(slab, at + 5, id);
    putFrameHeader(slab, at + dataAt, size, FrameType.DATA, 0, id);
    putUint32(slab, at + dataAt + frameHeaderBytes + 1, message.length);
    output.append(message);
    const end = output.reserve(closing.length);
    output.slab.set(closing, end);
    putUint32(output.slab, end + 5, id);
    this.#touch();
  }

  /** One DATA frame with one message behind its prefix. */
  message(id: number, message: Buffer): void {
    const at = this.#output.reserve(frameHeaderBytes + prefixBytes);
    const { slab } = this.#output;
    putFrameHeader(slab, at, message.length + prefixBytes, FrameType.DATA, 0, id);
    slab[at + frameHeaderBytes] = 0;
    putUint32(slab, at + frameHeaderBytes + 1, message.length);
    this.#output.append(message);
    this.#touch();
  }

  /** Begins a DATA frame of `size` bytes, all of which are appended next. */
  beginData(id: number, size: number, flags: number): void {
    const at = this.#output.reserve(frameHeaderBytes);
    putFrameHeader(this.#output.slab, at, size, FrameType.DATA, flags, id);
    this.#touch();
  }

  append(bytes: Buffer): void {
    this.#output.append(bytes);
  }

  #touch(): void {
    if (this.#dirty || this.#closed) return;
    this.#dirty = true;
    flushSoon(this.#owner);
  }

  /** Hands what was written to the socket; `taken` is called when the kernel has it, or never will. */
  flush(taken: (() => void) | undefined): void {
    this.#dirty = false;
    this.handed += this.#output.pending;
    this.#output.flush(this.#transport, taken);
  }

  /** Whoever does not read gets no more questions answered. */
  holdBack(): void {
    if (this.#paused || this.#transport.writableLength <= this.#limits.pauseBytes) return;
    this.#paused = true;
    this.#transport.pause();
  }

  /** The socket has room again. */
  drained(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#transport.resume();
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#dirty = false;
    this.#closed = true;
  }

  get closed(): boolean {
    return this.#closed;
  }
}
