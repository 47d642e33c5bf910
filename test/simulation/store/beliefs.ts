/**
 * What members believe about themselves and each other, compared with what is so.
 *
 *   hard state      who comes back remembers every vote and every term that it has acknowledged anything in
 *   configuration   in force is the last one in the log, also after entries were cut off (dissertation §4.1)
 *   overlap         what a leader puts in force differs by one voter at most from what is committed (§4.1)
 *   acknowledged    what a leader takes a member to hold, the member holds, while it follows that leader
 *
 * A wrong belief does harm later, when many other things have come together, or never in this run.
 */
import { type Configuration, decodeConfiguration, type Effects, type NodeId } from '@timonier/raft';
import type { Member } from '../../../packages/store/src/member.ts';
import { toWire, type WireMessage } from '../../../packages/store/src/raft-wire.ts';
import type { Consensus } from './consensus.ts';
import type { SimulatedHost } from './host.ts';
import type { Truth } from './truth.ts';
import { type Life, Violation } from './world.ts';

const envelope = { from: '', to: '', term: 0, afterPersist: false } as const;
const candidate = { lastIndex: 0, lastTerm: 0, transfer: false, abandoned: 0 } as const;
const answer = { rejected: false, index: 0, hintIndex: 0, hintTerm: 0 } as const;
/** Their numbers on the wire. */
export const wireType = {
  vote: toWire({ type: 'vote', ...envelope, ...candidate }).type,
  voteResponse: toWire({ type: 'vote-response', ...envelope, granted: true }).type,
  appendResponse: toWire({ type: 'append-response', ...envelope, ...answer }).type,
} as const;

/** What others have had of a member, and it must not go back on. */
interface Promised {
  term: number;
  /** The newest vote of which others know. */
  votedIn: number;
  votedFor: NodeId;
}

export class Beliefs {
  readonly #truth: Truth;
  readonly #consensus: Consensus;
  readonly #hosts: readonly SimulatedHost[];
  readonly #promised = new Map<NodeId, Promised>();
  /** By life: where its log ended when looked at last. */
  readonly #lastIndex = new WeakMap<Life, number>();

  constructor(truth: Truth, consensus: Consensus, hosts: readonly SimulatedHost[]) {
    this.#truth = truth;
    this.#consensus = consensus;
    this.#hosts = hosts;
  }

  /** Messages of the core have arrived. */
  arrived(from: NodeId, to: NodeId, messages: readonly WireMessage[]): void {
    for (const { type, term, flag } of messages) {
      const voted = type === wireType.voteResponse && flag === true;
      if (voted) this.#consensus.vote(from, to, term);
      const asks = type === wireType.vote;
      if (!voted && !asks && type !== wireType.appendResponse) continue;
      let promised = this.#promised.get(from);
      if (promised === undefined) {
        promised = { term: 0, votedIn: 0, votedFor: '' };
        this.#promised.set(from, promised);
      }
      promised.term = Math.max(promised.term, term);
      if (type === wireType.appendResponse || term < promised.votedIn) continue;
      promised.votedIn = term;
      promised.votedFor = voted ? to : from;
    }
  }

  /** A member is back. */
  started(host: SimulatedHost, { host: { status } }: Member): void {
    const promised = this.#promised.get(host.id);
    // A new machine in the place of a member that was taken out may take itself for that one: who told it so does not
    // know of it yet. Nobody counts it.
    if (promised === undefined || this.#truth.removed.has(host.id)) return;
    if (status.term < promised.term)
      throw new Violation(
        `hard state: ${host.name} is back in term ${status.term} and was in ${promised.term}`,
      );
    if (status.term === promised.votedIn && status.vote !== promised.votedFor)
      throw new Violation(
        `hard state: ${host.name} voted for ${promised.votedFor} in term ${status.term} and is back with ${status.vote}`,
      );
  }

  /** Called for every step of a member's core, when its log has what the step appends. */
  effects(host: SimulatedHost, effects: Effects): void {
    const { member } = host;
    if (member === undefined) return;
    if (effects.append.length > 0 || effects.installSnapshot !== undefined)
      this.#appended(host, member, effects);
    if (effects.commit !== undefined && member.host.role === 'leader') this.#checkAcknowledged(host, member);
  }

  #appended(
    host: SimulatedHost,
    member: Member,
    { append, accepted, configuration, installSnapshot }: Effects,
  ): void {
    const { log } = member.host;
    const isCut = (append[0]?.index ?? Infinity) <= (this.#lastIndex.get(host.life) ?? Infinity);
    this.#lastIndex.set(host.life, log.lastIndex());
    // Entries alone bring what they say; it is what goes that is forgotten.
    if (isCut || installSnapshot !== undefined) {
      const inForce = configuration ?? member.host.configuration;
      const inLog = configurationIn(member, log.lastIndex());
      if (textOf(inForce) !== textOf(inLog))
        throw new Violation(
          `members: ${textOf(inForce)} is in force on ${host.name}, its log says ${textOf(inLog)}`,
        );
    }
    if (accepted === undefined) return;
    for (const { type, index, data } of append) {
      if (type !== 'config') continue;
      const { voters } = decodeConfiguration(data).configuration;
      const before = configurationIn(member, member.host.commitIndex).voters;
      const changed = [...voters, ...before].filter((id) => !voters.includes(id) || !before.includes(id));
      if (changed.length > 1)
        throw new Violation(
          `members: ${host.name} puts voters ${voters.join()} in force at ${index}, and ${before.join()} are committed: two majorities need not meet`,
        );
    }
  }

  #checkAcknowledged(leader: SimulatedHost, member: Member): void {
    const { term, progress } = member.host.status;
    const { log } = member.host;
    for (const other of this.#hosts) {
      const match = progress.get(other.id)?.match ?? 0;
      // Who is in a later term may follow somebody else, and hold something else.
      if (match === 0 || other.member === undefined || other.member.host.term > term) continue;
      const theirs = other.member.host.log;
      const holds =
        match < theirs.firstIndex() ||
        match < log.firstIndex() ||
        (match <= theirs.lastIndex() && theirs.term(match) === log.term(match));
      if (!holds)
        throw new Violation(
          `acknowledged: ${leader.name} takes ${other.name} to hold its log up to ${match}, and it ends at ${theirs.lastIndex()} or differs`,
        );
    }
  }
}

/** The configuration that the log of a member has at an index. */
function configurationIn({ host: { log } }: Member, at: number): Configuration {
  const { index: snapshotIndex, configuration } = log.snapshot();
  for (let index = at; index > snapshotIndex; index -= 1) {
    const [entry] = log.entries(index, index + 1, Infinity);
    if (entry?.type === 'config') return decodeConfiguration(entry.data).configuration;
  }
  return configuration;
}

export function textOf({ voters, learners, witnesses = [] }: Configuration): string {
  return [voters, learners, witnesses].map((ids) => ids.toSorted().join()).join(';');
}
