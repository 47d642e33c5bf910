/**
 * Bytes that come in pieces, in one piece of memory. Whoever sends them chooses how they are cut, and each piece kept by itself
 * takes hundreds of bytes beside its own: sent one by one, those of a body within its limit were gigabytes.
 */

const nothing = Buffer.alloc(0);
const leastBytes = 16 * 1024;

export class GatheredBytes {
  readonly #limit: number;
  readonly #tooMany: () => Error;
  #bytes: Buffer = nothing;
  #size = 0;

  /** `tooMany` makes what is thrown beyond `limit` bytes. */
  constructor(limit: number, tooMany: () => Error) {
    this.#limit = limit;
    this.#tooMany = tooMany;
  }

  /** Throws beyond the limit. The piece is the caller's again when it is not the first. */
  add(piece: Buffer): void {
    const size = this.#size + piece.length;
    if (size > this.#limit) throw this.#tooMany();
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
    const length = Math.min(this.#limit, Math.max(size, 2 * this.#bytes.length, leastBytes));
    // All of it that is ever shown is written before.
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#bytes.copy(bytes, 0, 0, this.#size);
    this.#bytes = bytes;
  }
}
