/**
 * Takes header blocks out of HEADERS and CONTINUATION frames. At most one block is open at a time, and its size and
 * its number of frames are bounded.
 */
import type { Payloads } from './connection-side.ts';
import type { Limits } from './limits.ts';
import { ConnectionError, ErrorCode, Flag, maxStreamId } from './protocol.ts';

const priorityBytes = 5;

/** Where a payload ends that may be padded; the byte with the padding's length comes first. */
export function unpadded(bytes: Buffer, start: number, end: number, flags: number): number {
  if ((flags & Flag.PADDED) === 0) return end;
  const padding = bytes[start] ?? 0;
  if (start >= end || start + 1 + padding > end)
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'padding is longer than its frame');
  return end - padding;
}

export class HeaderBlocks {
  readonly #limits: Limits;
  readonly #target: Pick<Payloads, 'headerBlock'>;
  #block: { id: number; endStream: boolean; parts: Buffer[]; bytes: number } | undefined;

  constructor(limits: Limits, target: Pick<Payloads, 'headerBlock'>) {
    this.#limits = limits;
    this.#target = target;
  }

  /** Only CONTINUATION may come next. */
  get open(): boolean {
    return this.#block !== undefined;
  }

  headers(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    if (id === 0 || id % 2 === 0)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}`);
    const stop = unpadded(bytes, start, end, flags);
    let from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (from + priorityBytes > stop)
        throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS is too short for its priority');
      if ((bytes.readUInt32BE(from) & maxStreamId) === id)
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
      from += priorityBytes;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) this.#target.headerBlock(bytes, from, stop, id, endStream);
    else
      this.#block = { id, endStream, parts: [Buffer.from(bytes.subarray(from, stop))], bytes: stop - from };
  }

  continuation(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    const block = this.#block;
    if (block === undefined || block.id !== id)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without a header block');
    block.parts.push(Buffer.from(bytes.subarray(start, end)));
    block.bytes += end - start;
    if (block.bytes > this.#limits.maxHeaderBlockBytes || block.parts.length > this.#limits.maxContinuations)
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a header block is too long');
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#target.headerBlock(Buffer.concat(block.parts), 0, block.bytes, id, block.endStream);
  }
}
