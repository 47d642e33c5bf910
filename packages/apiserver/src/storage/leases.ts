/**
 * Leases for objects that the store shall forget by itself, such as Events. Objects written close together share one
 * lease, so that there are few; each lives at least as long as asked.
 */
import { randomInt } from 'node:crypto';
import type { StoreClient } from './store-client.ts';

/** How long one lease is handed out; its time to live is longer by this much. */
const sharedForSeconds = 60;

interface Lease {
  readonly id: Promise<number>;
  readonly until: number;
}

export class Leases {
  readonly #store: StoreClient;
  readonly #now: () => number;
  readonly #current = new Map<number, Lease>();

  constructor(store: StoreClient, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** A lease under which a key lives for at least `seconds`. */
  forSeconds(seconds: number): Promise<number> {
    const known = this.#current.get(seconds);
    if (known !== undefined && this.#now() < known.until) return known.id;
    // Chosen here, so that it is a number that stays exact.
    const id = randomInt(1, 2 ** 47);
    const granted = this.#store.grantLease(id, seconds + sharedForSeconds).then(() => id);
    const lease = { id: granted, until: this.#now() + sharedForSeconds * 1_000 };
    this.#current.set(seconds, lease);
    granted.catch(() => this.#forget(lease));
    return granted;
  }

  /** The store says that it knows no such lease: a clock that was set back makes it look younger than it is. */
  async lost(id: number): Promise<void> {
    for (const lease of this.#current.values())
      if ((await lease.id.catch(() => undefined)) === id) this.#forget(lease);
  }

  #forget(lease: Lease): void {
    for (const [seconds, known] of this.#current) if (known === lease) this.#current.delete(seconds);
  }
}
