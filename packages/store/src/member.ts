/**
 * One member of the store, without its client API: what it can be asked. How it lives is member-life.ts, what it
 * consists of member-parts.ts.
 *
 * `propose`, `barrier` and the lease calls work on every member; what only the leader can do is forwarded.
 */
import type { NodeId } from '@timonier/raft';
import { idNumber } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import type { Consistency } from './consistency/consistency.ts';
import type { HostLog } from './host-options.ts';
import type { RaftHost } from './host.ts';
import type { LeaseClocks } from './lease-clocks.ts';
import type { MemberOptions } from './member-options.ts';
import { MemberLife } from './member-life.ts';
import type { MemberParts } from './member-parts.ts';
import type { Membership } from './membership/membership.ts';
import type { StoreMetrics } from './metrics.ts';
import type { Pace } from './pace.ts';
import { machine, type Platform } from './platform.ts';
import type { Quota } from './quota.ts';
import type { StateDisk, StoredMember } from './state-disk.ts';
import type { StateMachine } from './state-machine.ts';
import type { Leadership } from './tenure.ts';
import type { Alarm } from './types.ts';
import type { WatchHub } from './watch.ts';

const measureMs = 1_000;

export class Member {
  readonly id: NodeId;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly machine: StateMachine;
  readonly hub: WatchHub;
  readonly disk: StateDisk;
  readonly leases: LeaseClocks;
  readonly quota: Quota;
  readonly membership: Membership;
  readonly consistency: Consistency;
  readonly pace: Pace;
  readonly #options: MemberOptions;
  readonly #platform: Platform;
  readonly #life: MemberLife;
  readonly #parts: MemberParts;
  #measured = { at: -Infinity, bytes: 0 };

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.#platform = options.platform ?? machine;
    this.id = options.cluster.self.id;
    this.clusterId = idNumber(options.cluster.id);
    this.memberId = idNumber(this.id);
    this.#life = new MemberLife(options, this.#platform);
    this.#parts = this.#life.parts;
    const { machine: state, hub, disk, leases, quota, membership, consistency, pace } = this.#parts;
    this.machine = state;
    this.hub = hub;
    this.disk = disk;
    this.leases = leases;
    this.quota = quota;
    this.membership = membership;
    this.consistency = consistency;
    this.pace = pace;
  }

  /** Recovers from the data directory, listens for peers and joins the group. */
  static async start(options: MemberOptions): Promise<Member> {
    const member = new Member(options);
    await member.#life.start();
    return member;
  }

  get log(): HostLog {
    return this.#options.log;
  }

  /** Of all files of the state, as of the last second. */
  get diskBytes(): number {
    const now = this.#platform.clock.now();
    if (now - this.#measured.at >= measureMs) this.#measured = { at: now, bytes: this.disk.size() };
    return this.#measured.bytes;
  }

  set metrics(metrics: StoreMetrics) {
    this.#life.metrics = metrics;
  }

  /** There once `start` has resolved. */
  get host(): RaftHost {
    return this.#life.host;
  }

  /** Whether a connection to the member stands. */
  connected(id: NodeId): boolean {
    return this.#parts.transport.connected(id);
  }

  /** Requests of this process that wait for their result. */
  get pending(): number {
    return this.#parts.proposals.pending;
  }

  /** As this member knows it. */
  get leadership(): Leadership {
    return this.#parts.tenure.now;
  }

  /** Etcd's rule: no lease may run out while an election is still going on. In seconds. */
  get minLeaseTtl(): number {
    return Math.ceil((1.5 * this.#options.electionMs) / 1000);
  }

  /** Whether nothing may be read here: of this member, or of all. */
  get isCorrupt(): boolean {
    return this.#life.isCorrupt;
  }

  /** Raises an alarm of a member, or takes it back. */
  alarm(activate: boolean, alarm: Alarm): Promise<object> {
    return this.#parts.alarm(activate, alarm);
  }

  /** In the order of their ids, as etcd lists them. */
  get members(): readonly StoredMember[] {
    return [...this.machine.members.values()].toSorted((a, b) => (idNumber(a.id) < idNumber(b.id) ? -1 : 1));
  }

  /** Whether this member receives the log and has no vote yet. */
  get isLearner(): boolean {
    return this.machine.configuration.learners.includes(this.id);
  }

  /** Whether it keeps the log and has no state. */
  get isWitness(): boolean {
    return this.#life.isWitness;
  }

  /** Its id where nothing was said yet; empty for null. */
  memberName(id: NodeId | null): string {
    return this.#parts.nameOf(id);
  }

  /** Calls `listener` after leadership, its proof or the applied revision changed; returns how to stop that. */
  onChange(listener: () => void): () => void {
    return this.#parts.tenure.onChange(listener);
  }

  /** Puts a request through the log and resolves with the result of applying it here. */
  propose(request: Omit<StoredRequest, 'id'>, bytes: number): Promise<object> {
    return this.#parts.propose(request, bytes);
  }

  /** Resolves when this member's state holds everything committed before the call. */
  barrier(): Promise<void> {
    return this.#parts.barrier();
  }

  /** Resolves when compacted history is gone from here, after `timeoutMs`, or when `signal` ends. */
  async swept(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#parts.sweeper.done(timeoutMs, signal);
    await this.#parts.upkeep.flush();
  }

  /** Hands leadership to `target`, or to the most advanced other voter. Resolves with who was asked. */
  transfer(target?: NodeId): Promise<NodeId> {
    return this.#parts.tenure.transfer(target);
  }

  /** Hands over if it leads, writes everything down and closes. */
  stop(): Promise<void> {
    return this.#life.stop();
  }
}
