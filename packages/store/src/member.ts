/**
 * One member of the store, without its client API: log, state, consensus, peers, leases and watches put together.
 *
 * `propose`, `barrier` and the lease calls work on every member; what only the leader can do is forwarded.
 */
import type { NodeId, Role } from '@timonier/raft';
import { Announcement } from './announcement.ts';
import { Consistency } from './consistency/consistency.ts';
import { rejoinAdvice } from './recover-advice.ts';
import { StateCorruptError } from './state-seal.ts';
import { itself } from './auth/types.ts';
import { idNumber, idText } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import { Forwarding } from './forwarding.ts';
import { RaftHost } from './host.ts';
import { defaultCheckpointMs } from './lease-checkpoints.ts';
import { type LeaseAnswer, LeaseClocks } from './lease-clocks.ts';
import type { MemberOptions } from './member-options.ts';
import { Membership } from './membership/membership.ts';
import type { StoreMetrics } from './metrics.ts';
import { Pace } from './pace.ts';
import type { PeerFrame } from './peer-wire.ts';
import { machine, type Network, type Platform, type Storage } from './platform.ts';
import { openPromiseCover } from './promise-file.ts';
import { Proposals } from './proposals.ts';
import { Quota } from './quota.ts';
import { Reads } from './reads.ts';
import { recover } from './recover.ts';
import { receiveSnapshot } from './snapshot.ts';
import { StateDisk, type StoredMember } from './state-disk.ts';
import { StateMachine } from './state-machine.ts';
import { type Leadership, Tenure } from './tenure.ts';
import { type Alarm, alarmType } from './types.ts';
import { Sweeper } from './sweeper.ts';
import { Upkeep } from './upkeep.ts';
import { VersionAgreement } from './versions/agreement.ts';
import { leaseCheckpointVersion, spoken, type VersionRange } from './versions/entry-versions.ts';
import { Wal } from './wal.ts';
import { WatchHub } from './watch.ts';

const flushEveryMs = 1_000;
const sweepEveryMs = 100;
const versionEveryMs = 500;
const requestTimeoutMs = 7_000;
const maxPending = 50_000;

export class Member {
  readonly id: NodeId;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly machine: StateMachine;
  readonly hub: WatchHub;
  readonly disk: StateDisk;
  readonly leases: LeaseClocks;
  readonly quota: Quota;
  readonly #options: MemberOptions;
  readonly #platform: Platform;
  readonly #storage: Storage;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #transport: Network;
  readonly membership: Membership;
  readonly #forwarding: Forwarding;
  readonly #tenure: Tenure;
  readonly #announcement: Announcement;
  readonly #upkeep: Upkeep;
  readonly #sweeper: Sweeper;
  readonly #agreement: VersionAgreement;
  readonly consistency: Consistency;
  readonly pace: Pace;
  #host!: RaftHost;
  #wal: Wal | undefined;
  #metrics: StoreMetrics | undefined;
  /** How to end what is done again and again. */
  #timers: (() => void)[] = [];

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.#platform = options.platform ?? machine;
    this.#storage = this.#platform.storage(options.dataDir);
    const { clock, bugs } = this.#platform;
    this.id = options.cluster.self.id;
    this.clusterId = idNumber(options.cluster.id);
    this.memberId = idNumber(this.id);
    const { heartbeatMs, electionMs, maxElectionMs } = options;
    this.pace = new Pace({
      heartbeatMs,
      floorMs: electionMs,
      ceilingMs: Math.max(electionMs, maxElectionMs),
      bugs,
    });
    this.#proposals = new Proposals({
      timeoutMs: requestTimeoutMs,
      limit: maxPending,
      clock,
      bugs,
      submit: (batch) => this.#forwarding.submit(batch.id, batch.data),
    });
    this.#reads = new Reads({
      timeoutMs: requestTimeoutMs,
      clock,
      bugs,
      appliedIndex: () => this.machine.appliedIndex,
      start: (context) => this.#host.step({ type: 'read', context, now: clock.bootTime() }),
    });
    this.disk = new StateDisk(this.#storage.levels, bugs);
    this.disk.onDamage = (error) => {
      // At the start, whoever starts says so.
      if (this.#host !== undefined) options.onFailure(error);
    };
    const { cluster } = options;
    this.machine = new StateMachine({
      disk: this.disk,
      bugs,
      stateless: options.witness === true,
      versions: this.versions,
      cluster: cluster.id,
      configuration: { voters: cluster.members.map(({ id }) => id).toSorted(), learners: [] },
      members: cluster.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
      ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
      onResult: (proposer, id, result) => {
        if (proposer === this.#proposals.proposer) this.#proposals.applied(id, result);
      },
      onRevisions: (from, to) => this.hub.revisions(from, to),
      onCompacted: () => undefined,
      onMembership: (...applied) => this.membership.applied(...applied),
      onLease: (id, change) => {
        if (change === 'granted') this.leases.granted(id);
        else this.leases.revoked(id);
      },
    });
    this.hub = new WatchHub(this.machine.state, clock, bugs);
    this.leases = new LeaseClocks({
      timeoutMs: requestTimeoutMs,
      clock,
      bugs,
      leader: () => this.#host.leader,
      // A witness that leads for a moment knows of no lease, which must not be taken for its end.
      leads: () => this.#host.role === 'leader' && !this.isWitness,
      leases: () => this.machine.state.leases,
      send: (to, frame) => this.#transport.send(to, frame),
      expire: (ID) => this.propose({ leaseExpiry: { ID, term: this.#host.term }, ...itself }, 40),
      checkpointMs:
        options.leaseCheckpoints === true
          ? (this.#platform.leaseCheckpointMs ?? defaultCheckpointMs)
          : Infinity,
      checkpointsAllowed: () => (this.machine.clusterVersion ?? 0) >= leaseCheckpointVersion,
      checkpoint: (checkpoints) =>
        this.propose(
          { leaseCheckpoints: { term: this.#host.term, checkpoints }, ...itself },
          20 * checkpoints.length,
        ),
    });
    this.quota = new Quota({
      bytes: options.quotaBytes,
      autoDisarm: options.autoDisarm,
      unwritten: () => this.machine.unwrittenBytes,
      raised: () => {
        const own = this.machine.alarms.find(
          ({ member, alarm }) => member === this.id && alarm === alarmType.noSpace,
        );
        return own === undefined ? undefined : own.disk === true ? 'disk' : 'quota';
      },
      alarm: (activate, cause) => {
        const room = this.disk.room();
        options.log.warn(
          { cause, quota: options.quotaBytes, free: room?.free },
          activate ? 'out of space' : 'there is room again',
        );
        return this.alarm(activate, { member: this.id, alarm: alarmType.noSpace, disk: cause === 'disk' });
      },
      room: () => this.disk.room(),
      stuck: () => this.disk.isBroken || this.#wal?.isFull === true,
      refused: () => this.machine.alarms.length > 0 && this.machine.isFull,
    });
    this.#transport = this.#platform.network({
      cluster: cluster.id,
      member: this.id,
      tls: options.peerTls,
      log: options.log,
      onFrame: (from, frame) => this.#frame(from, frame),
      onConnected: (peer) => {
        this.#agreement.connected(peer);
        this.#proposals.retry();
      },
      onClosed: (peer) => this.#peerClosed(peer),
      onBulk: (from) =>
        receiveSnapshot({
          disk: this.disk,
          from,
          member: this.id,
          appliedIndex: () => this.machine.appliedIndex,
          step: (message) => this.#host.step({ type: 'message', message })?.installSnapshot !== undefined,
        }),
      urls: cluster.self.peerUrls,
      onCalled: (from, urls) => this.membership.called(from, urls),
      isRemoved: (id) => this.machine.removed.has(id),
      onRemoved: (by) => this.membership.removedBy(by),
      roster: () => this.membership.roster(),
      onBytes: (peer, direction, bytes) => {
        if (direction === 'sent') this.#metrics?.sentBytes.inc({ To: peer }, bytes);
        else this.#metrics?.receivedBytes.inc({ From: peer }, bytes);
      },
    });
    const host = (): RaftHost => this.#host;
    this.#forwarding = new Forwarding({
      host,
      send: (to, frame) => this.#transport.send(to, frame),
      refused: (id, term) => this.#proposals.refused(id, term),
    });
    this.#tenure = new Tenure({
      clock,
      host,
      connected: (peer) => this.#transport.connected(peer),
      transferMs: () => this.pace.electionMs * 2,
    });
    this.membership = new Membership({
      cluster,
      clock,
      host,
      machine: this.machine,
      transport: this.#transport,
      proposer: this.#proposals.proposer,
      strictness: { strict: options.strictReconfig ?? true, maxLearners: options.maxLearners ?? 1 },
      timeoutMs: requestTimeoutMs,
      log: options.log,
      onRemoved: options.onRemoved,
      bugs,
      onChanged: () => this.#tenure.changed(),
    });
    const { id, name, peerUrls } = cluster.self;
    this.#announcement = new Announcement({
      // A witness answers no clients, so none should look for it.
      attributes: { id, name, peerUrls, clientUrls: this.isWitness ? [] : options.clientUrls },
      known: () => this.machine.members.get(this.id),
      propose: (request, bytes) => this.propose(request, bytes),
    });
    this.consistency = new Consistency({
      self: this.id,
      clock,
      everyMs: options.corruptCheckMs ?? 0,
      state: () => this.machine.state,
      configuration: () => this.machine.configuration,
      name: (id) => this.memberName(id),
      leads: () => this.#host.role === 'leader' && !this.isWitness,
      send: (to, frame) => this.#transport.send(to, frame),
      barrier: () => this.barrier(),
      alarm: (id) =>
        this.alarm(true, {
          // As in later versions of etcd, which does not know who is right either.
          member: id ?? idText(0n),
          alarm: alarmType.corrupt,
          ...(id === undefined ? {} : { apart: true }),
        }),
      log: options.log,
    });
    this.#agreement = new VersionAgreement({
      self: this.id,
      range: this.versions,
      bugs,
      decided: () => this.machine.clusterVersion,
      members: () => [...this.machine.members.keys()],
      leads: () => this.#host.role === 'leader' && !this.isWitness,
      send: (to, frame) => this.#transport.send(to, frame),
      propose: (clusterVersion) => this.propose({ clusterVersion }, 100),
      log: options.log,
      failed: (error) => options.onFailure(error),
    });
    this.#sweeper = new Sweeper({
      clock,
      machine: this.machine,
      flush: () => void this.#upkeep.flush(),
    });
    this.#upkeep = new Upkeep({
      clock,
      bugs,
      host,
      machine: this.machine,
      disk: this.disk,
      quota: this.quota,
      used: () => this.#used(),
      self: this.id,
      isWitness: (id) => this.machine.configuration.witnesses?.includes(id) === true,
      transport: this.#transport,
      metrics: () => this.#metrics,
      log: options.log,
      failed: (error) => options.onFailure(error),
    });
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
    for (const endpoint of listenPeers) await this.#transport.listen(endpoint);
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
        this.#host.durable(ticket);
      },
      onFailure: (error) => this.#options.onFailure(error),
    });
    this.#wal = wal;
    const meta = await this.disk.settle(content.snapshot?.index ?? 0);
    await this.machine.load(meta);
    if (this.machine.isApart(this.id)) throw this.#apart();
    this.quota.measured(this.#used());
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
      transport: this.#transport,
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
        proven: (until) => this.#tenure.proven(until),
        applied: (index) => this.#applied(index),
        termBegan: (term) => {
          this.#proposals.termBegan(term);
          this.membership.termBegan(term);
          if (this.#host.role === 'leader' && this.#host.term === term)
            this.leases.promote(this.pace.electionMs);
        },
        configuration: (appended) => this.membership.appended(appended),
        readReady: (context, index) => this.#reads.ready(context, index),
        readRejected: (context) => this.#reads.rejected(context),
        proposalDropped: (context) => this.#forwarding.dropped(context),
        snapshotWanted: (to, message) => void this.#upkeep.sendSnapshot(to, message),
        install: async (snapshot) => {
          this.hub.suspend();
          await this.machine.suspend();
          const installed = await this.disk.install();
          if (installed.index !== snapshot.index)
            throw new Error(`snapshot ${installed.index} was received, ${snapshot.index} expected`);
          await this.machine.load(installed);
          this.hub.replaced(this.machine.state);
          this.#proposals.outcomeLost();
          this.membership.replaced();
          this.#metrics?.snapshots.inc({ direction: 'installed' });
          log.info({ index: snapshot.index, revision: this.machine.state.revision }, 'installed a snapshot');
        },
        failed: (error) => this.#options.onFailure(error),
      },
    });
    this.membership.recovered(recovered.log);
    this.#transport.begin();
    this.#host.start();
    this.consistency.start();
    this.#timers.push(
      clock.every(flushEveryMs, () => void this.#upkeep.flush()),
      clock.every(sweepEveryMs, () => this.#sweep()),
      clock.every(versionEveryMs, () => this.#agreement.look()),
    );
  }

  set metrics(metrics: StoreMetrics) {
    this.#metrics = metrics;
  }

  get host(): RaftHost {
    return this.#host;
  }

  get pending(): number {
    return this.#proposals.pending;
  }

  get leadership(): Leadership {
    return this.#tenure.now;
  }

  /** Etcd's rule: no lease may run out while an election is still going on. In seconds. */
  get minLeaseTtl(): number {
    return Math.ceil((1.5 * this.#options.electionMs) / 1000);
  }

  /** Which versions of the log this member carries out. */
  get versions(): VersionRange {
    return this.#platform.versions ?? spoken;
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
    return this.propose({ alarm: { activate, ...alarm } }, 40);
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

  /** What a witness has is its log, in memory and on disk. */
  #used(): number {
    return this.isWitness ? (this.#host?.logBytes ?? 0) : this.disk.size();
  }

  memberName(id: NodeId | null): string {
    return id === null ? '' : (this.machine.members.get(id)?.name ?? id);
  }

  /** Calls `listener` after leadership, its proof or the applied revision changed; returns how to stop that. */
  onChange(listener: () => void): () => void {
    return this.#tenure.onChange(listener);
  }

  /** Puts a request through the log and resolves with the result of applying it here. */
  propose(request: Omit<StoredRequest, 'id'>, bytes: number): Promise<object> {
    return this.#proposals.propose(request, bytes);
  }

  /** Resolves when this member's state holds everything committed before the call. */
  barrier(): Promise<void> {
    const { clock, bugs } = this.#platform;
    if (bugs.has('read-by-lease') && this.#tenure.now.leaseUntil > clock.bootTime()) return Promise.resolve();
    return this.#reads.barrier();
  }

  /** Resolves when compacted history is gone from here, or after `timeoutMs`. */
  swept(timeoutMs: number): Promise<void> {
    return this.#sweeper.done(timeoutMs);
  }

  /** Hands leadership to `target`, or to the most advanced other voter. Resolves with who was asked. */
  transfer(target?: NodeId): Promise<NodeId> {
    return this.#tenure.transfer(target);
  }

  /** Hands over if it leads, writes everything down and closes. */
  async stop(): Promise<void> {
    if (this.#host.role === 'leader' && this.machine.configuration.voters.length > 1)
      await this.transfer().catch((error: unknown) => {
        // Usual when a whole cluster is stopped: the others were gone first.
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.info({ reason }, 'stopped without handing over leadership');
      });
    this.#proposals.stop();
    this.membership.stop();
    this.#reads.stop();
    this.#host.stop();
    this.#sweeper.stop();
    this.consistency.stop();
    await this.#transport.close();
    await this.#upkeep.flush();
    await this.#close();
  }

  async #close(): Promise<void> {
    for (const end of this.#timers) end();
    await this.#transport.close();
    await this.#wal?.close();
    await this.disk.close();
  }

  #frame(from: NodeId, frame: PeerFrame): void {
    if (frame.raft !== undefined) this.#host.receive(from, frame.raft.messages);
    else if (this.membership.frame(from, frame)) return;
    else if (this.consistency.frame(from, frame)) return;
    else if (frame.speaks !== undefined) this.#agreement.told(from, frame.speaks);
    else if (frame.forward !== undefined) this.#forwarding.received(from, frame.forward);
    else if (frame.forwardRefused !== undefined)
      this.#proposals.refused(frame.forwardRefused.id, frame.forwardRefused.term);
    else if (frame.leaseCall !== undefined) {
      const { id, lease, renew } = frame.leaseCall;
      const answer = this.leases.answer(lease, renew);
      const send = (known: LeaseAnswer): boolean =>
        this.#transport.send(from, { leaseAnswer: { id, ...known } });
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
    this.#agreement.closed(peer);
    this.consistency.peerClosed(peer);
    this.#host.step({ type: 'peer-closed', peer });
  }

  #roleChanged(role: Role, term: number, leader: NodeId | null): void {
    const { log } = this.#options;
    log.info({ role, term, leader: this.memberName(leader) }, 'role changed');
    if (leader !== null) this.#metrics?.leaderChanges.inc();
    // A new leader begins to count once it has applied an entry of its own: an end of a lease may come before that.
    this.leases.demote();
    if (role === 'leader' && this.#platform.bugs.has('renewed-before-applied'))
      this.leases.promote(this.pace.electionMs);
    if (leader !== null) this.#platform.clock.soon(() => this.#proposals.retry());
    this.#tenure.roleChanged();
    if (leader !== null) this.#announcement.make();
  }

  #applied(index: number): void {
    this.#reads.applied(index);
    // Written down first, so that the next start knows it, too.
    if (this.isCorrupt && this.machine.isApart(this.id))
      void this.#upkeep.flush().then(() => this.#options.onFailure(this.#apart()));
    if (this.machine.flushIsDue) void this.#upkeep.flush();
    this.#sweeper.poke();
    this.#tenure.changed();
  }

  #sweep(): void {
    this.#proposals.sweep();
    this.membership.sweep();
    this.#proposals.retry();
    this.#reads.sweep();
    this.leases.sweep();
    // Files also shrink by themselves, when nothing is written any more.
    if (this.quota.waitsForRoom) this.quota.measured(this.#used());
    this.quota.look();
    if (this.#host.leader !== null) this.#announcement.make();
  }
}
