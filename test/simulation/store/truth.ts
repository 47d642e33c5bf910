/**
 * What is committed, as the first member that applied it shows it; every other member must show the same.
 *
 *   election safety      at most one leader a term, at most one vote of a member a term
 *   log matching         an entry is determined by its index and term, and so is its predecessor
 *   leader completeness  a new leader holds every entry committed before
 *   commit               what a leader commits is in the logs of a majority
 *   state machine        members agree on what is committed where, on the revisions it makes and on leases
 *   members              only a voter is elected, a witness takes nothing in, and no learner is promoted that is away or
 *                        was never there
 *
 * Whether the revisions are what clients asked for is another question: history.ts.
 */
import {
  type Configuration,
  decodeConfiguration,
  type Effects,
  type Entry,
  type NodeId,
} from '@timonier/raft';
import { entryBatchCodec } from '../../../packages/store/src/codecs.ts';
import type { Member } from '../../../packages/store/src/member.ts';
import { readContext } from '../../../packages/store/src/membership/context.ts';
import { range } from '../../../packages/store/src/range.ts';
import type { KeyValue } from '../../../packages/store/src/types.ts';
import type { SimulatedHost } from './host.ts';
import { type Life, Violation, type World } from './world.ts';

interface Applied {
  readonly term: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly leases: number;
  readonly version: number;
}

/** An end of a lease, when it was first applied. */
export interface LeaseEnd {
  readonly id: bigint;
  readonly at: number;
}

/** A learner that did not live for so long cannot seem healthy to anybody. In milliseconds. */
const staleMs = 4_000;

export class Truth {
  /** By revision; 0 and 1 hold nothing. */
  readonly revisions: (readonly KeyValue[])[] = [[], []];
  /** Every change of a key, ascending. */
  readonly keys = new Map<string, KeyValue[]>();
  readonly leaseEnds: LeaseEnd[] = [];
  /** Leases that exist, and those that ever did. */
  readonly leases = new Set<bigint>();
  compactRevision = 0;
  elections = 0;
  audits = 0;
  promotions = 0;
  /** By the index of its entry, as committed; the founders' first. */
  readonly configurations: { readonly index: number; readonly configuration: Configuration }[] = [];
  /** Who was taken out for good, and by which entry. */
  readonly removed = new Map<NodeId, number>();
  /** Who said once that it runs. */
  readonly #announced = new Set<NodeId>();
  /** Other hosts, to look into their logs. */
  hosts: readonly SimulatedHost[] = [];
  readonly #world: World;
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
  readonly #applied: Applied[] = [{ term: 0, revision: 1, compactRevision: 0, leases: 0, version: 0 }];

  constructor(world: World, founders: readonly NodeId[]) {
    this.#world = world;
    this.configurations.push({ index: 0, configuration: { voters: founders, learners: [] } });
  }

  /** The newest one that is committed and applied somewhere. */
  get configuration(): Configuration {
    return this.configurations.at(-1)?.configuration ?? { voters: [], learners: [] };
  }

  /** Whether `id` is a voter by the newest configuration that is committed up to `index`. */
  #isVoterAt(id: NodeId, index: number): boolean {
    const at = this.configurations.findLast((known) => known.index <= index);
    return at?.configuration.voters.includes(id) === true;
  }

  get revision(): number {
    return this.revisions.length - 1;
  }

  get index(): number {
    return this.#applied.length - 1;
  }

  /** The key at a revision; undefined when it did not exist. */
  at(key: string, revision: number): KeyValue | undefined {
    const changes = this.keys.get(key);
    if (changes === undefined) return undefined;
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((changes[middle]?.modRevision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    const found = changes[low - 1];
    return found === undefined || found.version === 0 ? undefined : found;
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
    if (effects.accepted !== undefined && (this.removed.get(host.id) ?? Infinity) <= member.host.commitIndex)
      throw new Violation(`members: ${host.name} knows that it was removed, leads on and takes proposals`);
    for (const entry of lone ? [] : effects.append) this.#checkEntry(host, entry, log.term(entry.index - 1));
    if (roleChange?.role === 'leader') {
      const { term } = roleChange;
      const known = this.#leaders.get(term);
      if (known !== undefined && known !== host.id)
        throw new Violation(`election safety: ${known} and ${host.name} lead term ${term}`);
      this.#leaders.set(term, host.id);
      const { voters } = effects.configuration ?? member.host.configuration;
      if (!voters.includes(host.id) && !this.#isVoterAt(host.id, member.host.commitIndex))
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

  /** It has no state to send in the place of entries, so what it drops must be with every full voter. */
  #checkWitness(host: SimulatedHost, { host: { log, configuration } }: Member, effects: Effects): void {
    const first = log.firstIndex();
    const known = this.#firstHeld.get(host.life) ?? first;
    this.#firstHeld.set(host.life, first);
    if (effects.installSnapshot !== undefined || first <= known) return;
    for (const id of configuration.voters) {
      // One that was added since counted for nothing when they went.
      if (configuration.witnesses?.includes(id) === true || !this.#isVoterAt(id, first - 1)) continue;
      const member = this.hosts.find((other) => other.id === id)?.member;
      if (member !== undefined && member.host.log.lastIndex() < first - 1)
        throw new Violation(
          `witness: ${host.name} dropped entries up to ${first - 1}, of which ${member.host.log.lastIndex()} are all that ${id} has`,
        );
    }
  }

  /** What is committed must be held by a majority, of the configuration in force or of the one that is being changed. */
  #checkQuorum(host: SimulatedHost, member: Member, { commit: index = 0, configuration }: Effects): void {
    const term = member.host.log.term(index);
    const lacking = this.hosts.filter(({ id, member: other }) => {
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
    const host = this.hosts.find(({ id }) => id === change.id);
    const name = host?.name ?? change.id;
    if (!this.#announced.has(change.id))
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

  /** Called when a member has applied an entry. */
  apply(host: SimulatedHost, member: Member, entry: Entry): void {
    // It has no state that could be compared.
    if (host.witness) return;
    const { machine } = member;
    const { state } = machine;
    const { index, term } = entry;
    const now: Applied = {
      term,
      revision: state.revision,
      compactRevision: state.compactRevision,
      leases: state.leases.size,
      version: machine.clusterVersion ?? 0,
    };
    const known = this.#applied[index];
    if (known === undefined) {
      const before = this.#applied[index - 1];
      if (before === undefined) throw new Violation(`${host.name} applied ${index} and nobody ${index - 1}`);
      if (now.revision < before.revision)
        throw new Violation(`revision: ${host.name} goes back from ${before.revision} to ${now.revision}`);
      this.#applied.push(now);
      if (entry.type === 'config') this.#learnConfiguration(entry);
      for (let main = before.revision + 1; main <= now.revision; main += 1) this.#learn(host, member, main);
      this.compactRevision = now.compactRevision;
      this.#learnRequests(entry, state.leases);
      this.#world.mix(now.revision);
      return;
    }
    if (
      known.term !== now.term ||
      known.revision !== now.revision ||
      known.compactRevision !== now.compactRevision ||
      known.leases !== now.leases ||
      known.version !== now.version
    )
      throw new Violation(
        `state machine: after ${index} ${host.name} has ${JSON.stringify(now)}, others had ${JSON.stringify(known)}`,
      );
    const from = (this.#applied[index - 1]?.revision ?? 0) + 1;
    for (let main = from; main <= now.revision; main += 1) this.#compare(host, member, main);
  }

  #learnConfiguration({ index, data }: Entry): void {
    const { configuration, context } = decodeConfiguration(data);
    this.configurations.push({ index, configuration });
    const change = readContext(context)?.change;
    if (change?.kind === 'remove') this.removed.set(change.id, index);
  }

  #learn(host: SimulatedHost, member: Member, main: number): void {
    const changes = member.machine.state.changes(main);
    if (changes === undefined) throw new Violation(`${host.name} has nothing at revision ${main}`);
    this.revisions[main] = changes;
    for (const change of changes) {
      const key = change.key.toString('latin1');
      const list = this.keys.get(key);
      if (list === undefined) this.keys.set(key, [change]);
      else list.push(change);
    }
  }

  #compare(host: SimulatedHost, member: Member, main: number): void {
    const changes = member.machine.state.changes(main) ?? [];
    const truth = this.revisions[main] ?? [];
    if (changes.length !== truth.length || !changes.every((change, i) => sameKeyValue(change, truth[i])))
      throw new Violation(
        `state machine: ${host.name} made ${describe(changes)} of revision ${main}, others ${describe(truth)}`,
      );
  }

  #learnRequests({ type, data }: Entry, leases: Member['machine']['state']['leases']): void {
    if (type !== 'normal') return;
    const { requests } = entryBatchCodec.decode(Buffer.from(data));
    for (const { leaseGrant, leaseRevoke, leaseExpiry, memberAttributes } of requests) {
      if (memberAttributes !== undefined) this.#announced.add(memberAttributes.id);
      if (leaseGrant !== undefined && leases.has(leaseGrant.ID)) this.leases.add(leaseGrant.ID);
      const id = leaseRevoke?.ID ?? leaseExpiry?.ID;
      if (id !== undefined && !leases.has(id) && this.leases.delete(id))
        this.leaseEnds.push({ id, at: this.#world.now });
    }
  }

  /** Compares all of a member's state with what it must be at the index it has applied. */
  audit(host: SimulatedHost, member: Member): void {
    if (host.witness) return;
    const { machine } = member;
    const { state } = machine;
    const known = this.#applied[machine.appliedIndex];
    if (known === undefined)
      throw new Violation(`${host.name} applied ${machine.appliedIndex}, nobody else did`);
    this.audits += 1;
    if (state.revision !== known.revision || state.compactRevision !== known.compactRevision)
      throw new Violation(
        `state machine: at ${machine.appliedIndex} ${host.name} is at revision ${state.revision} compacted at ${state.compactRevision}, not ${known.revision} and ${known.compactRevision}`,
      );
    if ((machine.clusterVersion ?? 0) !== known.version)
      throw new Violation(`version: ${host.name} is at ${machine.clusterVersion}, not ${known.version}`);
    if (state.leases.size !== known.leases)
      throw new Violation(
        `leases: at ${machine.appliedIndex} ${host.name} knows ${state.leases.size} leases, not ${known.leases}`,
      );
    const oldest = Math.max(1, known.compactRevision);
    const { random } = this.#world;
    for (const revision of [known.revision, oldest + random.below(known.revision - oldest + 1)])
      this.#compareAll(host, member, revision);
    const from = Math.max(2, known.compactRevision + 1, known.revision - 300);
    for (let main = from; main <= known.revision; main += 1) this.#compare(host, member, main);
  }

  #compareAll(host: SimulatedHost, member: Member, revision: number): void {
    const { kvs } = range(member.machine.state, { ...everything, revision });
    let count = 0;
    for (const kv of kvs) {
      const expected = this.at(kv.key.toString('latin1'), revision);
      if (!sameKeyValue(kv, expected))
        throw new Violation(
          `state machine: at revision ${revision} ${host.name} has ${describe([kv])}, not ${describe(expected === undefined ? [] : [expected])}`,
        );
      count += 1;
    }
    let expected = 0;
    for (const key of this.keys.keys()) if (this.at(key, revision) !== undefined) expected += 1;
    if (count !== expected)
      throw new Violation(
        `state machine: at revision ${revision} ${host.name} has ${count} keys, not ${expected}`,
      );
  }
}

const everything = {
  key: Buffer.from([0]),
  rangeEnd: Buffer.from([0]),
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: true,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

export function sameKeyValue(a: KeyValue, b: KeyValue | undefined): boolean {
  return (
    b !== undefined &&
    a.modRevision === b.modRevision &&
    a.version === b.version &&
    a.createRevision === b.createRevision &&
    a.lease === b.lease &&
    a.key.equals(b.key) &&
    a.value.equals(b.value)
  );
}

export function describe(changes: readonly KeyValue[]): string {
  const texts = changes.map(
    ({ key, value, modRevision, version, lease }) =>
      `${key.toString()}=${version === 0 ? 'deleted' : value.toString()}@${modRevision}v${version}${lease === 0n ? '' : `/${lease}`}`,
  );
  return `[${texts.join(', ')}]`;
}
