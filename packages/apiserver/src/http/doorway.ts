/**
 * Lets connections shake hands in the order they came, a few in each turn of the event loop. After a takeover all clients
 * of a cluster come within a moment, and a handshake takes more of the processor than most requests: begun all at once,
 * each would end as late as the last, and answers that are ready would wait behind them. In turn, the first client is
 * served almost at once, and the last no later.
 *
 * Nobody is waited for, so a client that says nothing delays the next one by no more than its own beginning takes.
 */

/** A handshake takes about a millisecond of the processor. */
const eachTurn = 2;

export class Doorway {
  readonly #waiting = new Set<() => void>();
  readonly #nextTurn: (then: () => void) => void;
  #left = eachTurn;
  #scheduled = false;

  /** `nextTurn` calls back once everything that is ready now was looked at. */
  constructor(nextTurn: (then: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** Calls `begin` when it is this one's turn, perhaps at once. Returns how to leave the queue. */
  enter(begin: () => void): () => void {
    this.#waiting.add(begin);
    this.#admit();
    return () => void this.#waiting.delete(begin);
  }

  /** Who waits is not let in any more. */
  close(): void {
    this.#waiting.clear();
  }

  #admit(): void {
    for (const begin of this.#waiting) {
      if (this.#left === 0) break;
      this.#left -= 1;
      this.#waiting.delete(begin);
      begin();
    }
    if (this.#scheduled || this.#left === eachTurn) return;
    this.#scheduled = true;
    this.#nextTurn(() => {
      this.#scheduled = false;
      this.#left = eachTurn;
      this.#admit();
    });
  }
}
