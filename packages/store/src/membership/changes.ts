/**
 * Changes of members on their way: from who asked, to the leader, which judges and proposes them one at a time, and
 * back once they are in force here.
 *
 * Like other requests (proposals.ts), a change proposed in one term is lost for certain once an entry that begins a
 * later term is applied without it, and is then handed over again; so it is made at most once. Invariant: the leader
 * judges a change only when its applied state is as new as the configuration in force.
 */
import { GrpcError, Status, type StatusCode } from '@timonier/grpc';
import { encodeConfiguration, type NodeId } from '@timonier/raft';
import { etcdError } from '../errors.ts';
import type { RaftHost } from '../host.ts';
import { type KnownBugs, noBugs } from '../known-bugs.ts';
import type { MemberAnswer, PeerFrame } from '../peer-wire.ts';
import type { StateMachine } from '../state-machine.ts';
import { configurationAfter, decodeChange, encodeChange, type MemberChange } from './change.ts';
import { type ChangeOrigin, writeContext } from './context.ts';
import { objectionTo, type Situation } from './rules.ts';
import { situationOf, type Strictness } from './situation.ts';

export interface ChangesOptions {
  readonly self: NodeId;
  /** Tells this process's changes from those of others, and of earlier lives, in the log. */
  readonly proposer: number;
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly host: () => RaftHost;
  readonly machine: StateMachine;
  readonly strictness: Strictness;
  /** Members that are known to be elsewhere than the log tells. */
  readonly elsewhere: () => ReadonlySet<NodeId>;
  readonly bugs?: KnownBugs;
  /** False when the frame was dropped. */
  readonly send: (to: NodeId, frame: PeerFrame) => boolean;
}

/** Whether a change that a leader makes by itself is still right. */
export type IsDue = (situation: Situation) => boolean;

interface Waiter {
  readonly change: MemberChange;
  readonly isDue: IsDue | undefined;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: GrpcError) => void;
  /** The term whose leader was asked; undefined while nobody is. */
  askedIn: number | undefined;
}

/** On the leader. */
interface Case {
  readonly change: MemberChange;
  readonly isDue?: IsDue | undefined;
  readonly origin: ChangeOrigin;
  readonly deadline: number;
  readonly answer: (answer: Omit<MemberAnswer, 'id'>) => void;
}

const maxWaiting = 64;
/** Nothing was decided: the next leader may be asked. */
const again = Status.ABORTED;

export class MembershipChanges {
  readonly #options: ChangesOptions;
  readonly #waiters = new Map<number, Waiter>();
  #cases: Case[] = [];
  #proposed: { readonly index: number; readonly term: number; readonly answer: Case['answer'] } | undefined;
  #nextId = 1;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the change is in force and applied here. Rejects with etcd's errors. With `isDue` it is this leader's
   * own idea: looked at again when its turn comes, and no other leader's business.
   */
  make(change: MemberChange, isDue?: IsDue): Promise<void> {
    if (this.#waiters.size >= maxWaiting) return Promise.reject(etcdError.tooManyRequests());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const deadline = this.#options.now() + this.#options.timeoutMs;
      this.#waiters.set(id, { change, isDue, deadline, resolve, reject, askedIn: undefined });
      this.#ask(id);
    });
  }

  /** Another member asks this one to judge a change. */
  called(from: NodeId, { id, change, proposer }: NonNullable<PeerFrame['memberCall']>): void {
    const answer = (result: Omit<MemberAnswer, 'id'>): void => {
      this.#options.send(from, { memberAnswer: { id, ...result } });
    };
    this.#judgeSoon({
      change: decodeChange(change),
      origin: { proposer, id },
      deadline: this.#options.now() + this.#options.timeoutMs,
      answer,
    });
  }

  /** The leader's answer to this member. */
  answered({ id, code, text, index }: MemberAnswer): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    if (code === again) waiter.askedIn = undefined;
    else if (code !== Status.OK) this.#finish(id, new GrpcError(code as StatusCode, text));
    else if (index <= this.#options.machine.appliedIndex || removes(waiter.change, this.#options.self)) {
      // Who is removed is not sent the entry that does it.
      this.#finish(id);
    }
  }

  /** A configuration entry was applied. */
  applied(index: number, term: number, origin: ChangeOrigin | undefined): void {
    if (origin !== undefined && origin.proposer === this.#options.proposer) this.#finish(origin.id);
    if (this.#proposed !== undefined && this.#proposed.index <= index) {
      const { answer, ...proposed } = this.#proposed;
      this.#proposed = undefined;
      answer(
        proposed.index === index && proposed.term === term
          ? { code: Status.OK, text: '', index }
          : { code: again, text: '', index: 0 },
      );
    }
    this.#judge();
  }

  /** The first entry of `term` was applied: what was asked for in an earlier one will never be. */
  termBegan(term: number): void {
    for (const waiter of this.#waiters.values())
      if (waiter.askedIn !== undefined && waiter.askedIn < term) waiter.askedIn = undefined;
    if (this.#proposed !== undefined && this.#proposed.term < term) this.#proposed = undefined;
    this.sweep();
  }

  /** A snapshot replaced the state: what became of changes cannot be known. */
  outcomeLost(): void {
    for (const [id, { askedIn }] of this.#waiters)
      if (askedIn !== undefined) this.#finish(id, etcdError.timeout());
  }

  /** Fails what is late, and tries again what could not be handed over or judged. */
  sweep(): void {
    const now = this.#options.now();
    this.#cases = this.#cases.filter(({ deadline }) => deadline > now);
    for (const [id, { deadline, askedIn }] of this.#waiters) {
      if (deadline <= now) this.#finish(id, etcdError.timeout());
      else if (askedIn === undefined) this.#ask(id);
    }
    this.#judge();
  }

  stop(): void {
    for (const id of this.#waiters.keys()) this.#finish(id, etcdError.stopped());
    this.#cases = [];
  }

  #finish(id: number, error?: GrpcError): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (error === undefined) waiter.resolve();
    else waiter.reject(error);
  }

  #ask(id: number): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    const { send, host, proposer } = this.#options;
    const { role, leader, term } = host();
    const { change, isDue, deadline } = waiter;
    if (role === 'leader') {
      waiter.askedIn = term;
      const answer: Case['answer'] = (result) => this.answered({ id, ...result });
      this.#judgeSoon({ change, origin: { proposer, id }, isDue, deadline, answer });
    } else if (isDue !== undefined) {
      this.#finish(id, etcdError.leaderChanged());
    } else if (leader !== null) {
      const sent = send(leader, { memberCall: { id, change: encodeChange(change), proposer } });
      waiter.askedIn = sent ? term : undefined;
    }
  }

  #judgeSoon(entry: Case): void {
    if (this.#cases.length >= maxWaiting) {
      const { code, details } = etcdError.tooManyRequests();
      entry.answer({ code, text: details, index: 0 });
      return;
    }
    this.#cases.push(entry);
    // Never within the caller's turn: whoever asks is on record only after that.
    queueMicrotask(() => this.#judge());
  }

  /** Takes up as many cases as can be decided now: all refusals, and the first that is to be proposed. */
  #judge(): void {
    const { host, machine, strictness, elsewhere, bugs = noBugs } = this.#options;
    while (this.#cases.length > 0 && (this.#proposed === undefined || bugs.has('two-changes'))) {
      const [next] = this.#cases;
      if (next === undefined) return;
      if (host().role !== 'leader') {
        this.#cases.shift();
        next.answer({ code: again, text: '', index: 0 });
        continue;
      }
      const situation = situationOf(host(), machine, strictness, elsewhere(), bugs);
      if (situation === undefined) return;
      const objection =
        objectionTo(next.change, situation) ??
        (next.isDue?.(situation) === false ? etcdError.learnerNotReady() : undefined);
      if (objection !== undefined) {
        this.#cases.shift();
        next.answer({ code: objection.code, text: objection.details, index: 0 });
        continue;
      }
      const context = writeContext(next.change, next.origin);
      const outcome = host().reconfigure(
        encodeConfiguration(configurationAfter(situation.configuration, next.change), context),
      );
      // The core wants something finished first, a transfer or the leader's first commit: try again.
      if (typeof outcome === 'string') return;
      this.#cases.shift();
      this.#proposed = { index: outcome.lastIndex, term: outcome.term, answer: next.answer };
    }
  }
}

function removes(change: MemberChange, id: NodeId): boolean {
  return change.kind === 'remove' && change.id === id;
}
