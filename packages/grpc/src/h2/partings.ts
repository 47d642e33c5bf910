/**
 * Streams whose answer is out while their client still sends. They are to be reset without an error (RFC 9113, 8.1), but
 * not at once: some clients, Node's among them, drop what they have not read yet of an answer when its stream is reset. So
 * a client gets a moment to end its request by itself, and what it sends in it is not looked at.
 */

export class Partings {
  readonly #patienceMs: number;
  readonly #most: number;
  readonly #reset: (id: number) => void;
  readonly #now: () => number;
  /** Until when each is waited for, the oldest first. */
  readonly #until = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  /** Beyond `most` that are waited for at once the oldest are reset. */
  constructor(
    patienceMs: number,
    most: number,
    reset: (id: number) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#patienceMs = patienceMs;
    this.#most = most;
    this.#reset = reset;
    this.#now = now;
  }

  add(id: number): void {
    this.#until.set(id, this.#now() + this.#patienceMs);
    if (this.#until.size > this.#most) {
      const [oldest] = this.#until.keys();
      if (oldest !== undefined) this.#end(oldest);
    }
    this.#timer ??= setTimeout(() => this.#visit(), this.#patienceMs);
  }

  /** Its client has ended it. */
  delete(id: number): void {
    if (this.#until.size > 0) this.#until.delete(id);
  }

  #end(id: number): void {
    this.#until.delete(id);
    this.#reset(id);
  }

  #visit(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (const [id, until] of this.#until) {
      if (until > now) {
        this.#timer = setTimeout(() => this.#visit(), until - now);
        return;
      }
      this.#end(id);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#until.clear();
  }
}
