/**
 * A body that comes in pieces, in one piece of memory. A client chooses how it cuts its bytes, and each piece kept by itself takes
 * a hundred bytes beside its own: sent one by one, those of a body within its limit were hundreds of megabytes.
 */
import { maxBodyBytes, tooLarge } from './request-body.ts';

const nothing = Buffer.alloc(0);
const leastBytes = 16 * 1024;

export class GatheredBody {
  #bytes: Buffer = nothing;
  #size = 0;

  /** Throws 413 beyond the limit. The piece is the caller's again when it is not the first. */
  add(piece: Buffer): void {
    const size = this.#size + piece.length;
    if (size > maxBodyBytes) throw tooLarge();
    if (this.#size === 0) this.#bytes = piece;
    else {
      if (size > this.#bytes.length) this.#grow(size);
      piece.copy(this.#bytes, this.#size);
    }
    this.#size = size;
  }

  whole(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #grow(size: number): void {
    const length = Math.min(maxBodyBytes, Math.max(size, 2 * this.#bytes.length, leastBytes));
    // All of it that is ever shown is written before.
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#bytes.copy(bytes, 0, 0, this.#size);
    this.#bytes = bytes;
  }
}
