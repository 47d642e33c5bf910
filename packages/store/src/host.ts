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
  type Input,
  type Message,
  type NodeId,
  type RaftLog,
  RaftNode,
  type RaftStatus,
  type Role,
  type SnapshotDescriptor,
} from '@timonier/raft';
import { Applier } from './applier.ts';
import { HeldWrites } from './held-writes.ts';
import { coreOptions, type HostOptions } from './host-options.ts';
import { noBugs } from './known-bugs.ts';
import { LeaderLease } from './leader-lease.ts';
import { LogRetention } from './log-retention.ts';
import { Outbox, type Outgoing } from './outbox.ts';
import { fromWire, type WireMessage } from './raft-wire.ts';
import { RoundTrips } from './round-trips.ts';
import { Ticking } from './ticking.ts';

export class RaftHost {
  readonly #o: HostOptions;
  readonly #node: RaftNode;
  readonly #retention: LogRetention;
  readonly #held: HeldWrites;
  readonly #applier: Applier;
  readonly #ticking: Ticking;
  #stopped = false;
  #role: Role = 'follower';
  #term: number;
  #leader: NodeId | null = null;
  #configuration: Configuration;
  readonly #lease = new LeaderLease();
  /** When the newest round was sent that a majority answered, by `clock.bootTime`. */
  #provenAt = -Infinity;
  readonly #outbox: Outbox;
  readonly #roundTrips: RoundTrips;

  constructor(options: HostOptions) {
    this.#o = options;
    this.#roundTrips = new RoundTrips((peer, ms) => options.events.roundTrip?.(peer, ms));
    this.#outbox = new Outbox({
      pace: options.pace,
      promiseMs: () => this.#promiseMs,
      send: (to, bytes) => options.transport.sendEncoded(to, bytes),
      clock: options.clock,
    });
    this.#term = options.hardState.term;
    const { log, machine, clock, trailingEntries, isWitness = false, bugs = noBugs, events } = options;
    this.#held = new HeldWrites(log.lastIndex());
    this.#retention = new LogRetention({ log, trailingEntries, isWitness, bugs });
    this.#applier = new Applier(
      {
        machine,
        log,
        clock,
        termBegan: (term) => events.termBegan(term),
        applied: (index) => {
          this.step({ type: 'applied', index });
          events.applied(index);
        },
        failed: (error) => this.#fail(error),
      },
      options.hardState.commit,
    );
    this.#ticking = new Ticking({ ...options, step: (input) => void this.step(input) });
    this.#node = new RaftNode(coreOptions(options));
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
    return this.#retention.bytes;
  }

  /** How much is used of the room that the log has while others take a state in, from 0 to 1. */
  get heldLogUsed(): number {
    return this.#retention.heldUsed;
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
    return this.#applier.commit;
  }

  /** The log as it is now; not to be changed. */
  get log(): RaftLog {
    return this.#o.log;
  }

  /** Every entry up to here is on this member's disk. */
  get durableIndex(): number {
    return this.#held.durable;
  }

  /** Begins ticking. A member that is alone does not wait for an election timeout. */
  start(): void {
    this.#applier.apply();
    if (this.#o.configuration.voters.length === 1) this.step({ type: 'campaign' });
    this.#ticking.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#applier.stop();
    this.#ticking.stop();
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
      this.#roundTrips.answered(message.from, message.round, now);
      this.#lease.answered(message.from, message.round, wire.loyalMs ?? 0);
    } else if (message.type === 'heartbeat' || message.type === 'append' || message.type === 'commit') {
      if (message.term >= this.#term) pace.heard(message.from, message.term, now, wire.delayMs);
    }
  }

  #fail(error: unknown): void {
    this.stop();
    this.#o.events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #carryOut(effects: Effects): void {
    const { log, wal, events } = this.#o;
    if (effects.installSnapshot !== undefined) {
      this.#applier.replace(effects.installSnapshot.index);
      log.install(effects.installSnapshot);
      this.#retention.reset();
    }
    const first = effects.append[0];
    if (first !== undefined) {
      log.append(effects.append);
      this.#retention.appended(effects.append);
      this.#held.replaced(first.index);
    }
    this.#o.observe?.(effects);
    const later: Outgoing[] = [];
    for (const message of effects.messages) {
      if (message.type === 'heartbeat')
        this.#roundTrips.asked(message.to, message.round, this.#o.clock.now());
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
      this.#held.add({
        ticket,
        persist: effects.persist,
        lastIndex: effects.append.at(-1)?.index ?? effects.installSnapshot?.index ?? 0,
        messages: later,
        install: effects.installSnapshot,
      });
    } else if (later.length > 0 && !this.#held.join(later)) {
      for (const outgoing of later) this.#send(outgoing);
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
      this.#o.pace.answered(round, this.#o.clock.now());
      events.proven(sentAt + this.#lease.provenMs(round, voters, this.#o.id, this.#promiseMs));
    }
    if (effects.commit !== undefined) this.#applier.advance(effects.commit);
    for (const { context, index } of effects.reads) events.readReady(context, index);
    for (const { context } of effects.rejectedReads) events.readRejected(context);
    for (const { context } of effects.droppedProposals)
      if (context !== undefined) events.proposalDropped(context);
  }

  /** A write came back: everything up to `ticket` is durable. */
  durable(ticket: number, ms: number): void {
    this.#ticking.wrote(ms);
    const { persist, messages, installs } = this.#held.release(ticket);
    for (const snapshot of installs) this.#install(snapshot);
    for (const outgoing of messages) this.#send(outgoing);
    if (messages.length > 0) this.#o.transport.flush?.();
    if (persist !== undefined) this.step({ type: 'persisted', ...persist });
  }

  #install(snapshot: SnapshotDescriptor): void {
    this.#o.events.install(snapshot).then(
      () => {
        this.#applier.replaced();
        this.step({ type: 'applied', index: this.#o.machine.appliedIndex });
        this.#o.events.applied(this.#o.machine.appliedIndex);
        this.#applier.apply();
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

  /** Drops log entries behind the state on disk that nobody should need any more, up to `releasable` at most. */
  compact(releasable = Infinity): void {
    const { log, machine, wal, bugs = noBugs } = this.#o;
    if (this.#applier.replacing) return;
    const { appliedIndex, configuration } = machine;
    const mark = bugs.has('log-released-early')
      ? { index: appliedIndex, term: log.term(appliedIndex) }
      : machine.flushed;
    const keepFrom = this.#retention.cut({ ...mark, configuration, settled: this.#node.settled, releasable });
    if (keepFrom !== undefined) wal.release(keepFrom - 1);
  }
}
