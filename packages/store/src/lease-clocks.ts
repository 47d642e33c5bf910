/**
 * The clocks of leases, seen from any member: the leader's own, or asked of the leader over the peer connection. Leases
 * whose time is over are revoked through the log, by the leader.
 *
 * Every question has a deadline, and ends early when the connection to who was asked is closed.
 */
import type { NodeId } from '@timonier/raft';
import type { Clock } from './clock.ts';
import { etcdError } from './errors.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { LeaseCheckpoints as CheckpointsChange } from './codecs.ts';
import { LeaseCheckpoints } from './lease-checkpoints.ts';
import { Lessor, type LeaseTimes } from './lessor.ts';
import type { PeerFrame } from './peer-wire.ts';

export interface LeaseAnswer {
  /** -1: there is no such lease. -2: the member that was asked does not lead. */
  readonly remainingMs: number;
  readonly grantedTtl: number;
}

export interface LeaseClocksOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly leader: () => NodeId | null;
  readonly leads: () => boolean;
  /** Milliseconds since this leader last asked a majority that then agreed. */
  readonly provenAgoMs: () => number;
  /** A renewal counts only if that is at most so long ago, and a new leader waits for as long. */
  readonly staleMs: number;
  /** Which leases exist. */
  readonly leases: () => ReadonlyMap<bigint, LeaseTimes>;
  readonly send: (to: NodeId, frame: PeerFrame) => boolean;
  /** Ends a lease whose time is over, unless another leader begins before that is agreed. */
  readonly expire: (id: bigint) => Promise<object>;
  readonly bugs?: KnownBugs;
  /** Milliseconds after which what is left of a long lease is written down; Infinity for never. */
  readonly checkpointMs: number;
  readonly checkpointsAllowed: () => boolean;
  readonly checkpoint: (checkpoints: CheckpointsChange['checkpoints']) => Promise<object>;
}

interface Call {
  readonly resolve: (answer: LeaseAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
  readonly peer: NodeId;
}

/** Clocks of two hosts may differ by so much in speed. */
const clockTrust = 0.99;

/** Of a member that does not lead, not yet, or perhaps not any more. */
const askAgain: LeaseAnswer = { remainingMs: -2, grantedTtl: 0 };
const retryMs = 20;
const revocationsAtOnce = 500;

export class LeaseClocks {
  readonly #options: LeaseClocksOptions;
  readonly #lessor: Lessor;
  readonly #checkpoints: LeaseCheckpoints;
  readonly #calls = new Map<number, Call>();
  readonly #revoking = new Set<bigint>();
  #nextCall = 1;

  constructor(options: LeaseClocksOptions) {
    this.#options = options;
    this.#lessor = new Lessor(options.clock.now, options.bugs ?? noBugs);
    this.#checkpoints = new LeaseCheckpoints({
      everyMs: options.checkpointMs,
      now: options.clock.now,
      allowed: options.checkpointsAllowed,
      leases: options.leases,
      remaining: (id) => this.#lessor.remaining(id),
      propose: options.checkpoint,
    });
  }

  /**
   * Starts all clocks anew, and adds the time for which an earlier leader may still have renewed leases without knowing
   * that it was replaced: whoever it last had the word of has elected this one since. Only once this member has
   * applied an entry of its own term: before, what leases there are and what is left of them may be news to it.
   */
  promote(): void {
    const { leases, staleMs, bugs = noBugs } = this.#options;
    this.#lessor.promote(leases(), bugs.has('renewed-unproven') ? 0 : staleMs / clockTrust);
    this.#checkpoints.promote();
    this.#revoking.clear();
  }

  demote(): void {
    this.#lessor.demote();
    this.#checkpoints.demote();
  }

  granted(id: bigint): void {
    this.#lessor.granted(id, this.#options.leases().get(id)?.ttl ?? 0);
    this.#checkpoints.clockSet(id);
  }

  revoked(id: bigint): void {
    this.#lessor.revoked(id);
    this.#checkpoints.revoked(id);
    this.#revoking.delete(id);
  }

  /** In etcd's order: what runs out first comes first, as far as this member knows. */
  get ids(): bigint[] {
    const left = (id: bigint): number => this.#lessor.remaining(id) ?? Infinity;
    return [...this.#options.leases().keys()].sort((a, b) =>
      left(a) === left(b) ? (a < b ? -1 : 1) : left(a) - left(b),
    );
  }

  /**
   * Renews a lease, or asks for its remaining time. Resolves with -1 when there is no such lease. Rejects when no
   * leader could be asked in time.
   */
  async ask(id: bigint, renew: boolean): Promise<LeaseAnswer> {
    const deadline = this.#options.clock.now() + this.#options.timeoutMs;
    for (;;) {
      const answer = await this.#ask(id, renew).catch((error: unknown) => {
        if (this.#options.clock.now() > deadline) throw error;
        return undefined;
      });
      if (answer !== undefined && answer.remainingMs !== -2) return answer;
      if (this.#options.clock.now() > deadline) throw etcdError.timeout();
      await new Promise<void>((resolve) => void this.#options.clock.after(retryMs, resolve));
    }
  }

  /** What this member knows itself; for its own clients and for other members. At once, except for some renewals. */
  answer(id: bigint, renew: boolean): LeaseAnswer | Promise<LeaseAnswer> {
    const lease = this.#options.leases().get(id);
    if (!this.#options.leads() || !this.#lessor.leading)
      return lease !== undefined && this.#options.bugs?.has('renewed-by-follower') === true
        ? { remainingMs: lease.ttl * 1000, grantedTtl: lease.ttl }
        : askAgain;
    if (lease === undefined) return { remainingMs: -1, grantedTtl: 0 };
    if (renew) {
      const { provenAgoMs, staleMs, bugs = noBugs } = this.#options;
      if (provenAgoMs() > staleMs * clockTrust && !bugs.has('renewed-unproven')) return askAgain;
      if (this.#lessor.renew(id, lease.ttl) === undefined) return { remainingMs: -1, grantedTtl: 0 };
      this.#checkpoints.clockSet(id);
      if (this.#checkpoints.counts(id))
        return this.#checkpoints.takeBack(id).then(
          () => this.answer(id, false),
          () => askAgain,
        );
    }
    return { remainingMs: this.#lessor.remaining(id) ?? -1, grantedTtl: lease.ttl };
  }

  /** The answer to a question of this member came back. */
  answered(call: number, answer: LeaseAnswer): void {
    this.#calls.get(call)?.resolve(answer);
    this.#calls.delete(call);
  }

  peerClosed(peer: NodeId): void {
    for (const [id, call] of this.#calls)
      if (call.peer === peer) {
        this.#calls.delete(id);
        call.reject(etcdError.leaderChanged());
      }
  }

  /** Ends questions that are too old, and leases whose time is over. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [id, call] of this.#calls)
      if (call.deadline <= now) {
        this.#calls.delete(id);
        call.reject(etcdError.timeout());
      }
    for (const id of this.#lessor.expired(revocationsAtOnce)) {
      if (this.#revoking.has(id)) continue;
      this.#revoking.add(id);
      this.#options.expire(id).catch(() => this.#revoking.delete(id));
    }
    if (this.#lessor.leading) this.#checkpoints.sweep();
  }

  #ask(lease: bigint, renew: boolean): Promise<LeaseAnswer> {
    if (this.#options.leads()) return Promise.resolve(this.answer(lease, renew));
    const leader = this.#options.leader();
    if (leader === null) return Promise.reject(etcdError.noLeader());
    const id = this.#nextCall++;
    return new Promise((resolve, reject) => {
      if (!this.#options.send(leader, { leaseCall: { id, lease, renew } })) {
        reject(etcdError.noLeader());
        return;
      }
      const deadline = this.#options.clock.now() + this.#options.timeoutMs;
      this.#calls.set(id, { resolve, reject, deadline, peer: leader });
    });
  }
}
