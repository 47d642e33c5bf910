/**
 * One member of the store, without its client API: its life from recovery to its end, and what it can be asked. What it
 * consists of is put together in member-parts.ts.
 *
 * `propose`, `barrier` and the lease calls work on every member; what only the leader can do is forwarded.
 */
import type { NodeId, Role } from '@timonier/raft';
import { idNumber } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import type { Consistency } from './consistency/consistency.ts';
import type { HostLog } from './host-options.ts';
import { RaftHost } from './host.ts';
import type { LeaseAnswer, LeaseClocks } from './lease-clocks.ts';
import type { MemberOptions } from './member-options.ts';
import { assemble, type MemberParts } from './member-parts.ts';
import type { Membership } from './membership/membership.ts';
import type { StoreMetrics } from './metrics.ts';
import type { Pace } from './pace.ts';
import type { PeerFrame } from './peer-wire.ts';
import { machine, type Platform, type Storage } from './platform.ts';
import { openPromiseCover } from './promise-file.ts';
import type { Quota } from './quota.ts';
import { rejoinAdvice } from './recover-advice.ts';
import { recover } from './recover.ts';
import type { StateDisk, StoredMember } from './state-disk.ts';
import type { StateMachine } from './state-machine.ts';
import { StateCorruptError } from './state-seal.ts';
import type { Leadership } from './tenure.ts';
import { pacedInstalling } from './transfer-pace.ts';
import type { Alarm } from './types.ts';
import { Wal } from './wal.ts';
import type { WatchHub } from './watch.ts';

const tendEveryMs = 1_000;
const sweepEveryMs = 100;
const versionEveryMs = 500;
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
  readonly #storage: Storage;
  readonly #parts: MemberParts;
  #host!: RaftHost;
  #wal: Wal | undefined;
  #metrics: StoreMetrics | undefined;
  #measured = { at: -Infinity, bytes: 0 };
  /** How to end what is done again and again. */
  #timers: (() => void)[] = [];

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.#platform = options.platform ?? machine;
    this.#storage = this.#platform.storage(options.dataDir);
    this.id = options.cluster.self.id;
    this.clusterId = idNumber(options.cluster.id);
    this.memberId = idNumber(this.id);
    this.#parts = assemble(options, this.#platform, this.#storage, {
      began: () => this.#host !== undefined,
      host: () => this.#host,
      wal: () => this.#wal,
      metrics: () => this.#metrics,
      frame: (from, frame) => this.#frame(from, frame),
      peerClosed: (peer) => this.#peerClosed(peer),
    });
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
    try {
      await member.#start();
    } catch (error) {
      // What was opened so far, a thread among it, would keep the process alive.
      await member.#close();
      throw error;
    }
    return member;
  }

  async #start(): Promise<void> {
    const { cluster, listenPeers, electionMs, maxElectionMs, log } = this.#options;
    const storage = this.#storage;
    const { clock, bugs } = this.#platform;
    storage.claim(cluster, this.isWitness);
    // The port comes first: a second process on the same data must fail before it touches anything.
    for (const endpoint of listenPeers) await this.#parts.transport.listen(endpoint);
    // Opened before the log, which a second process must not even read.
    await this.disk.open();
    const earlierLifeEnded = clock.now();
    const { wal, content } = Wal.open({
      ...storage.log,
      folder: storage.log.disk.folder,
      now: clock.now,
      bugs,
      onDurable: (ticket, ms) => {
        this.#metrics?.walSync.observe(ms / 1000);
        this.#host.durable(ticket, ms);
      },
      onFailure: (error) => this.#options.onFailure(error),
    });
    this.#wal = wal;
    const meta = await this.disk.settle(content.snapshot?.index ?? 0);
    await this.machine.load(meta);
    if (this.machine.isApart(this.id)) throw this.#apart();
    this.hub.replaced(this.machine.state);
    const recovered = recover(content, meta, this.machine.configuration);
    log.info(
      {
        member: this.id,
        cluster: cluster.id,
        applied: this.machine.appliedIndex,
        lastIndex: recovered.log.lastIndex(),
        term: recovered.hardState.term,
        revision: this.machine.state.revision,
      },
      'recovered',
    );
    const { cover, earlierMs } = await openPromiseCover(storage.promises, {
      fresh: content.empty,
      usualMs: this.pace.promiseMs,
      ceilingMs: Math.max(electionMs, maxElectionMs),
    });
    this.#host = new RaftHost({
      id: this.id,
      log: recovered.log,
      hardState: bugs.has('vote-forgotten') ? { ...recovered.hardState, vote: null } : recovered.hardState,
      configuration: this.machine.configuration,
      machine: this.machine,
      wal,
      transport: this.#parts.transport,
      pace: this.pace,
      cover,
      abstainMs: bugs.has('no-abstention') ? 0 : earlierMs - (clock.now() - earlierLifeEnded),
      trailingEntries: this.#options.trailingEntries,
      isWitness: this.isWitness,
      clock,
      bugs,
      ...(this.#platform.observe === undefined ? {} : { observe: this.#platform.observe }),
      ...(this.#platform.pipeline === undefined ? {} : { pipeline: this.#platform.pipeline }),
      logger: log,
      events: {
        role: (role, term, leader) => this.#roleChanged(role, term, leader),
        proven: (until) => this.#parts.tenure.proven(until),
        applied: (index) => this.#applied(index),
        termBegan: (term) => {
          this.#parts.proposals.termBegan(term);
          this.membership.termBegan(term);
          if (this.#host.role === 'leader' && this.#host.term === term) this.leases.promote();
        },
        configuration: (appended) => this.membership.appended(appended),
        readReady: (context, index) => this.#parts.reads.ready(context, index),
        readRejected: (context) => this.#parts.reads.rejected(context),
        proposalDropped: (context) => this.#parts.forwarding.dropped(context),
        snapshotWanted: (to, message) => void this.#parts.upkeep.sendSnapshot(to, message),
        install: async (snapshot) => {
          this.hub.suspend();
          await this.machine.suspend();
          const installed = await this.disk.install();
          if (installed.index !== snapshot.index)
            throw new Error(`snapshot ${installed.index} was received, ${snapshot.index} expected`);
          await this.machine.load(installed, (chunks) => pacedInstalling(chunks, clock));
          this.hub.replaced(this.machine.state);
          this.#parts.proposals.outcomeLost();
          this.membership.replaced();
          this.#metrics?.snapshots.inc({ direction: 'installed' });
          log.info({ index: snapshot.index, revision: this.machine.state.revision }, 'installed a snapshot');
        },
        failed: (error) => this.#options.onFailure(error),
      },
    });
    this.membership.recovered(recovered.log);
    this.#parts.transport.begin();
    this.#host.start();
    this.consistency.start();
    this.#timers.push(
      clock.every(tendEveryMs, () => void this.#parts.upkeep.tend().then(() => this.#parts.upkeep.reclaim())),
      clock.every(sweepEveryMs, () => this.#sweep()),
      clock.every(versionEveryMs, () => this.#parts.agreement.look()),
    );
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
    this.#metrics = metrics;
  }

  get host(): RaftHost {
    return this.#host;
  }

  get pending(): number {
    return this.#parts.proposals.pending;
  }

  get leadership(): Leadership {
    return this.#parts.tenure.now;
  }

  /** Etcd's rule: no lease may run out while an election is still going on. In seconds. */
  get minLeaseTtl(): number {
    return Math.ceil((1.5 * this.#options.electionMs) / 1000);
  }

  /** Whether nothing may be read here: of this member, or of all. */
  get isCorrupt(): boolean {
    const { machine } = this;
    return machine.alarms.length > 0 && (machine.isCorrupt || machine.isApart(this.id));
  }

  #apart(): StateCorruptError {
    return new StateCorruptError(
      `${this.memberName(this.id)} (${this.id}) holds other data than a majority of the members (alarm CORRUPT): ${rejoinAdvice}`,
    );
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
    return this.#options.witness === true;
  }

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
  async stop(): Promise<void> {
    if (this.#host.role === 'leader' && this.machine.configuration.voters.length > 1)
      await this.transfer().catch((error: unknown) => {
        // Usual when a whole cluster is stopped: the others were gone first.
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.info({ reason }, 'stopped without handing over leadership');
      });
    this.#parts.proposals.stop();
    this.membership.stop();
    this.#parts.reads.stop();
    this.#host.stop();
    this.#parts.sweeper.stop();
    this.consistency.stop();
    await this.#parts.transport.close();
    await this.#parts.upkeep.flush();
    await this.#close();
  }

  async #close(): Promise<void> {
    for (const end of this.#timers) end();
    await this.#parts.transport.close();
    await this.#wal?.close();
    await this.disk.close();
  }

  #frame(from: NodeId, frame: PeerFrame): void {
    if (frame.raft !== undefined) this.#host.receive(from, frame.raft.messages);
    else if (this.membership.frame(from, frame)) return;
    else if (this.consistency.frame(from, frame)) return;
    else if (frame.speaks !== undefined) this.#parts.agreement.told(from, frame.speaks);
    else if (frame.forward !== undefined) this.#parts.forwarding.received(from, frame.forward);
    else if (frame.forwardRefused !== undefined)
      this.#parts.proposals.refused(frame.forwardRefused.id, frame.forwardRefused.term);
    else if (frame.leaseCall !== undefined) {
      const { id, lease, renew } = frame.leaseCall;
      const answer = this.leases.answer(lease, renew);
      const send = (known: LeaseAnswer): boolean =>
        this.#parts.transport.send(from, { leaseAnswer: { id, ...known } });
      if (answer instanceof Promise) void answer.then(send);
      else send(answer);
    } else if (frame.leaseAnswer !== undefined) {
      const { id, remainingMs, grantedTtl } = frame.leaseAnswer;
      this.leases.answered(id, { remainingMs, grantedTtl });
    }
  }

  #peerClosed(peer: NodeId): void {
    this.#options.log.info({ peer }, 'peer connection closed');
    this.leases.peerClosed(peer);
    this.#parts.agreement.closed(peer);
    this.consistency.peerClosed(peer);
    this.#host.step({ type: 'peer-closed', peer });
  }

  #roleChanged(role: Role, term: number, leader: NodeId | null): void {
    const { log } = this.#options;
    log.info({ role, term, leader: this.memberName(leader) }, 'role changed');
    if (leader !== null) this.#metrics?.leaderChanges.inc();
    // A new leader begins to count once it has applied an entry of its own: an end of a lease may come before that.
    this.leases.demote();
    if (role === 'leader' && this.#platform.bugs.has('renewed-before-applied')) this.leases.promote();
    if (leader !== null) this.#platform.clock.soon(() => this.#parts.proposals.retry());
    this.#parts.tenure.roleChanged();
    if (leader !== null) this.#parts.announcement.make();
  }

  #applied(index: number): void {
    this.hub.handOut();
    this.#parts.reads.applied(index);
    // Written down first, so that the next start knows it, too.
    if (this.isCorrupt && this.machine.isApart(this.id))
      void this.#parts.upkeep.flush().then(() => this.#options.onFailure(this.#apart()));
    if (this.machine.flushIsDue) void this.#parts.upkeep.flush();
    this.#parts.sweeper.poke();
    this.#parts.tenure.changed();
  }

  #sweep(): void {
    this.#parts.proposals.sweep();
    this.membership.sweep();
    this.#parts.proposals.retry();
    this.#parts.reads.sweep();
    this.leases.sweep();
    this.quota.look();
    if (this.#host.leader !== null) this.#parts.announcement.make();
  }
}
