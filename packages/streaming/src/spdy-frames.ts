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

/** Cuts a byte stream into frames. Throws when a frame is longer than any honest peer makes it. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): SpdyFrame[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: SpdyFrame[] = [];
    while (this.#rest.length >= headerBytes) {
      const first = this.#rest.readUInt32BE(0);
      const size = this.#rest.readUIntBE(5, 3);
      if (size > maxFrameBytes) throw new Error(`a SPDY frame of ${size} bytes is too long`);
      if (this.#rest.length < headerBytes + size) break;
      const fin = ((this.#rest[4] ?? 0) & finFlag) !== 0;
      const payload = this.#rest.subarray(headerBytes, headerBytes + size);
      this.#rest = this.#rest.subarray(headerBytes + size);
      if (first < 0x8000_0000) frames.push({ kind: 'data', stream: first, fin, payload });
      else frames.push({ kind: 'control', type: first & 0xffff, fin, payload });
    }
    return frames;
  }
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
