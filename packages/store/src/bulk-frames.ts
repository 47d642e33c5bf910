/**
 * Frames of a whole state on a connection of their own: written without copying what is large in them, and put together
 * in memory of their own, so that both can be given back at once (give-back.ts).
 *
 * The bytes are those of every other peer frame (peer-wire.ts): a length in front of a protobuf message.
 */
import { giveBack } from '@timonier/component/give-back';
import { encodeFrame, frameCodec, frameLength, lengthBytes, type PeerFrame } from './peer-wire.ts';

/** Values below are copied behind each other: a list of many small pieces costs the kernel more than that. */
const gatheredBytes = 4 * 1024;
/** Of proto/raft/peer.proto: `snapshot_chunk` in a frame, `keys` and `values` in a chunk, all with a length. */
const chunkTag = (8 << 3) | 2;
const keyTag = (1 << 3) | 2;
const valueTag = (2 << 3) | 2;

/** A frame behind its length, in pieces to be written one after the other. Large values of a chunk are among them as they are. */
export function framePieces(frame: PeerFrame): Buffer[] {
  if (frame.snapshotChunk === undefined) return [encodeFrame(frame)];
  const { keys, values } = frame.snapshotChunk;
  let body = 0;
  let large = 0;
  for (const { length } of keys) body += 1 + varintBytes(length) + length;
  for (const { length } of values) {
    body += 1 + varintBytes(length) + length;
    if (length >= gatheredBytes) large += length;
  }
  const message = 1 + varintBytes(body) + body;
  const gathered = Buffer.allocUnsafe(lengthBytes + message - large);
  const pieces: Buffer[] = [];
  let at = gathered.writeUInt32BE(message, 0);
  let from = 0;
  const begin = (tag: number, length: number): void => {
    gathered[at++] = tag;
    at = writeVarint(gathered, length, at);
  };
  begin(chunkTag, body);
  for (const key of keys) {
    begin(keyTag, key.length);
    at += key.copy(gathered, at);
  }
  for (const value of values) {
    begin(valueTag, value.length);
    if (value.length < gatheredBytes) at += value.copy(gathered, at);
    else {
      pieces.push(gathered.subarray(from, at), value);
      from = at;
    }
  }
  if (at > from) pieces.push(gathered.subarray(from, at));
  return pieces;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) bytes++;
  return bytes;
}

function writeVarint(out: Buffer, value: number, at: number): number {
  let left = value;
  let next = at;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) out[next++] = (left % 0x80) | 0x80;
  out[next++] = left;
  return next;
}

/** Whoever is done with a frame gives back the memory that everything in it is a view of. */
export interface BulkFrame {
  readonly frame: PeerFrame;
  readonly release: () => void;
}

/** Cuts a byte stream into frames, each in memory of its own. Throws on a frame that is too long or malformed. */
export class BulkReader {
  readonly #head = Buffer.alloc(lengthBytes);
  #headHas = 0;
  #body: Buffer | undefined;
  #bodyHas = 0;

  /** Adds bytes, which are copied, and yields every frame that is complete. */
  *push(chunk: Buffer): Generator<BulkFrame> {
    for (let at = 0; at < chunk.length;) {
      if (this.#body === undefined) {
        const taken = chunk.copy(this.#head, this.#headHas, at);
        this.#headHas += taken;
        at += taken;
        if (this.#headHas < lengthBytes) return;
        this.#body = Buffer.allocUnsafeSlow(frameLength(this.#head));
      }
      const body = this.#body;
      const taken = chunk.copy(body, this.#bodyHas, at);
      this.#bodyHas += taken;
      at += taken;
      if (this.#bodyHas < body.length) return;
      this.#body = undefined;
      this.#headHas = this.#bodyHas = 0;
      yield { frame: frameCodec.decode(body), release: () => giveBack(body) };
    }
  }
}
