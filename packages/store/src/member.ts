/**
 * One member of the store, without its client API: log, state, consensus, peers, leases and watches put together.
 *
 * `propose`, `barrier` and the lease calls work on every member; what only the leader can do is forwarded.
 */
import { join } from 'node:path';
import { bootTimeMs } from '@timonier/linux/clock';
import type { NodeId, Role } from '@timonier/raft';
import { claimDataDir, type Endpoint, idNumber, type InitialCluster, parseUrl } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import { etcdError } from './errors.ts';
import { type HostLog, RaftHost } from './host.ts';
import { LeaseClocks } from './lease-clocks.ts';
import type { StoreMetrics } from './metrics.ts';
import { Pace } from './pace.ts';
import type { PeerFrame } from './peer-wire.ts';
import { Proposals } from './proposals.ts';
import { Quota } from './quota.ts';
import { Reads } from './reads.ts';
import { recover } from './recover.ts';
import { receiveSnapshot, sendSnapshot } from './snapshot.ts';
import { StateDisk, type StoredMember } from './state-disk.ts';
import { StateMachine } from './state-machine.ts';
import { type PeerTls, Transport } from './transport.ts';
import { alarmType } from './types.ts';
import { Wal } from './wal.ts';
import { WatchHub } from './watch.ts';

export interface MemberOptions {
  readonly cluster: InitialCluster;
  readonly dataDir: string;
  readonly listenPeers: readonly Endpoint[];
  readonly peerTls: PeerTls | undefined;
  readonly clientUrls: readonly string[];
  readonly heartbeatMs: number;
  /** Silence that ends loyalty to a leader on a quiet machine, and at most, when everything is slow. */
  readonly electionMs: number;
  readonly maxElectionMs: number;
  readonly trailingEntries: number;
  /** Bytes on disk beyond which the store takes nothing more in; Infinity for no bound. */
  readonly quotaBytes: number;
  /** Whether a member takes its alarm back by itself once there is room again. */
  readonly autoDisarm: boolean;
  readonly log: HostLog;
  readonly onFailure: (error: Error) => void;
}

export interface Leadership {
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId | null;
  /** Until when this member's leadership is proven, CLOCK_BOOTTIME in milliseconds; 0 when it does not lead. */
  readonly leaseUntil: number;
}

const flushEveryMs = 1_000;
const sweepEveryMs = 100;
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
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #transport: Transport;
  readonly #listeners = new Set<() => void>();
  readonly pace: Pace;
  #host!: RaftHost;
  #wal: Wal | undefined;
  #metrics: StoreMetrics | undefined;
  #provenUntil = 0;
  #handingOver = false;
  #timers: NodeJS.Timeout[] = [];
  #nextContext = 1;
  #contexts = new Map<number, { from: NodeId | undefined; id: number }>();
  #announced = false;
  #sending = new Set<NodeId>();

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.id = options.cluster.self.id;
    this.clusterId = idNumber(options.cluster.id);
    this.memberId = idNumber(this.id);
    const { heartbeatMs, electionMs, maxElectionMs } = options;
    this.pace = new Pace({
      heartbeatMs,
      floorMs: electionMs,
      ceilingMs: Math.max(electionMs, maxElectionMs),
    });
    const now = (): number => performance.now();
    this.#proposals = new Proposals({
      timeoutMs: requestTimeoutMs,
      limit: maxPending,
      now,
      submit: (batch) => this.#submit(batch.id, batch.data),
    });
    this.#reads = new Reads({
      timeoutMs: requestTimeoutMs,
      now,
      appliedIndex: () => this.machine.appliedIndex,
      start: (context) => this.#host.step({ type: 'read', context, now: bootTimeMs() }),
    });
    this.disk = new StateDisk(options.dataDir);
    const { cluster } = options;
    this.machine = new StateMachine({
      disk: this.disk,
      cluster: cluster.id,
      configuration: { voters: cluster.members.map(({ id }) => id).toSorted(), learners: [] },
      members: cluster.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
      onResult: (proposer, id, result) => {
        if (proposer === this.#proposals.proposer) this.#proposals.applied(id, result);
      },
      onRevisions: (from, to) => this.hub.revisions(from, to),
      onCompacted: () => undefined,
      onLease: (id, change) => {
        if (change === 'granted') this.leases.granted(id);
        else this.leases.revoked(id);
      },
    });
    this.hub = new WatchHub(this.machine.state);
    this.leases = new LeaseClocks({
      timeoutMs: requestTimeoutMs,
      leader: () => this.#host.leader,
      leads: () => this.#host.role === 'leader',
      leases: () => this.machine.state.leases,
      send: (to, frame) => this.#transport.send(to, frame),
      revoke: (id) => this.propose({ leaseRevoke: { ID: id } }, 40),
    });
    this.quota = new Quota({
      bytes: options.quotaBytes,
      autoDisarm: options.autoDisarm,
      unwritten: () => this.machine.unwrittenBytes,
      raised: () =>
        this.machine.alarms.some(({ member, alarm }) => member === this.id && alarm === alarmType.noSpace),
      alarm: (activate) => {
        options.log.warn({ quota: options.quotaBytes }, activate ? 'out of space' : 'there is room again');
        return this.alarm(activate, this.id, alarmType.noSpace);
      },
    });
    this.#transport = new Transport({
      cluster: cluster.id,
      member: this.id,
      tls: options.peerTls,
      log: options.log,
      onFrame: (from, frame) => this.#frame(from, frame),
      onConnected: () => this.#proposals.retry(),
      onClosed: (peer) => this.#peerClosed(peer),
      onBulk: (from) =>
        receiveSnapshot({
          disk: this.disk,
          from,
          member: this.id,
          appliedIndex: () => this.machine.appliedIndex,
          step: (message) => this.#host.step({ type: 'message', message }),
        }),
      onBytes: (peer, direction, bytes) => {
        if (direction === 'sent') this.#metrics?.sentBytes.inc({ To: peer }, bytes);
        else this.#metrics?.receivedBytes.inc({ From: peer }, bytes);
      },
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
    const { cluster, dataDir, listenPeers, log } = this.#options;
    claimDataDir(dataDir, cluster);
    // The port comes first: a second process on the same data must fail before it touches anything.
    for (const endpoint of listenPeers) await this.#transport.listen(endpoint);
    // Opened before the log, which a second process must not even read.
    await this.disk.open();
    const walFolder = join(dataDir, 'wal');
    const { wal, content } = Wal.open({
      folder: walFolder,
      onDurable: (ticket, ms) => {
        this.#metrics?.walSync.observe(ms / 1000);
        this.#host.durable(ticket);
      },
      onFailure: (error) => this.#options.onFailure(error),
    });
    this.#wal = wal;
    const meta = await this.disk.settle(content.snapshot?.index ?? 0);
    await this.machine.load(meta);
    this.quota.measured(this.disk.size());
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
    this.#host = new RaftHost({
      id: this.id,
      log: recovered.log,
      hardState: recovered.hardState,
      configuration: this.machine.configuration,
      machine: this.machine,
      wal,
      transport: this.#transport,
      pace: this.pace,
      restarted: !content.empty,
      trailingEntries: this.#options.trailingEntries,
      now: bootTimeMs,
      logger: log,
      events: {
        role: (role, term, leader) => this.#roleChanged(role, term, leader),
        proven: (until) => {
          this.#provenUntil = Math.max(this.#provenUntil, until);
          this.#changed();
        },
        applied: (index) => this.#applied(index),
        termBegan: (term) => this.#proposals.termBegan(term),
        readReady: (context, index) => this.#reads.ready(context, index),
        readRejected: (context) => this.#reads.rejected(context),
        proposalDropped: (context) => this.#dropped(context),
        snapshotWanted: (to, message) => void this.#sendSnapshot(to, message),
        install: async (snapshot) => {
          this.hub.suspend();
          await this.machine.suspend();
          const installed = await this.disk.install();
          if (installed.index !== snapshot.index)
            throw new Error(`snapshot ${installed.index} was received, ${snapshot.index} expected`);
          await this.machine.load(installed);
          this.hub.replaced(this.machine.state);
          this.#proposals.outcomeLost();
          this.#metrics?.snapshots.inc({ direction: 'installed' });
          log.info({ index: snapshot.index, revision: this.machine.state.revision }, 'installed a snapshot');
        },
        failed: (error) => this.#options.onFailure(error),
      },
    });
    for (const peer of cluster.members) {
      const url = peer.peerUrls[0];
      if (peer.id !== this.id && url !== undefined)
        this.#transport.addPeer(peer.id, parseUrl('peer URL', url));
    }
    this.#transport.begin();
    this.#host.start();
    this.#timers.push(
      setInterval(() => void this.#flush(), flushEveryMs),
      setInterval(() => this.#sweep(), sweepEveryMs),
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
    const { role, term, leader } = this.#host;
    const leads = role === 'leader' && !this.#handingOver;
    return { role, term, leader, leaseUntil: leads ? this.#provenUntil : 0 };
  }

  /** Etcd's rule: no lease may run out while an election is still going on. In seconds. */
  get minLeaseTtl(): number {
    return Math.ceil((1.5 * this.#options.electionMs) / 1000);
  }

  /** Raises an alarm of a member, or takes it back. */
  alarm(activate: boolean, member: NodeId, alarm: number): Promise<object> {
    return this.propose({ alarm: { activate, member, alarm } }, 40);
  }

  get members(): readonly StoredMember[] {
    return [...this.machine.members.values()];
  }

  memberName(id: NodeId | null): string {
    return id === null ? '' : (this.machine.members.get(id)?.name ?? id);
  }

  /** Calls `listener` after leadership, its proof or the applied revision changed; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Puts a request through the log and resolves with the result of applying it here. */
  propose(request: Omit<StoredRequest, 'id'>, bytes: number): Promise<object> {
    return this.#proposals.propose(request, bytes);
  }

  /** Resolves when this member's state holds everything committed before the call. */
  barrier(): Promise<void> {
    return this.#reads.barrier();
  }

  /** Hands leadership to `target`, or to the most advanced other voter. Resolves with who was asked. */
  async transfer(target?: NodeId): Promise<NodeId> {
    if (this.#host.role !== 'leader') throw etcdError.notLeader();
    const { progress } = this.#host.status;
    const candidates = [...progress]
      .filter(([id, peer]) => peer.voter && this.#transport.connected(id))
      .sort(([, a], [, b]) => b.match - a.match);
    const to = target ?? candidates[0]?.[0];
    if (to === undefined || !progress.has(to)) throw etcdError.badLeaderTransferee();
    // The proof of leadership is withdrawn first: nobody may act on it while another takes over.
    this.#handingOver = true;
    this.#changed();
    this.#host.step({ type: 'transfer', target: to });
    const deadline = performance.now() + this.pace.electionMs * 2;
    try {
      while (this.#host.role === 'leader' || this.#host.leader === null) {
        if (performance.now() > deadline) throw etcdError.timeout();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } finally {
      this.#handingOver = false;
      this.#changed();
    }
    return to;
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
    this.#reads.stop();
    this.#host.stop();
    await this.#transport.close();
    await this.#flush();
    await this.#close();
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#transport.close();
    await this.#wal?.close();
    await this.disk.close();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #submit(id: number, data: Buffer): number | undefined {
    const { role, leader, term } = this.#host;
    if (role === 'leader') {
      const context = this.#context(undefined, id);
      // The answer to a refusal looks for the batch, which is on record only after this returns.
      queueMicrotask(() => this.#host.step({ type: 'propose', entries: [{ data }], context }));
      return term;
    }
    if (leader === null) return undefined;
    return this.#transport.send(leader, { forward: { id, data, term } }) ? term : undefined;
  }

  #context(from: NodeId | undefined, id: number): number {
    const context = this.#nextContext++;
    this.#contexts.set(context, { from, id });
    // Only the newest can still be refused: refusals are synchronous.
    if (this.#contexts.size > 1_024) {
      const oldest = this.#contexts.keys().next().value;
      if (oldest !== undefined) this.#contexts.delete(oldest);
    }
    return context;
  }

  #dropped(context: number): void {
    const origin = this.#contexts.get(context);
    if (origin === undefined) return;
    this.#contexts.delete(context);
    if (origin.from === undefined) this.#proposals.refused(origin.id);
    else this.#transport.send(origin.from, { forwardRefused: { id: origin.id } });
  }

  #frame(from: NodeId, frame: PeerFrame): void {
    if (frame.raft !== undefined) this.#host.receive(from, frame.raft.messages);
    else if (frame.forward !== undefined) {
      const { id, data, term } = frame.forward;
      if (this.#host.role !== 'leader' || this.#host.term !== term)
        this.#transport.send(from, { forwardRefused: { id } });
      else this.#host.step({ type: 'propose', entries: [{ data }], context: this.#context(from, id) });
    } else if (frame.forwardRefused !== undefined) this.#proposals.refused(frame.forwardRefused.id);
    else if (frame.leaseCall !== undefined) {
      const { id, lease, renew } = frame.leaseCall;
      this.#transport.send(from, { leaseAnswer: { id, ...this.leases.answer(lease, renew) } });
    } else if (frame.leaseAnswer !== undefined) {
      const { id, remainingMs, grantedTtl } = frame.leaseAnswer;
      this.leases.answered(id, { remainingMs, grantedTtl });
    }
  }

  #peerClosed(peer: NodeId): void {
    this.#options.log.info({ peer }, 'peer connection closed');
    this.leases.peerClosed(peer);
    this.#host.step({ type: 'peer-closed', peer });
  }

  #roleChanged(role: Role, term: number, leader: NodeId | null): void {
    const { log } = this.#options;
    log.info({ role, term, leader: this.memberName(leader) }, 'role changed');
    if (leader !== null) this.#metrics?.leaderChanges.inc();
    this.#provenUntil = 0;
    if (role === 'leader') {
      this.leases.promote(this.pace.electionMs);
    } else this.leases.demote();
    if (leader !== null) setImmediate(() => this.#proposals.retry());
    this.#changed();
    if (leader !== null) this.#announce();
  }

  /** Tells the others this member's client addresses, once after each start. */
  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    const { self } = this.#options.cluster;
    const memberAttributes = {
      id: self.id,
      name: self.name,
      peerUrls: self.peerUrls,
      clientUrls: this.#options.clientUrls,
    };
    const known = this.machine.members.get(self.id);
    if (JSON.stringify(known?.clientUrls) === JSON.stringify(memberAttributes.clientUrls)) return;
    this.propose({ memberAttributes }, 200).catch(() => {
      this.#announced = false;
    });
  }

  #applied(index: number): void {
    this.#reads.applied(index);
    if (this.machine.flushIsDue) void this.#flush();
    this.#changed();
  }

  #sweep(): void {
    this.#proposals.sweep();
    this.#proposals.retry();
    this.#reads.sweep();
    this.leases.sweep();
    // Files also shrink by themselves, when nothing is written any more.
    if (this.quota.waitsForRoom) this.quota.measured(this.disk.size());
    if (!this.#announced && this.#host.leader !== null) this.#announce();
  }

  async #flush(): Promise<void> {
    try {
      const begin = performance.now();
      const before = this.machine.flushed.index;
      await this.machine.flush(this.#host.durableIndex);
      if (this.machine.flushed.index === before) return;
      this.quota.measured(this.disk.size());
      this.#metrics?.backendCommit.observe((performance.now() - begin) / 1000);
      this.#host.compact();
    } catch (error) {
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #sendSnapshot(to: NodeId, message: Parameters<typeof sendSnapshot>[0]['message']): Promise<void> {
    if (this.#sending.has(to)) return;
    this.#sending.add(to);
    const { log } = this.#options;
    try {
      await this.#flush();
      const records = await sendSnapshot({ to, message, disk: this.disk, transport: this.#transport });
      this.#metrics?.snapshots.inc({ direction: 'sent' });
      log.info({ to, records }, 'sent a snapshot');
      this.#host.step({ type: 'snapshot-sent', peer: to });
    } catch (error) {
      log.warn({ err: error, to }, 'snapshot was not sent');
      this.#host.step({ type: 'snapshot-failed', peer: to });
    } finally {
      this.#sending.delete(to);
    }
  }
}
