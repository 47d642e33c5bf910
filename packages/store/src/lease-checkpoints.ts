/**
 * Writes down through the log what is left of long leases, so that a new leader goes on from there instead of giving
 * each its full time again: etcd's lease checkpoints.
 *
 * Invariant: whoever was told that a lease was renewed is right also after a change of leaders. So a renewal takes back
 * what is written down, or on its way to be, before it is answered.
 */
import type { LeaseCheckpoints as Checkpoints } from './codecs.ts';
import type { LeaseTimes } from './lessor.ts';

type Checkpoint = Checkpoints['checkpoints'][number];

export interface LeaseCheckpointsOptions {
  /** Milliseconds between two of the same lease; Infinity for none. */
  readonly everyMs: number;
  readonly now: () => number;
  /** Whether the cluster's version allows for them. */
  readonly allowed: () => boolean;
  readonly leases: () => ReadonlyMap<bigint, LeaseTimes>;
  /** Milliseconds left by the leader's clock. */
  readonly remaining: (id: bigint) => number | undefined;
  /** Resolves when it is applied here. */
  readonly propose: (checkpoints: readonly Checkpoint[]) => Promise<object>;
}

/** As in etcd. */
export const defaultCheckpointMs = 300_000;
const atOnce = 1_000;

export class LeaseCheckpoints {
  readonly #options: LeaseCheckpointsOptions;
  /** When the next one of each long lease is due; empty while this member does not lead. */
  readonly #due = new Map<bigint, number>();
  #quietUntil = Infinity;
  /** Those on their way, of which nobody knows yet whether they count. */
  #underWay: { readonly ids: ReadonlySet<bigint>; readonly over: Promise<void> } | undefined;

  readonly #taking = new Map<bigint, Promise<void>>();

  constructor(options: LeaseCheckpointsOptions) {
    this.#options = options;
  }

  /** This member leads from now on, and every clock was set. */
  promote(): void {
    this.demote();
    for (const id of this.#options.leases().keys()) this.clockSet(id);
  }

  demote(): void {
    this.#due.clear();
    this.#quietUntil = Infinity;
  }

  /** The clock of a lease was set: to its full time, or to what was left. */
  clockSet(id: bigint): void {
    const { everyMs, now, remaining } = this.#options;
    if ((remaining(id) ?? 0) <= everyMs) this.#due.delete(id);
    else {
      const at = now() + everyMs;
      this.#due.set(id, at);
      this.#quietUntil = Math.min(this.#quietUntil, at);
    }
  }

  revoked(id: bigint): void {
    this.#due.delete(id);
  }

  /** To be called every so often while this member leads. Costs next to nothing while none is due. */
  sweep(): void {
    const { now, allowed, leases, remaining, propose } = this.#options;
    if (now() < this.#quietUntil || this.#underWay !== undefined || !allowed()) return;
    const checkpoints: Checkpoint[] = [];
    /** Of which less than a second has passed, or what a new leader gave on top of them has not. */
    const early: bigint[] = [];
    let quietUntil = Infinity;
    for (const [ID, at] of this.#due) {
      if (at > now()) quietUntil = Math.min(quietUntil, at);
      else if (checkpoints.length === atOnce) quietUntil = now();
      else {
        this.#due.delete(ID);
        const remainingTtl = Math.ceil((remaining(ID) ?? 0) / 1000);
        const lease = leases().get(ID);
        if (lease === undefined || remainingTtl === 0) continue;
        if (remainingTtl < lease.ttl) checkpoints.push({ ID, remainingTtl });
        else early.push(ID);
      }
    }
    this.#quietUntil = quietUntil;
    for (const id of early) this.clockSet(id);
    if (checkpoints.length === 0) return;
    const ids = new Set(checkpoints.map(({ ID }) => ID));
    // What became of one that fails is told by the state.
    const settled = propose(checkpoints).then(
      () => undefined,
      () => undefined,
    );
    const over = settled.then(() => {
      this.#underWay = undefined;
      for (const id of ids) if (leases().has(id) && remaining(id) !== undefined) this.clockSet(id);
    });
    this.#underWay = { ids, over };
  }

  /** Whether a renewal has to wait for `takeBack`. */
  counts(id: bigint): boolean {
    return (this.#options.leases().get(id)?.remaining ?? 0) > 0 || this.#underWay?.ids.has(id) === true;
  }

  /** Resolves when nothing is written down about a lease any more. Rejects when that cannot be had. */
  takeBack(id: bigint): Promise<void> {
    // However many clients renew one lease at a time, the log is asked once.
    let taking = this.#taking.get(id);
    if (taking === undefined) {
      taking = this.#takeBack(id).finally(() => this.#taking.delete(id));
      this.#taking.set(id, taking);
    }
    return taking;
  }

  async #takeBack(ID: bigint): Promise<void> {
    // In this order also in the log: what failed was refused, or is in it already.
    if (this.#underWay?.ids.has(ID) === true) await this.#underWay.over;
    if ((this.#options.leases().get(ID)?.remaining ?? 0) === 0) return;
    await this.#options.propose([{ ID, remainingTtl: 0 }]);
    // Decided in a term that is over, it means nothing.
    if (this.counts(ID)) throw new Error(`what is left of lease ${ID} was not taken back`);
  }
}
