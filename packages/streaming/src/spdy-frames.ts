/**
 * Frames of SPDY/3.1, as far as forwarded ports need them. In: bytes in pieces of any size. Out: whole frames; and
 * back. Header blocks share one compression context per direction, so they are coded strictly one after the other.
 */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';

export const frameType = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
export const resetStatus = { protocolError: 1, refused: 3, cancel: 5, internalError: 6 } as const;

export type SpdyFrame =
  | { readonly kind: 'data'; readonly stream: number; readonly fin: boolean; readonly payload: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly fin: boolean; readonly payload: Buffer };

const version = 3;
const finFlag = 1;
const headerBytes = 8;
const maxFrameBytes = 1024 * 1024;
const maxBlockBytes = 16 * 1024;

/**
 * Cuts a byte stream into frames. One that lies whole in a piece is cut out of it; of one that spans pieces, however small, every
 * byte is copied once. Throws when a frame is longer than any honest peer makes it.
 */
export class FrameCutter {
  /** The beginning of a frame: first room for its header only, then for all of it. */
  #partial: Buffer | undefined;
  #have = 0;

  push(bytes: Buffer): SpdyFrame[] {
    const frames: SpdyFrame[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#partial === undefined) {
        const left = bytes.length - at;
        const size = left < headerBytes ? headerBytes : frameBytes(bytes, at);
        if (left >= size) {
          frames.push(frameOf(bytes.subarray(at, at + size)));
          at += size;
          continue;
        }
        this.#partial = Buffer.allocUnsafe(size);
        this.#have = 0;
      }
      const copied = bytes.copy(this.#partial, this.#have, at);
      this.#have += copied;
      at += copied;
      if (this.#have === this.#partial.length) this.#complete(this.#partial, frames);
    }
    return frames;
  }

  #complete(partial: Buffer, frames: SpdyFrame[]): void {
    const size = frameBytes(partial, 0);
    if (partial.length === size) {
      this.#partial = undefined;
      frames.push(frameOf(partial));
      return;
    }
    this.#partial = Buffer.allocUnsafe(size);
    partial.copy(this.#partial);
  }
}

function frameBytes(bytes: Buffer, at: number): number {
  const size = bytes.readUIntBE(at + 5, 3);
  if (size > maxFrameBytes) throw new Error(`a SPDY frame of ${size} bytes is too long`);
  return headerBytes + size;
}

function frameOf(bytes: Buffer): SpdyFrame {
  const first = bytes.readUInt32BE(0);
  const fin = ((bytes[4] ?? 0) & finFlag) !== 0;
  const payload = bytes.subarray(headerBytes);
  return first < 0x8000_0000
    ? { kind: 'data', stream: first, fin, payload }
    : { kind: 'control', type: first & 0xffff, fin, payload };
}

export function dataFrame(stream: number, payload: Uint8Array, fin: boolean): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(stream, 0);
  header[4] = fin ? finFlag : 0;
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

export function controlFrame(type: number, payload: Uint8Array, fin = false): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(0x8000 | version, 0);
  header.writeUInt16BE(type, 2);
  header[4] = fin ? finFlag : 0;
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

export function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

/** Both directions of a session's header compression. */
export class HeaderCoder {
  readonly #inflate = createInflate({ dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
  readonly #deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });

  /** Names are lower case. Rejects when the block is not what it should be. */
  async decode(block: Buffer): Promise<Map<string, string>> {
    if (block.length > maxBlockBytes) throw new Error('a SPDY header block is too long');
    const plain = await through(this.#inflate, block);
    const headers = new Map<string, string>();
    let at = 0;
    const number = (): number => {
      const value = plain.readUInt32BE(at);
      at += 4;
      return value;
    };
    const text = (): string => {
      const size = number();
      if (at + size > plain.length) throw new Error('a SPDY header block ends too early');
      at += size;
      return plain.toString('utf8', at - size, at);
    };
    for (let left = number(); left > 0; left--) headers.set(text(), text());
    return headers;
  }

  encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const parts = [numbers(headers.size)];
    for (const entry of headers) {
      for (const value of entry) parts.push(numbers(Buffer.byteLength(value)), Buffer.from(value));
    }
    return through(this.#deflate, Buffer.concat(parts));
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}

/** What the coder makes of one block; its state stays for the next one. */
function through(coder: Inflate | Deflate, block: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const collect = (part: Buffer): void => {
      size += part.length;
      if (size <= maxBlockBytes) parts.push(part);
    };
    const finish = (error?: Error | null): void => {
      coder.off('data', collect);
      coder.off('error', finish);
      if (error) reject(error);
      else if (size > maxBlockBytes) reject(new Error('a SPDY header block is too long'));
      else resolve(Buffer.concat(parts));
    };
    coder.on('data', collect);
    coder.once('error', finish);
    // The callback comes when the block has been worked off, but its last output may still be on the way.
    coder.write(block, (error) => setImmediate(finish, error));
  });
}
