/**
 * Lease clocks. Which leases exist is replicated state; when one runs out is decided by the leader alone, by its own
 * monotonic clock, and becomes true for all by a revocation in the log. A new leader gives every lease its full time
 * again, or what was left at its last checkpoint: a lease may live longer than asked for, never shorter.
 */

import { type KnownBugs, noBugs } from './known-bugs.ts';

/** In seconds. */
export interface LeaseTimes {
  readonly ttl: number;
  /** What was left at the last checkpoint; 0 when there was none since it was granted or renewed. */
  readonly remaining: number;
}

export class Lessor {
  readonly #now: () => number;
  /** Deadlines in milliseconds of `now`; empty while this member does not lead. */
  readonly #deadlines = new Map<bigint, number>();
  /** Nothing runs out before; renewals only move deadlines away, so it is looked for anew only when it has come. */
  #quietUntil = Infinity;
  readonly #bugs: KnownBugs;
  #leading = false;

  constructor(now: () => number, bugs = noBugs) {
    this.#now = now;
    this.#bugs = bugs;
  }

  /** Starts all clocks anew. `graceMs` covers the time in which no leader could renew anything. */
  promote(leases: ReadonlyMap<bigint, LeaseTimes>, graceMs: number): void {
    this.#leading = true;
    this.#deadlines.clear();
    const again = this.#bugs.has('lease-not-extended') ? 0 : 1000;
    this.#quietUntil = Infinity;
    for (const [id, { ttl, remaining }] of leases)
      this.#set(id, this.#now() + (remaining > 0 ? remaining : ttl) * again + graceMs);
  }

  demote(): void {
    this.#leading = false;
    this.#deadlines.clear();
  }

  get leading(): boolean {
    return this.#leading;
  }

  granted(id: bigint, ttl: number): void {
    if (this.#leading) this.#set(id, this.#now() + ttl * 1000);
  }

  #set(id: bigint, deadline: number): void {
    this.#deadlines.set(id, deadline);
    this.#quietUntil = Math.min(this.#quietUntil, deadline);
  }

  revoked(id: bigint): void {
    this.#deadlines.delete(id);
  }

  /** Restarts the clock of a lease. Returns its time to live in seconds; undefined when there is none to renew. */
  renew(id: bigint, ttl: number): number | undefined {
    const deadline = this.#deadlines.get(id);
    if (deadline === undefined || deadline <= this.#now()) return undefined;
    // Never earlier than before: the leader before this one may renew it still, and be believed.
    this.#set(id, Math.max(deadline, this.#now() + ttl * 1000));
    return ttl;
  }

  /** Whole milliseconds left, at least 0; undefined when unknown. */
  remaining(id: bigint): number | undefined {
    const deadline = this.#deadlines.get(id);
    return deadline === undefined ? undefined : Math.max(0, Math.ceil(deadline - this.#now()));
  }

  /** Up to `limit` leases whose time is over. Costs next to nothing while there are none. */
  expired(limit: number): bigint[] {
    const now = this.#now();
    const result: bigint[] = [];
    if (now < this.#quietUntil) return result;
    let quietUntil = Infinity;
    for (const [id, deadline] of this.#deadlines) {
      if (deadline <= now) {
        result.push(id);
        if (result.length >= limit) return result;
      }
      quietUntil = Math.min(quietUntil, deadline);
    }
    this.#quietUntil = quietUntil;
    return result;
  }
}
