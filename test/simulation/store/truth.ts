/**
 * What is committed, as the first member that applied it shows it; every other member must show the same.
 *
 *   election safety      at most one leader a term, at most one vote of a member a term
 *   log matching         an entry is determined by its index and term, and so is its predecessor
 *   leader completeness  a new leader holds every entry committed before
 *   state machine        members agree on what is committed where, on the revisions it makes and on leases
 *
 * Whether the revisions are what clients asked for is another question: history.ts.
 */
import type { Effects, Entry, NodeId } from '@timonier/raft';
import { entryBatchCodec } from '../../../packages/store/src/codecs.ts';
import type { Member } from '../../../packages/store/src/member.ts';
import { range } from '../../../packages/store/src/range.ts';
import type { KeyValue } from '../../../packages/store/src/types.ts';
import type { SimulatedHost } from './host.ts';
import { type Life, Violation, type World } from './world.ts';

interface Applied {
  readonly term: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly leases: number;
}

/** An end of a lease, when it was first applied. */
export interface LeaseEnd {
  readonly id: bigint;
  readonly at: number;
}

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
  readonly #world: World;
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #entries = new Map<string, { readonly previous: number; readonly entry: Entry }>();
  readonly #committed: number[] = [0];
  /** By life: commits up to here were looked at. */
  readonly #checked = new WeakMap<Life, number>();
  readonly #applied: Applied[] = [{ term: 0, revision: 1, compactRevision: 0, leases: 0 }];

  constructor(world: World) {
    this.#world = world;
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
    const log = host.member?.host.log;
    const { roleChange } = effects;
    if (log === undefined) return;
    // A lone voter may lose the term with its entries, of which nothing has left it then.
    const lone = host.cluster.members.length === 1;
    for (const entry of lone ? [] : effects.append) this.#checkEntry(host, entry, log.term(entry.index - 1));
    if (roleChange?.role === 'leader') {
      const { term } = roleChange;
      const known = this.#leaders.get(term);
      if (known !== undefined && known !== host.name)
        throw new Violation(`election safety: ${known} and ${host.name} lead term ${term}`);
      this.#leaders.set(term, host.name);
      this.elections += 1;
      const last = log.lastIndex();
      for (let index = log.firstIndex(); index < this.#committed.length; index += 1) {
        const committed = this.#committed[index] ?? 0;
        if (committed >= term) continue;
        if (index > last || log.term(index) !== committed)
          throw new Violation(
            `leader completeness: ${host.name}, leader of ${term}, lacks entry ${index} of term ${committed}`,
          );
      }
    }
    if (effects.commit !== undefined) {
      const from = Math.max(log.firstIndex(), (this.#checked.get(host.life) ?? 0) + 1);
      this.#checked.set(host.life, effects.commit);
      for (let index = from; index <= effects.commit; index += 1) {
        const known = this.#committed[index];
        const term = log.term(index);
        if (known === undefined) this.#committed[index] = term;
        else if (known !== term)
          throw new Violation(
            `state machine: ${host.name} commits an entry of term ${term} at ${index}, where one of ${known} is committed`,
          );
      }
    }
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
    const { machine } = member;
    const { state } = machine;
    const { index, term } = entry;
    const now: Applied = {
      term,
      revision: state.revision,
      compactRevision: state.compactRevision,
      leases: state.leases.size,
    };
    const known = this.#applied[index];
    if (known === undefined) {
      const before = this.#applied[index - 1];
      if (before === undefined) throw new Violation(`${host.name} applied ${index} and nobody ${index - 1}`);
      if (now.revision < before.revision)
        throw new Violation(`revision: ${host.name} goes back from ${before.revision} to ${now.revision}`);
      this.#applied.push(now);
      for (let main = before.revision + 1; main <= now.revision; main += 1) this.#learn(host, member, main);
      this.compactRevision = now.compactRevision;
      this.#learnLeases(entry, state.leases);
      this.#world.mix(now.revision);
      return;
    }
    if (
      known.term !== now.term ||
      known.revision !== now.revision ||
      known.compactRevision !== now.compactRevision ||
      known.leases !== now.leases
    )
      throw new Violation(
        `state machine: after ${index} ${host.name} has ${JSON.stringify(now)}, others had ${JSON.stringify(known)}`,
      );
    const from = (this.#applied[index - 1]?.revision ?? 0) + 1;
    for (let main = from; main <= now.revision; main += 1) this.#compare(host, member, main);
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

  #learnLeases({ type, data }: Entry, leases: Member['machine']['state']['leases']): void {
    if (type !== 'normal') return;
    for (const { leaseGrant, leaseRevoke, leaseExpiry } of entryBatchCodec.decode(Buffer.from(data))
      .requests) {
      if (leaseGrant !== undefined && leases.has(leaseGrant.ID)) this.leases.add(leaseGrant.ID);
      const id = leaseRevoke?.ID ?? leaseExpiry?.ID;
      if (id !== undefined && !leases.has(id) && this.leases.delete(id))
        this.leaseEnds.push({ id, at: this.#world.now });
    }
  }

  /** Compares all of a member's state with what it must be at the index it has applied. */
  audit(host: SimulatedHost, member: Member): void {
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
