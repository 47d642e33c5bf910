/**
 * Streams whose head, or end behind nothing that waits, waits for the socket, in the order in which they came, and how
 * many bytes these are.
 */
export class WaitingHeads<S> {
  /** Of all streams. */
  bytes = 0;
  readonly #bytesOf = new Map<S, number>();

  get size(): number {
    return this.#bytesOf.size;
  }

  /** May be asked while streams are removed. */
  streams(): Iterable<S> {
    return this.#bytesOf.keys();
  }

  /** So many bytes of a stream wait, behind those that wait already. */
  add(stream: S, bytes: number): void {
    this.#bytesOf.set(stream, (this.#bytesOf.get(stream) ?? 0) + bytes);
    this.bytes += bytes;
  }

  /** Nothing of a stream waits any more, if anything did. */
  delete(stream: S): void {
    this.bytes -= this.#bytesOf.get(stream) ?? 0;
    this.#bytesOf.delete(stream);
  }

  clear(): void {
    this.#bytesOf.clear();
    this.bytes = 0;
  }
}
