/**
 * The rules of consensus, looked at in every step of every member's core:
 *
 *   election safety      at most one leader a term, at most one vote of a member a term
 *   log matching         an entry is determined by its index and term, and so is its predecessor
 *   leader completeness  a new leader holds every entry committed before
 *   commit               what a leader commits is in the logs of a majority
 *   state machine        members agree on what is committed where
 *   members              only a voter is elected, a witness takes nothing in, and no learner is promoted that is away or
 *                        was never there
 *
 * What is made of the committed entries is another question: truth.ts.
 */
import {
  type Configuration,
  decodeConfiguration,
  type Effects,
  type Entry,
  type NodeId,
} from '@timonier/raft';
import type { Member } from '../../../packages/store/src/member.ts';
import { readContext } from '../../../packages/store/src/membership/context.ts';
import type { SimulatedHost } from './host.ts';
import type { Truth } from './truth.ts';
import { type Life, Violation, type World } from './world.ts';

/** A learner that did not live for so long cannot seem healthy to anybody. In milliseconds. */
const staleMs = 4_000;

export class Consensus {
  elections = 0;
  promotions = 0;
  readonly #world: World;
  readonly #truth: Truth;
  readonly #hosts: readonly SimulatedHost[];
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #entries = new Map<string, { readonly previous: number; readonly entry: Entry }>();
  /** By index: the term of the entry, and the term in which it was committed. */
  readonly #committed: number[] = [0];
  readonly #committedIn: number[] = [0];
  /** By life: commits up to here were looked at. */
  readonly #checked = new WeakMap<Life, number>();
  /** By life of a witness: the first entry that it held when looked at last. */
  readonly #firstHeld = new WeakMap<Life, number>();
  /** By life: the configuration before the one in force. */
  readonly #before = new WeakMap<Life, Configuration>();

  constructor(world: World, truth: Truth, hosts: readonly SimulatedHost[]) {
    this.#world = world;
    this.#truth = truth;
    this.#hosts = hosts;
  }

  /** Called for every step of a member's core, before it is carried out. */
  effects(host: SimulatedHost, effects: Effects): void {
    const { member } = host;
    const { roleChange } = effects;
    if (member === undefined) return;
    const { log } = member.host;
    // A lone voter may lose the term with its entries, of which nothing has left it then.
    const lone = member.host.configuration.voters.length === 1;
    if (effects.configuration !== undefined) this.#before.set(host.life, member.host.configuration);
    if (host.witness) this.#checkWitness(host, member, effects);
    if (effects.accepted !== undefined && host.witness)
      throw new Violation(`witness: ${host.name} leads and takes proposals`);
    if (
      effects.accepted !== undefined &&
      (this.#truth.removed.get(host.id) ?? Infinity) <= member.host.commitIndex
    )
      throw new Violation(`members: ${host.name} knows that it was removed, leads on and takes proposals`);
    for (const entry of lone ? [] : effects.append) this.#checkEntry(host, entry, log.term(entry.index - 1));
    if (roleChange?.role === 'leader') {
      const { term } = roleChange;
      if (!lone) this.#leads(host, term);
      const { voters } = effects.configuration ?? member.host.configuration;
      if (!voters.includes(host.id) && !this.#truth.isVoterAt(host.id, member.host.commitIndex))
        throw new Violation(`members: ${host.name} is elected and no voter`);
      this.elections += 1;
      const last = log.lastIndex();
      for (let index = log.firstIndex(); index < this.#committed.length; index += 1) {
        const committed = this.#committed[index] ?? 0;
        // Who is elected late, for a term that is over already, need not have what was committed after it.
        if ((this.#committedIn[index] ?? 0) >= term) continue;
        if (index > last || log.term(index) !== committed)
          throw new Violation(
            `leader completeness: ${host.name}, leader of ${term}, lacks entry ${index} of term ${committed}`,
          );
      }
    }
    for (const { index, type, data } of effects.append)
      if (type === 'config' && effects.accepted !== undefined) this.#checkPromotion(member, index, data);
    if (effects.commit !== undefined) {
      if (lone && member.host.role === 'leader') this.#leads(host, member.host.term);
      if (member.host.role === 'leader') this.#checkQuorum(host, member, effects);
      const from = Math.max(log.firstIndex(), (this.#checked.get(host.life) ?? 0) + 1);
      this.#checked.set(host.life, effects.commit);
      for (let index = from; index <= effects.commit; index += 1) {
        const known = this.#committed[index];
        const term = log.term(index);
        if (known === undefined) {
          this.#committed[index] = term;
          this.#committedIn[index] = member.host.term;
        } else if (known !== term)
          throw new Violation(
            `state machine: ${host.name} commits an entry of term ${term} at ${index}, where one of ${known} is committed`,
          );
      }
    }
  }

  /** A lone voter's leadership counts once it is durable: before, it may lose the term, and has told nobody. */
  #leads(host: SimulatedHost, term: number): void {
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== host.id)
      throw new Violation(`election safety: ${known} and ${host.name} lead term ${term}`);
    this.#leaders.set(term, host.id);
  }

  /** It has no state to send in the place of entries, so what it drops must be with every full voter. */
  #checkWitness(host: SimulatedHost, { host: { log, configuration } }: Member, effects: Effects): void {
    const first = log.firstIndex();
    const known = this.#firstHeld.get(host.life) ?? first;
    this.#firstHeld.set(host.life, first);
    if (effects.installSnapshot !== undefined || first <= known) return;
    for (const id of configuration.voters) {
      // One that was added since counted for nothing when they went.
      if (configuration.witnesses?.includes(id) === true || !this.#truth.isVoterAt(id, first - 1)) continue;
      const member = this.#hosts.find((other) => other.id === id)?.member;
      if (member !== undefined && member.host.log.lastIndex() < first - 1)
        throw new Violation(
          `witness: ${host.name} dropped entries up to ${first - 1}, of which ${member.host.log.lastIndex()} are all that ${id} has`,
        );
    }
  }

  /** What is committed must be held by a majority, of the configuration in force or of the one that is being changed. */
  #checkQuorum(host: SimulatedHost, member: Member, { commit: index = 0, configuration }: Effects): void {
    const term = member.host.log.term(index);
    const lacking = this.#hosts.filter(({ id, member: other }) => {
      // Who is down had it when it said so; and what is let go was committed.
      if (id === '' || other === undefined) return false;
      const { log } = other.host;
      if (index < log.firstIndex()) return false;
      return index > log.lastIndex() || log.term(index) !== term;
    });
    if (lacking.length === 0) return;
    const lacks = new Set(lacking.map(({ id }) => id));
    const before = member.host.configuration;
    const held = [configuration ?? before, before, this.#before.get(host.life) ?? before].some(
      ({ voters }) => voters.filter((id) => !lacks.has(id)).length > voters.length / 2,
    );
    if (!held)
      throw new Violation(
        `commit: ${host.name} commits ${index} of term ${term}, which ${lacking.map(({ name }) => name).join(', ')} lack`,
      );
  }

  /** All are promoted by themselves here: nobody may have decided that one counts that is not there. */
  #checkPromotion({ host: leader }: Member, index: number, data: Uint8Array): void {
    const change = readContext(decodeConfiguration(data).context)?.change;
    if (change?.kind !== 'promote') return;
    this.promotions += 1;
    const host = this.#hosts.find(({ id }) => id === change.id);
    const name = host?.name ?? change.id;
    if (!this.#truth.announced.has(change.id))
      throw new Violation(`members: ${name} is promoted at ${index} and never said that it runs`);
    const peer = leader.status.progress.get(change.id);
    if (peer === undefined || !peer.heard || peer.silentTicks >= leader.electionTicks)
      throw new Violation(`members: ${name} is promoted at ${index} by a leader that does not hear it`);
    const since = host === undefined ? 0 : host.goneSince;
    if (since !== undefined && this.#world.now - since > staleMs)
      throw new Violation(`members: ${name} is promoted at ${index} and not there`);
  }

  /** Called when a message arrives. Votes count once they left, for a crash may undo them before. */
  vote(from: NodeId, to: NodeId, term: number): void {
    const key = `${from}/${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== to)
      throw new Violation(`vote: ${from} voted for ${before} and ${to} in term ${term}`);
    this.#votes.set(key, to);
  }

  #checkEntry(host: SimulatedHost, entry: Entry, previous: number): void {
    const key = `${entry.index}/${entry.term}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { previous, entry });
      return;
    }
    if (known.previous !== previous)
      throw new Violation(`log matching: ${host.name} has another entry before ${key}`);
    if (known.entry.type !== entry.type || Buffer.compare(known.entry.data, entry.data) !== 0)
      throw new Violation(`log matching: ${host.name} has another entry ${key}`);
  }
}
