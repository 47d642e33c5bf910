/**
 * The life of one member, from recovery to its end, and what happens in turn of time: frames that come, roles that
 * change, entries that are applied. What the member consists of is put together in member-parts.ts.
 */
import type { NodeId, Role } from '@timonier/raft';
import { RaftHost } from './host.ts';
import type { LeaseAnswer } from './lease-clocks.ts';
import type { MemberOptions } from './member-options.ts';
import { assemble, type MemberParts } from './member-parts.ts';
import type { StoreMetrics } from './metrics.ts';
import type { PeerFrame } from './peer-wire.ts';
import type { Platform, Storage } from './platform.ts';
import { openPromiseCover } from './promise-file.ts';
import { rejoinAdvice } from './recover-advice.ts';
import { recover } from './recover.ts';
import { StateCorruptError } from './state-seal.ts';
import { pacedInstalling } from './transfer-pace.ts';
import { Wal } from './wal.ts';

const tendEveryMs = 1_000;
const sweepEveryMs = 100;
const versionEveryMs = 500;

export class MemberLife {
  readonly id: NodeId;
  readonly parts: MemberParts;
  /** Where it is measured what happens; undefined until somebody measures. */
  metrics: StoreMetrics | undefined;
  readonly #options: MemberOptions;
  readonly #platform: Platform;
  readonly #storage: Storage;
  #host!: RaftHost;
  #wal: Wal | undefined;
  /** How to end what is done again and again. */
  #timers: (() => void)[] = [];

  constructor(options: MemberOptions, platform: Platform) {
    this.#options = options;
    this.#platform = platform;
    this.#storage = platform.storage(options.dataDir);
    this.id = options.cluster.self.id;
    this.parts = assemble(options, platform, this.#storage, {
      began: () => this.#host !== undefined,
      host: () => this.#host,
      wal: () => this.#wal,
      metrics: () => this.metrics,
      frame: (from, frame) => this.#frame(from, frame),
      peerClosed: (peer) => this.#peerClosed(peer),
    });
  }

  /** There once `start` has recovered what the log holds. */
  get host(): RaftHost {
    return this.#host;
  }

  get isWitness(): boolean {
    return this.#options.witness === true;
  }

  /** Whether nothing may be read here: of this member, or of all. */
  get isCorrupt(): boolean {
    const { machine } = this.parts;
    return machine.alarms.length > 0 && (machine.isCorrupt || machine.isApart(this.id));
  }

  /** Recovers from the data directory, listens for peers and joins the group. Rejects when it cannot, with all closed. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      // What was opened so far, a thread among it, would keep the process alive.
      await this.#close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { cluster, listenPeers, electionMs, maxElectionMs, log } = this.#options;
    const storage = this.#storage;
    const { machine, disk, transport, pace, hub, membership } = this.parts;
    const { clock, bugs } = this.#platform;
    storage.claim(cluster, this.isWitness);
    // The port comes first: a second process on the same data must fail before it touches anything.
    for (const endpoint of listenPeers) await transport.listen(endpoint);
    // Opened before the log, which a second process must not even read.
    await disk.open();
    const earlierLifeEnded = clock.now();
    const { wal, content } = Wal.open({
      ...storage.log,
      folder: storage.log.disk.folder,
      now: clock.now,
      bugs,
      onDurable: (ticket, ms) => {
        this.metrics?.walSync.observe(ms / 1000);
        this.#host.durable(ticket, ms);
      },
      onFailure: (error) => this.#options.onFailure(error),
    });
    this.#wal = wal;
    const meta = await disk.settle(content.snapshot?.index ?? 0);
    await machine.load(meta);
    if (machine.isApart(this.id)) throw this.#apart();
    hub.replaced(machine.state);
    const recovered = recover(content, meta, machine.configuration);
    log.info(
      {
        member: this.id,
        cluster: cluster.id,
        applied: machine.appliedIndex,
        lastIndex: recovered.log.lastIndex(),
        term: recovered.hardState.term,
        revision: machine.state.revision,
      },
      'recovered',
    );
    const { cover, earlierMs } = await openPromiseCover(storage.promises, {
      fresh: content.empty,
      usualMs: pace.promiseMs,
      ceilingMs: Math.max(electionMs, maxElectionMs),
    });
    this.#host = new RaftHost({
      id: this.id,
      log: recovered.log,
      hardState: bugs.has('vote-forgotten') ? { ...recovered.hardState, vote: null } : recovered.hardState,
      configuration: machine.configuration,
      machine,
      wal,
      transport,
      pace,
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
        proven: (until) => this.parts.tenure.proven(until),
        applied: (index) => this.#applied(index),
        termBegan: (term) => {
          this.parts.proposals.termBegan(term);
          membership.termBegan(term);
          if (this.#host.role === 'leader' && this.#host.term === term) this.parts.leases.promote();
        },
        configuration: (appended) => membership.appended(appended),
        readReady: (context, index) => this.parts.reads.ready(context, index),
        readRejected: (context) => this.parts.reads.rejected(context),
        proposalDropped: (context) => this.parts.forwarding.dropped(context),
        snapshotWanted: (to, message) => void this.parts.upkeep.sendSnapshot(to, message),
        install: (snapshot) => this.#install(snapshot),
        roundTrip: (peer, ms) => this.metrics?.peers.answered(peer, ms),
        failed: (error) => this.#options.onFailure(error),
      },
    });
    membership.recovered(recovered.log);
    transport.begin();
    this.#host.start();
    this.parts.consistency.start();
    this.#timers.push(
      clock.every(tendEveryMs, () => void this.parts.upkeep.tend().then(() => this.parts.upkeep.reclaim())),
      clock.every(sweepEveryMs, () => this.#sweep()),
      clock.every(versionEveryMs, () => this.parts.agreement.look()),
    );
  }

  /** Puts a received state in the place of this one, and tells everybody who counts on what is applied. */
  async #install(snapshot: { readonly index: number }): Promise<void> {
    const { hub, machine, disk, proposals, membership } = this.parts;
    hub.suspend();
    await machine.suspend();
    const installed = await disk.install();
    if (installed.index !== snapshot.index)
      throw new Error(`snapshot ${installed.index} was received, ${snapshot.index} expected`);
    await machine.load(installed, (chunks) => pacedInstalling(chunks, this.#platform.clock));
    hub.replaced(machine.state);
    proposals.outcomeLost();
    membership.replaced();
    this.metrics?.snapshots.inc({ direction: 'installed' });
    this.#options.log.info(
      { index: snapshot.index, revision: machine.state.revision },
      'installed a snapshot',
    );
  }

  /** Hands over if it leads, writes everything down and closes. */
  async stop(): Promise<void> {
    if (this.#host.role === 'leader' && this.parts.machine.configuration.voters.length > 1)
      await this.parts.tenure.transfer().catch((error: unknown) => {
        // Usual when a whole cluster is stopped: the others were gone first.
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.info({ reason }, 'stopped without handing over leadership');
      });
    this.parts.tenure.end();
    this.parts.proposals.stop();
    this.parts.membership.stop();
    this.parts.reads.stop();
    this.#host.stop();
    this.parts.sweeper.stop();
    this.parts.consistency.stop();
    await this.parts.transport.close();
    await this.parts.upkeep.flush();
    await this.#close();
  }

  async #close(): Promise<void> {
    for (const end of this.#timers) end();
    await this.parts.transport.close();
    await this.#wal?.close();
    await this.parts.disk.close();
  }

  #apart(): StateCorruptError {
    return new StateCorruptError(
      `${this.parts.nameOf(this.id)} (${this.id}) holds other data than a majority of the members (alarm CORRUPT): ${rejoinAdvice}`,
    );
  }

  #frame(from: NodeId, frame: PeerFrame): void {
    if (frame.raft !== undefined) this.#host.receive(from, frame.raft.messages);
    else if (this.parts.membership.frame(from, frame)) return;
    else if (this.parts.consistency.frame(from, frame)) return;
    else if (frame.speaks !== undefined) this.parts.agreement.told(from, frame.speaks);
    else if (frame.forward !== undefined) this.parts.forwarding.received(from, frame.forward);
    else if (frame.forwardRefused !== undefined)
      this.parts.proposals.refused(frame.forwardRefused.id, frame.forwardRefused.term);
    else if (frame.leaseCall !== undefined) {
      const { id, lease, renew } = frame.leaseCall;
      const answer = this.parts.leases.answer(lease, renew);
      const send = (known: LeaseAnswer): boolean =>
        this.parts.transport.send(from, { leaseAnswer: { id, ...known } });
      if (answer instanceof Promise) void answer.then(send);
      else send(answer);
    } else if (frame.leaseAnswer !== undefined) {
      const { id, remainingMs, grantedTtl } = frame.leaseAnswer;
      this.parts.leases.answered(id, { remainingMs, grantedTtl });
    }
  }

  #peerClosed(peer: NodeId): void {
    this.#options.log.info({ peer }, 'peer connection closed');
    this.metrics?.peers.disconnected(peer);
    this.parts.leases.peerClosed(peer);
    this.parts.agreement.closed(peer);
    this.parts.consistency.peerClosed(peer);
    this.#host.step({ type: 'peer-closed', peer });
  }

  #roleChanged(role: Role, term: number, leader: NodeId | null): void {
    const { log } = this.#options;
    log.info({ role, term, leader: this.parts.nameOf(leader) }, 'role changed');
    if (leader !== null) this.metrics?.leaderChanges.inc();
    // A new leader begins to count once it has applied an entry of its own: an end of a lease may come before that.
    this.parts.leases.demote();
    if (role === 'leader' && this.#platform.bugs.has('renewed-before-applied')) this.parts.leases.promote();
    if (leader !== null) this.#platform.clock.soon(() => this.parts.proposals.retry());
    this.parts.tenure.roleChanged();
    if (leader !== null) this.parts.announcement.make();
  }

  #applied(index: number): void {
    this.parts.hub.handOut();
    this.parts.reads.applied(index);
    // Written down first, so that the next start knows it, too.
    if (this.isCorrupt && this.parts.machine.isApart(this.id))
      void this.parts.upkeep.flush().then(() => this.#options.onFailure(this.#apart()));
    if (this.parts.machine.flushIsDue) void this.parts.upkeep.flush();
    this.parts.sweeper.poke();
    this.parts.tenure.changed();
  }

  #sweep(): void {
    this.parts.proposals.sweep();
    this.parts.membership.sweep();
    this.parts.proposals.retry();
    this.parts.reads.sweep();
    this.parts.leases.sweep();
    this.parts.quota.look();
    if (this.#host.leader !== null) this.parts.announcement.make();
  }
}
