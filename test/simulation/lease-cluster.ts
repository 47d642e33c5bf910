/**
 * The consensus core with the store's pace and lease, in one thread on a virtual clock: members whose turns come late,
 * links that slow down and break, disks that take their time, clocks of slightly different speed, crashes.
 *
 * What is checked, whenever somebody is elected or proves that nobody else can be: no other member believes at that
 * moment that nobody newer can lead. Somebody elected late for a term that is over already can prove nothing.
 * Leadership is handed over now and then, which ends loyalty on purpose and withdraws the lease first. Connections close
 * when a member crashes, and between members of which neither follows the other: a living leader whose connection is
 * reset is the exception that nothing of this holds for.
 */
import { MemoryHost } from '@timonier/raft/memory-host';
import type { Effects, Message } from '@timonier/raft';
import { LeaderLease } from '../../packages/store/src/leader-lease.ts';
import { Pace } from '../../packages/store/src/pace.ts';
import { PromiseCover } from '../../packages/store/src/promise-cover.ts';
import { Random } from './random.ts';

/** Known mistakes, to prove that the check finds them. */
export type LeaseMistake =
  | 'fixed-length' // counts on the ceiling instead of what the voters promised
  | 'no-abstention' // votes at once after a crash
  | 'absolved-by-anyone' // forgets what it promised before a crash when any connection closes
  | 'late-transfer' // obeys the call of a transfer that was given up
  | 'unrecorded' // promises more than a restart will find on disk
  | 'lower-at-once'; // forgets what was promised under a longer timeout

interface Packet {
  readonly at: number;
  readonly message: Message;
  readonly stamp: number;
}

const ids = ['a', 'b', 'c'];
const heartbeatMs = 50;
const usualMs = 200;

class SimulatedMember {
  readonly id: string;
  readonly host: MemoryHost;
  /** Speed of its clock. */
  readonly speed: number;
  pace = new Pace({ heartbeatMs, floorMs: usualMs, ceilingMs: 1500 });
  lease = new LeaderLease();
  inbox: Packet[] = [];
  leaseUntil = 0;
  nextTick = 0;
  stalledUntil = 0;
  downUntil = 0;
  diskBusyUntil = 0;
  /** What the disk has of the bound of its promises, and what it is to have next. */
  recordedMs = usualMs;
  recording: { readonly ms: number; readonly done: () => void } | undefined;
  cover = this.#newCover();
  /** For how long promises of an earlier life may hold. */
  earlierMs = 0;
  readonly stamps = new WeakMap<Message, number>();
  readonly #mistake: LeaseMistake | undefined;

  constructor(id: string, random: Random, mistake: LeaseMistake | undefined, run: LeaseRun) {
    this.id = id;
    this.#mistake = mistake;
    this.speed = 1 + (random.next() - 0.5) * 0.004;
    const { pace } = this;
    const abstainTicks = (): number =>
      mistake === 'no-abstention' ? 0 : this.pace.ticksBeyond(this.earlierMs);
    this.host = new MemoryHost(
      {
        id,
        electionTicks: pace.electionTicks,
        heartbeatTicks: pace.heartbeatTicks,
        get abstainTicks() {
          return abstainTicks();
        },
        random: () => random.next(),
        maxInflight: 4,
        maxAppendBytes: 1000,
        ...(mistake === 'late-transfer' || mistake === 'absolved-by-anyone'
          ? { mutations: new Set([mistake]) }
          : {}),
      },
      { voters: ids, learners: [] },
      (_host, effects) => run.observe(this, effects),
    );
  }

  get leads(): boolean {
    return this.host.node.status.role === 'leader';
  }

  get promiseMs(): number {
    return Math.min(this.pace.promiseMs, this.cover.boundMs);
  }

  clock(now: number): number {
    return now * this.speed;
  }

  crash(downMs: number): void {
    this.pace = new Pace({ heartbeatMs, floorMs: usualMs, ceilingMs: 1500 });
    this.lease = new LeaderLease();
    this.recording = undefined;
    this.cover = this.#newCover();
    this.earlierMs = this.recordedMs - downMs * this.speed;
  }

  /** The disk finished what it was asked to write. */
  recorded(): void {
    if (this.recording === undefined) return;
    const { ms, done } = this.recording;
    this.recordedMs = ms;
    this.recording = undefined;
    done();
  }

  #newCover(): PromiseCover {
    return new PromiseCover({
      recordedMs: this.recordedMs,
      record: (ms, done) => {
        if (this.#mistake === 'unrecorded') done();
        else this.recording = { ms, done };
      },
    });
  }
}

export class LeaseRun {
  elections = 0;
  proofs = 0;
  transfers = 0;
  readonly #random: Random;
  readonly #mistake: LeaseMistake | undefined;
  readonly #members: SimulatedMember[];
  readonly #blocked = new Set<string>();
  readonly #lastOfLink = new Map<string, number>();
  #now = 0;
  #delayMs = 2;
  #calmUntil = 0;
  #ambushUntil = 0;

  constructor(seed: number, mistake?: LeaseMistake) {
    this.#random = new Random(seed);
    this.#mistake = mistake;
    this.#members = ids.map((id) => new SimulatedMember(id, this.#random, mistake, this));
  }

  /** Lives through `ms` milliseconds. Throws when two members may lead at a time. */
  run(ms: number): void {
    for (; this.#now < ms; this.#now += 1) {
      this.#faults();
      for (const member of this.#members) this.#turn(member);
    }
  }

  #faults(): void {
    const random = this.#random;
    if (random.chance(0.00005)) {
      // Long enough to forget delays, so that promises become shorter.
      this.#calmUntil = this.#now + 25_000;
      this.#delayMs = 1;
      this.#blocked.clear();
    }
    if (this.#now < this.#calmUntil) return;
    if (random.chance(0.0005)) this.#delayMs = random.pick([1, 1, 20, 150, 400]);
    if (random.chance(0.001)) this.#blocked.clear();
    const member = random.pick(this.#members);
    if (random.chance(0.0007)) {
      for (const { id } of this.#members) {
        if (random.chance(0.7)) this.#blocked.add(`${member.id}${id}`);
        if (random.chance(0.7)) this.#blocked.add(`${id}${member.id}`);
      }
    }
    if (random.chance(0.002)) member.stalledUntil = this.#now + random.pick([40, 200, 600, 2000]);
    if (random.chance(0.001)) member.diskBusyUntil = this.#now + random.pick([50, 500, 1500]);
    if (random.chance(0.0004)) this.#crash(member);
    // On slow links a call to campaign may come after the leader gave the transfer up.
    if (random.chance(this.#delayMs > 100 ? 0.01 : 0.002) && member.leads && this.#now >= member.downUntil)
      this.#transfer(member);
    if (random.chance(0.0002)) this.#ambush(member);
    if (random.chance(this.#now < this.#ambushUntil ? 0.02 : 0.0005))
      this.#reset(member, random.pick(this.#members));
  }

  /** The connections between two members break, and neither of them leads the other. */
  #reset(one: SimulatedMember, other: SimulatedMember): void {
    const follows = (a: SimulatedMember, b: SimulatedMember): boolean =>
      a.host.node.status.leader === b.id || b.leads;
    if (one === other || follows(one, other) || follows(other, one)) return;
    this.#closed(one, other);
    this.#closed(other, one);
  }

  /** `member` sees that its connection to `peer` is gone, with all that was on its way. */
  #closed(member: SimulatedMember, peer: SimulatedMember): void {
    if (this.#now < member.downUntil) return;
    member.inbox = member.inbox.filter(({ message }) => message.from !== peer.id);
    member.host.step({ type: 'peer-closed', peer: peer.id });
  }

  /** A voter forgets what it promised, and the leader that it promised it to is not heard any more. */
  #ambush(voter: SimulatedMember): void {
    if (voter.leads || this.#now < voter.downUntil) return;
    this.#silenceLeader();
    this.#crash(voter);
    this.#ambushUntil = this.#now + 400;
  }

  /** A voter promises less than before: what it promised before counts when the leader falls silent now. */
  #worstMoment(): void {
    if (this.#random.chance(0.3)) this.#silenceLeader();
  }

  #silenceLeader(): void {
    const leader = this.#members.find((member) => member.leads);
    if (leader === undefined) return;
    for (const { id } of this.#members) this.#blocked.add(`${leader.id}${id}`).add(`${id}${leader.id}`);
  }

  #crash(member: SimulatedMember): void {
    const downMs = this.#random.pick([10, 300, 3000]);
    member.crash(downMs);
    member.leaseUntil = 0;
    member.inbox = [];
    member.stalledUntil = 0;
    member.host.restart(this.#random.below(member.host.writes.length + 1));
    member.downUntil = this.#now + downMs;
    member.nextTick = member.downUntil + member.pace.tickMs;
    if (this.#random.chance(0.5)) return;
    for (const other of this.#members) if (other !== member) this.#closed(other, member);
  }

  /** As the store does it: what was proven counts no more. */
  #transfer(member: SimulatedMember): void {
    member.leaseUntil = 0;
    member.host.step({ type: 'transfer', target: this.#random.pick(ids.filter((id) => id !== member.id)) });
    this.transfers += 1;
  }

  #turn(member: SimulatedMember): void {
    const now = this.#now;
    if (now < member.downUntil) {
      member.inbox = [];
      return;
    }
    if (now < member.stalledUntil) return;
    const { host, pace } = member;
    const clock = member.clock(now);
    if (now >= member.diskBusyUntil) {
      host.flush();
      member.recorded();
    }
    while ((member.inbox[0]?.at ?? Infinity) <= now) {
      const packet = member.inbox.shift();
      if (packet !== undefined) this.#receive(member, packet, clock);
    }
    if (clock >= member.nextTick) {
      const promised = pace.promiseMs;
      if (pace.tick(clock)) host.step({ type: 'election-timeout', ticks: pace.electionTicks });
      if (this.#mistake === 'lower-at-once')
        host.step({ type: 'election-timeout', ticks: 2 + Math.ceil(pace.promiseMs / pace.tickMs) });
      if (pace.promiseMs < promised) this.#worstMoment();
      member.cover.follow(pace.promiseMs, clock);
      host.step({ type: 'tick', now: clock });
      // As early as a real timer may come.
      member.nextTick = clock + pace.tickMs - 1;
    }
    for (const { message } of host.outbox) this.#send(member, message);
    host.outbox = [];
  }

  #receive(member: SimulatedMember, { message, stamp }: Packet, clock: number): void {
    const { term } = member.host.node.status;
    if (message.type === 'heartbeat-response') {
      if (member.leads && message.term === term) member.lease.answered(message.from, message.round, stamp);
    } else if (message.type === 'heartbeat' || message.type === 'append' || message.type === 'commit') {
      if (message.term >= term)
        member.pace.heard(
          message.from,
          message.term,
          clock,
          message.type === 'heartbeat' ? stamp : undefined,
        );
    }
    member.host.receive({ message });
  }

  #send(member: SimulatedMember, message: Message): void {
    const link = `${message.from}${message.to}`;
    if (this.#blocked.has(link)) return;
    const to = this.#members.find(({ id }) => id === message.to);
    if (to === undefined) return;
    const after = this.#lastOfLink.get(link) ?? 0;
    const at = Math.max(after, this.#now + Math.floor(this.#random.next() * this.#delayMs));
    this.#lastOfLink.set(link, at);
    const stamp = member.stamps.get(message) ?? 0;
    const position = to.inbox.findLastIndex((packet) => packet.at <= at);
    to.inbox.splice(position + 1, 0, { at, message, stamp });
  }

  /** Every step of every member passes here. */
  observe(member: SimulatedMember, effects: Effects): void {
    const { pace } = member;
    for (const message of effects.messages) {
      if (message.type === 'heartbeat-response') member.stamps.set(message, member.promiseMs);
      else if (message.type === 'heartbeat') {
        pace.asked(message.round, member.clock(this.#now));
        member.stamps.set(message, Math.ceil(pace.delayMs));
      }
    }
    if (effects.roleChange !== undefined) {
      member.lease.reset();
      member.leaseUntil = 0;
      if (effects.roleChange.role === 'leader') this.#elected(member);
    }
    if (effects.quorumRound !== undefined) {
      const { round, sentAt } = effects.quorumRound;
      pace.answered(round, member.clock(this.#now));
      const proven =
        this.#mistake === 'fixed-length'
          ? 1400
          : member.lease.provenMs(round, ids, member.id, member.promiseMs);
      member.leaseUntil = Math.max(member.leaseUntil, sentAt + proven);
      if (member.leaseUntil > member.clock(this.#now)) this.#alone(member, 'has a lease');
      this.proofs += 1;
    }
  }

  #elected(member: SimulatedMember): void {
    this.elections += 1;
    this.#alone(member, 'was elected');
  }

  #alone(member: SimulatedMember, what: string): void {
    const { term } = member.host.node.status;
    for (const other of this.#members) {
      if (other === member || this.#now < other.downUntil) continue;
      const left = other.leaseUntil - other.clock(this.#now);
      if (left > 0 && (what === 'has a lease' || other.host.node.status.term < term))
        throw new Error(
          `${member.id} ${what} at ${this.#now} in term ${term}, and ${other.id} has a lease for ${left.toFixed(1)} ms more`,
        );
    }
  }
}
