/**
 * Audit events that wait to be written or sent: a bounded number of them, as upstream, and a bounded number of bytes, for whole
 * lists are recorded, too, and ten thousand of those would be more than the process has.
 */

/** Of all that wait; a single line may be longer. */
export const mostWaitingBytes = 128 * 1024 * 1024;

export class WaitingLines {
  readonly #most: number;
  readonly #mostBytes: number;
  #lines: string[] = [];
  /** As many as there are characters, which is about as much as they take. */
  #bytes = 0;

  constructor(most: number, bytes = mostWaitingBytes) {
    this.#most = most;
    this.#mostBytes = bytes;
  }

  get length(): number {
    return this.#lines.length;
  }

  /** False when there is no room: the line is lost. */
  add(line: string): boolean {
    if (this.#lines.length >= this.#most) return false;
    if (this.#lines.length > 0 && this.#bytes + line.length > this.#mostBytes) return false;
    this.#lines.push(line);
    this.#bytes += line.length;
    return true;
  }

  /** The first ones, at most so many; they wait no more. */
  take(count: number): string[] {
    const taken = this.#lines.splice(0, count);
    for (const line of taken) this.#bytes -= line.length;
    return taken;
  }
}
