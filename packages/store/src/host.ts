/**
 * Gives the consensus core a disk, a network and a clock: steps it with everything that happens and carries out the
 * effects in the order it asks for (see `@timonier/raft` types.ts).
 *
 * Runs entirely on one thread; the log's `fdatasync` is in a thread of its own. Invariant: a message that speaks for
 * something durable leaves only after the ticket of that write came back.
 */
import {
  type AcceptedProposal,
  type Configuration,
  type DropReason,
  type Effects,
  type HardState,
  type Entry,
  type Input,
  type Message,
  type MemoryLog,
  type NodeId,
  type Mutation,
  type RaftLog,
  RaftNode,
  type RaftStatus,
  type Role,
  type SnapshotDescriptor,
} from '@timonier/raft';
import { LogBudget } from './bounded-log.ts';
import type { Clock } from './clock.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { LeaderLease } from './leader-lease.ts';
import type { Pace } from './pace.ts';
import { type Outgoing, Outbox } from './outbox.ts';
import { fromWire, type WireMessage } from './peer-wire.ts';
import type { PromiseCover } from './promise-cover.ts';
import type { StateMachine } from './state-machine.ts';
import type { Network } from './platform.ts';
import type { Wal } from './wal.ts';

export interface HostLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Pipeline {
  readonly maxInflight: number;
  readonly maxAppendBytes: number;
}

export interface HostOptions {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly hardState: HardState;
  readonly configuration: Configuration;
  readonly machine: StateMachine;
  readonly wal: Wal;
  readonly transport: Network;
  readonly pace: Pace;
  /** Bounds promises by what is recorded of them. */
  readonly cover: PromiseCover;
  /** For how long promises of an earlier life may still hold. */
  readonly abstainMs: number;
  /** Entries kept behind the state for followers that lag. */
  readonly trailingEntries: number;
  /** Whether this member keeps the log and no state. */
  readonly isWitness?: boolean;
  readonly clock: Clock;
  readonly logger: HostLog;
  readonly events: HostEvents;
  readonly bugs?: KnownBugs;
  /** How much may be on its way to one follower; see `RaftOptions`. */
  readonly pipeline?: Pipeline;
  /** Sees what the core asks for once the log holds it, before anything of it leaves or is applied. */
  readonly observe?: (effects: Effects) => void;
}

export interface HostEvents {
  /** Role, term or leader changed. */
  readonly role: (role: Role, term: number, leader: NodeId | null) => void;
  /** Nobody else can lead before `until`, in milliseconds of `clock.bootTime`. */
  readonly proven: (until: number) => void;
  readonly applied: (index: number) => void;
  /** Another configuration is in force, perhaps by one of the entries that were just appended. */
  readonly configuration: (appended: readonly Entry[]) => void;
  /** The first entry of a term was applied. */
  readonly termBegan: (term: number) => void;
  readonly readReady: (context: number, index: number) => void;
  readonly readRejected: (context: number) => void;
  readonly proposalDropped: (context: number) => void;
  /** A snapshot is needed by a member. */
  readonly snapshotWanted: (to: NodeId, message: Extract<Message, { type: 'snapshot' }>) => void;
  /** A received snapshot is durable in the log: put it in the place of the state. */
  readonly install: (snapshot: SnapshotDescriptor) => Promise<void>;
  /** Going on could lose data. */
  readonly failed: (error: Error) => void;
}

interface Held {
  readonly ticket: number;
  readonly persist: { readonly index: number; readonly term: number } | undefined;
  /** Highest entry this write makes durable; lowered when a later one replaces it. */
  lastIndex: number;
  readonly messages: Outgoing[];
  readonly install: SnapshotDescriptor | undefined;
}

const applyBudgetMs = 8;
/** How soon entries are tried again that wait for the state to be readable. */
const unreadableMs = 10;
const trailingBytes = 32 * 1024 * 1024;
/** For followers that are taking a whole state in. */
const heldBytes = 256 * 1024 * 1024;
const stallMs = 1_500;

export class RaftHost {
  readonly #o: HostOptions;
  readonly #node: RaftNode;
  readonly #budget: LogBudget;
  #held: Held[] = [];
  #commit: number;
  #durable: number;
  #applying = false;
  #installing = false;
  #stopped = false;
  #cancelTick: (() => void) | undefined;
  #stalled = false;
  #role: Role = 'follower';
  #term: number;
  #leader: NodeId | null = null;
  #configuration: Configuration;
  readonly #lease = new LeaderLease();
  /** When the newest round was sent that a majority answered, by `clock.bootTime`. */
  #provenAt = -Infinity;
  readonly #outbox: Outbox;

  constructor(options: HostOptions) {
    this.#o = options;
    this.#outbox = new Outbox({
      pace: options.pace,
      promiseMs: () => this.#promiseMs,
      send: (to, bytes) => options.transport.sendEncoded(to, bytes),
      clock: options.clock,
    });
    this.#commit = options.hardState.commit;
    this.#durable = options.log.lastIndex();
    this.#term = options.hardState.term;
    this.#budget = new LogBudget(options.log);
    this.#node = new RaftNode({
      id: options.id,
      log: options.log,
      hardState: options.hardState,
      configuration: options.configuration,
      applied: options.machine.appliedIndex,
      electionTicks: options.pace.electionTicks,
      heartbeatTicks: options.pace.heartbeatTicks,
      abstainTicks: options.configuration.voters.length > 1 ? options.pace.ticksBeyond(options.abstainMs) : 0,
      random: options.clock.random,
      maxInflight: options.pipeline?.maxInflight ?? 256,
      maxAppendBytes: options.pipeline?.maxAppendBytes ?? 1024 * 1024,
      mutations: (options.bugs ?? noBugs) as ReadonlySet<Mutation>,
    });
    this.#configuration = this.#node.status.configuration;
  }

  get role(): Role {
    return this.#role;
  }

  get #promiseMs(): number {
    return Math.min(this.#o.pace.promiseMs, this.#o.cover.boundMs);
  }

  get term(): number {
    return this.#term;
  }

  get leader(): NodeId | null {
    return this.#leader;
  }

  /** The configuration in force, which may still be replaced. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Bytes of the log entries that are held. */
  get logBytes(): number {
    return this.#budget.bytes;
  }

  /** How much is used of the room that the log has while others take a state in, from 0 to 1. */
  get heldLogUsed(): number {
    return Math.max(0, this.#budget.bytes - trailingBytes) / (heldBytes - trailingBytes);
  }

  /** Milliseconds since this leader last asked a majority that then agreed; Infinity when none did. */
  get provenAgoMs(): number {
    return this.#o.clock.bootTime() - this.#provenAt;
  }

  /** After so many ticks of silence a member counts as lost. */
  get electionTicks(): number {
    return this.#o.pace.electionTicks;
  }

  get status(): RaftStatus {
    return this.#node.status;
  }

  get commitIndex(): number {
    return this.#commit;
  }

  /** The log as it is now; not to be changed. */
  get log(): RaftLog {
    return this.#o.log;
  }

  /** Every entry up to here is on this member's disk. */
  get durableIndex(): number {
    return this.#durable;
  }

  /** Begins ticking. A member that is alone does not wait for an election timeout. */
  start(): void {
    this.#apply();
    if (this.#o.configuration.voters.length === 1) this.step({ type: 'campaign' });
    this.#tick();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
  }

  /** Feeds the core and carries out what it asks for. Returns that, unless this member is over. */
  step(input: Input): Effects | undefined {
    if (this.#stopped) return undefined;
    let effects: Effects;
    try {
      effects = this.#node.step(input);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
    this.#carryOut(effects);
    return effects;
  }

  /** Proposes what `encodeConfiguration` made; says where in the log it went, or why it was not taken. */
  reconfigure(data: Uint8Array): AcceptedProposal | DropReason {
    const effects = this.step({ type: 'propose', entries: [{ type: 'config', data }] });
    return effects?.accepted ?? effects?.droppedProposals[0]?.reason ?? 'not-leader';
  }

  receive(from: NodeId, messages: readonly WireMessage[]): void {
    const now = this.#o.clock.now();
    for (const wire of messages) {
      const message = fromWire(wire, from, this.#o.id);
      this.#observe(message, wire, now);
      this.step({ type: 'message', message });
    }
  }

  /** What a message says about time, which the core does not look at. */
  #observe(message: Message, wire: WireMessage, now: number): void {
    const { pace } = this.#o;
    if (message.type === 'heartbeat-response') {
      if (this.#role !== 'leader' || message.term !== this.#term) return;
      this.#lease.answered(message.from, message.round, wire.loyalMs ?? 0);
      pace.answered(message.round, now);
    } else if (message.type === 'heartbeat' || message.type === 'append' || message.type === 'commit') {
      if (message.term >= this.#term) pace.heard(message.from, message.term, now, wire.delayMs);
    }
  }

  #fail(error: unknown): void {
    this.stop();
    this.#o.events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #tick(): void {
    // The timer fires late when the process was stalled. What the network delivered meanwhile comes first, so that
    // a leader that did speak is heard; and however late, it is one tick.
    const { clock } = this.#o;
    this.#cancelTick = clock.after(this.#o.pace.tickMs, () => {
      clock.soon(() => {
        if (this.#stopped) return;
        const { pace } = this.#o;
        const now = this.#o.clock.now();
        if (pace.tick(now)) this.step({ type: 'election-timeout', ticks: pace.electionTicks });
        this.#o.cover.follow(pace.promiseMs, now);
        this.step({ type: 'tick', now: clock.bootTime() });
        const stalled = this.#o.wal.stalledMs > stallMs;
        if (stalled !== this.#stalled) {
          this.#stalled = stalled;
          this.#o.logger.warn({ stalled }, stalled ? 'disk write is late' : 'disk caught up');
          this.step({ type: 'disk-stalled', stalled });
        }
        this.#tick();
      });
    });
  }

  #carryOut(effects: Effects): void {
    const { log, wal, events } = this.#o;
    if (effects.installSnapshot !== undefined) {
      this.#installing = true;
      log.install(effects.installSnapshot);
      this.#budget.reset();
      this.#commit = Math.max(this.#commit, effects.installSnapshot.index);
    }
    const first = effects.append[0];
    if (first !== undefined) {
      log.append(effects.append);
      this.#budget.appended(effects.append);
      this.#durable = Math.min(this.#durable, first.index - 1);
      for (const held of this.#held) held.lastIndex = Math.min(held.lastIndex, first.index - 1);
    }
    this.#o.observe?.(effects);
    const later: Outgoing[] = [];
    for (const message of effects.messages) {
      const outgoing = this.#outbox.dress(message);
      if (message.afterPersist) later.push(outgoing);
      else this.#send(outgoing);
    }
    if (effects.persist !== undefined || effects.installSnapshot !== undefined) {
      // The others begin to write before this member does, which wakes another thread.
      if (later.length < effects.messages.length) this.#o.transport.flush?.();
      const ticket = wal.append({
        hardState: effects.hardState,
        snapshot: effects.installSnapshot,
        entries: effects.append,
      });
      this.#held.push({
        ticket,
        persist: effects.persist,
        lastIndex: effects.append.at(-1)?.index ?? effects.installSnapshot?.index ?? 0,
        messages: later,
        install: effects.installSnapshot,
      });
    } else if (later.length > 0) {
      const last = this.#held.at(-1);
      if (last === undefined) for (const outgoing of later) this.#send(outgoing);
      else last.messages.push(...later);
    }
    if (effects.roleChange !== undefined) {
      const { role, term, leader } = effects.roleChange;
      this.#role = role;
      this.#term = term;
      this.#leader = leader;
      this.#lease.reset();
      this.#provenAt = -Infinity;
      events.role(role, term, leader);
    }
    if (effects.configuration !== undefined) {
      this.#configuration = effects.configuration;
      events.configuration(effects.append);
    }
    if (effects.quorumRound !== undefined) {
      const { round, sentAt } = effects.quorumRound;
      const { voters } = this.#configuration;
      this.#provenAt = sentAt;
      events.proven(sentAt + this.#lease.provenMs(round, voters, this.#o.id, this.#promiseMs));
    }
    if (effects.commit !== undefined && effects.commit > this.#commit) {
      this.#commit = effects.commit;
      this.#apply();
    }
    for (const { context, index } of effects.reads) events.readReady(context, index);
    for (const { context } of effects.rejectedReads) events.readRejected(context);
    for (const { context } of effects.droppedProposals)
      if (context !== undefined) events.proposalDropped(context);
  }

  /** A write came back: everything up to `ticket` is durable. */
  durable(ticket: number): void {
    let newest: Held['persist'];
    const released: Outgoing[] = [];
    while ((this.#held[0]?.ticket ?? Infinity) <= ticket) {
      const held = this.#held.shift();
      if (held === undefined) break;
      newest = held.persist ?? newest;
      this.#durable = Math.max(this.#durable, held.lastIndex);
      for (const message of held.messages) released.push(message);
      if (held.install !== undefined) this.#install(held.install);
    }
    for (const outgoing of released) this.#send(outgoing);
    if (released.length > 0) this.#o.transport.flush?.();
    if (newest !== undefined) this.step({ type: 'persisted', ...newest });
  }

  #install(snapshot: SnapshotDescriptor): void {
    this.#o.events.install(snapshot).then(
      () => {
        this.#installing = false;
        this.step({ type: 'applied', index: this.#o.machine.appliedIndex });
        this.#o.events.applied(this.#o.machine.appliedIndex);
        this.#apply();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #send(outgoing: Outgoing): void {
    const { message } = outgoing;
    if (message.type === 'snapshot') this.#o.events.snapshotWanted(message.to, message);
    else if (!this.#outbox.send(outgoing) && message.type === 'append')
      queueMicrotask(() => this.step({ type: 'unreachable', peer: message.to }));
  }

  /** Another member's clients wait for commits. */
  hasten(member: NodeId): void {
    this.#outbox.hasten(member);
  }

  /** Applies what is committed, in turns that leave room for other work. */
  #apply(): void {
    if (this.#applying || this.#installing || this.#stopped) return;
    if (!this.#o.machine.canApply) {
      this.#applying = true;
      this.#o.clock.after(unreadableMs, () => {
        this.#applying = false;
        this.#apply();
      });
      return;
    }
    this.#applying = true;
    const { machine, log, events } = this.#o;
    const end = this.#o.clock.now() + applyBudgetMs;
    const before = machine.appliedIndex;
    try {
      while (machine.appliedIndex < this.#commit && this.#o.clock.now() < end) {
        const from = machine.appliedIndex + 1;
        for (const entry of log.entries(from, this.#commit + 1, 256 * 1024)) {
          machine.apply(entry);
          if (entry.type === 'noop') events.termBegan(entry.term);
        }
      }
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      this.#applying = false;
    }
    if (machine.appliedIndex > before) {
      this.step({ type: 'applied', index: machine.appliedIndex });
      events.applied(machine.appliedIndex);
    }
    if (machine.appliedIndex < this.#commit) this.#o.clock.soon(() => this.#apply());
  }

  get #appliedMark(): { readonly index: number; readonly term: number } {
    const index = this.#o.machine.appliedIndex;
    return { index, term: this.#o.log.term(index) };
  }

  /** Drops log entries behind the state on disk that nobody should need any more, up to `releasable` at most. */
  compact(releasable = Infinity): void {
    const { log, machine, wal, trailingEntries, isWitness = false } = this.#o;
    const { index, term } =
      this.#o.bugs?.has('log-released-early') === true ? this.#appliedMark : machine.flushed;
    if (this.#installing || index <= log.snapshot().index || index < log.firstIndex()) return;
    // A witness has no state to send: what a full voter may still need stays, however much it is.
    const keepFrom =
      isWitness && this.#o.bugs?.has('witness-forgets') !== true
        ? Math.max(log.firstIndex(), Math.min(this.#node.settled, index) + 1)
        : Math.min(
            this.#budget.keepFrom(index, trailingEntries, trailingBytes),
            Math.max(releasable + 1, this.#budget.keepFrom(index, Infinity, heldBytes)),
          );
    log.compact({ index, term, configuration: machine.configuration }, keepFrom);
    this.#budget.cutTo(keepFrom);
    wal.release(keepFrom - 1);
  }
}
