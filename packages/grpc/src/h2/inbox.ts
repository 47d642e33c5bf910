/**
 * Puts gRPC messages together again from the payloads of DATA frames.
 *
 * Holds one contiguous buffer that grows with what really arrived, never with what a prefix promises, so neither
 * tiny frames nor a large announced length cost more memory than the bytes received.
 */
import { giveBack } from '@timonier/component/give-back';
import { GrpcError, Status } from '../error.ts';

export const prefixBytes = 5;
const smallest = 1024;
/** Messages from this size on are worth to be passed on where they lie. */
const handedOver = 8 * 1024;
const empty = Buffer.alloc(0);

/** The length in a message's prefix. Throws when the message may not be received. */
export function messageLength(bytes: Buffer, at: number, maxBytes: number): number {
  const length = bytes.readUInt32BE(at + 1);
  if (length > maxBytes)
    throw new GrpcError(
      Status.RESOURCE_EXHAUSTED,
      `grpc: received message larger than max (${length} vs. ${maxBytes})`,
    );
  const flag = bytes[at];
  if (flag === 1)
    throw new GrpcError(Status.INTERNAL, 'grpc: compressed flag set without a grpc-encoding that says how');
  if (flag !== 0) throw new GrpcError(Status.INTERNAL, `grpc: message flag ${flag} is not known`);
  return length;
}

export class Inbox {
  #buffer = empty;
  #start = 0;
  #end = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  push(bytes: Buffer, start: number, end: number): void {
    const more = end - start;
    if (this.#end + more > this.#buffer.length) {
      const used = this.length;
      if (used + more <= this.#buffer.length) this.#buffer.copyWithin(0, this.#start, this.#end);
      else {
        const grown = Buffer.allocUnsafeSlow(Math.max(smallest, used + more, this.#buffer.length * 2));
        this.#buffer.copy(grown, 0, this.#start, this.#end);
        giveBack(this.#buffer);
        this.#buffer = grown;
      }
      this.#start = 0;
      this.#end = used;
    }
    bytes.copy(this.#buffer, this.#end, start, end);
    this.#end += more;
  }

  /**
   * The next whole message in memory that nobody else has; undefined when more bytes are needed. A large one behind which
   * nothing waits takes the memory that it lies in along, and is not copied.
   */
  take(maxBytes: number): Buffer | undefined {
    if (this.length < prefixBytes) return undefined;
    const length = messageLength(this.#buffer, this.#start, maxBytes);
    if (this.length < prefixBytes + length) return undefined;
    const at = this.#start + prefixBytes;
    const place = this.#buffer.subarray(at, at + length);
    if (length >= handedOver && at + length === this.#end && 2 * length >= this.#buffer.length) {
      this.clear();
      return place;
    }
    const message = Buffer.from(place);
    this.#start = at + length;
    // A buffer that is empty is given back: most streams are silent most of the time.
    if (this.#start === this.#end) this.clear();
    return message;
  }

  /** Everything that waits, as a copy of its own; undefined for nothing. */
  takeAll(): Buffer | undefined {
    if (this.length === 0) return undefined;
    const bytes = Buffer.from(this.#buffer.subarray(this.#start, this.#end));
    this.clear();
    return bytes;
  }

  /** The only message of a call that has ended, without a copy. Throws when there is none or more than one. */
  only(maxBytes: number): Buffer {
    const length = this.length;
    if (length === 0) throw new GrpcError(Status.UNIMPLEMENTED, 'the call ended without its request');
    if (length < prefixBytes) throw new GrpcError(Status.INTERNAL, 'the call ended inside a message');
    const size = messageLength(this.#buffer, this.#start, maxBytes);
    if (length < prefixBytes + size) throw new GrpcError(Status.INTERNAL, 'the call ended inside a message');
    if (length > prefixBytes + size)
      throw new GrpcError(Status.UNIMPLEMENTED, 'the call carries more than its one request');
    const at = this.#start + prefixBytes;
    const message = this.#buffer.subarray(at, at + size);
    this.clear();
    return message;
  }

  /** Throws as soon as a message's prefix is there and says that it may not be received. */
  check(maxBytes: number): void {
    if (this.length >= prefixBytes) messageLength(this.#buffer, this.#start, maxBytes);
  }

  clear(): void {
    this.#buffer = empty;
    this.#start = 0;
    this.#end = 0;
  }
}
