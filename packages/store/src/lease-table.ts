/**
 * The leases that a state knows, and which keys hang on each. Part of what is applied, so there is no clock here: when
 * a lease runs out is decided by the leader (lease-clocks.ts) and comes through the log.
 *
 * Invariant: a key hangs on one lease at most, the one that its newest change names.
 */

export interface LeaseRecord {
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttl: number;
  /** What was left at the last checkpoint, in seconds; 0 when there was none since it was renewed. */
  readonly remaining: number;
  /** One character a byte, as in the index. */
  readonly keys: Set<string>;
}

export class LeaseTable {
  readonly #byId = new Map<bigint, LeaseRecord>();
  readonly #ofKey = new Map<string, bigint>();

  /** All that were granted and not revoked. */
  get byId(): ReadonlyMap<bigint, LeaseRecord> {
    return this.#byId;
  }

  /** Undefined when there is none, or no more. */
  get(id: bigint): LeaseRecord | undefined {
    return this.#byId.get(id);
  }

  /** A lease without keys; seconds. */
  add(id: bigint, ttl: number, remaining = 0): void {
    this.#byId.set(id, { id, ttl, remaining, keys: new Set() });
  }

  /** Seconds that are left; 0 takes an earlier word on it back. */
  checkpoint(lease: LeaseRecord, remaining: number): void {
    this.#byId.set(lease.id, { ...lease, remaining });
  }

  /** Its keys must be gone. */
  remove(id: bigint): void {
    this.#byId.delete(id);
  }

  /** A key was written under a lease; 0 for none, of a deletion too. */
  attach(key: string, lease: bigint): void {
    const before = this.#ofKey.get(key) ?? 0n;
    if (before === lease) return;
    this.#byId.get(before)?.keys.delete(key);
    if (lease === 0n) this.#ofKey.delete(key);
    else {
      this.#ofKey.set(key, lease);
      this.#byId.get(lease)?.keys.add(key);
    }
  }
}
