/**
 * What is committed, as the first member that applied it shows it: revisions, leases and configurations. Every other
 * member must show the same, after each entry and, when it is audited, as a whole. How it came to be committed is looked
 * at in consensus.ts; whether the revisions are what clients asked for, in history.ts.
 */
import { type Configuration, decodeConfiguration, type Entry, type NodeId } from '@timonier/raft';
import { entryBatchCodec } from '../../../packages/store/src/codecs.ts';
import type { Member } from '../../../packages/store/src/member.ts';
import { readContext } from '../../../packages/store/src/membership/context.ts';
import { range } from '../../../packages/store/src/range.ts';
import type { KeyValue } from '../../../packages/store/src/types.ts';
import type { SimulatedHost } from './host.ts';
import { rangeRequest } from './requests.ts';
import { Violation, type World } from './world.ts';

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

export class Truth {
  /** By revision; 0 and 1 hold nothing. */
  readonly revisions: (readonly KeyValue[])[] = [[], []];
  /** Every change of a key, ascending. */
  readonly keys = new Map<string, KeyValue[]>();
  readonly leaseEnds: LeaseEnd[] = [];
  /** Leases that exist, and those that ever did. */
  readonly leases = new Set<bigint>();
  compactRevision = 0;
  audits = 0;
  /** By the index of its entry, as committed; the founders' first. */
  readonly configurations: { readonly index: number; readonly configuration: Configuration }[] = [];
  /** Who was taken out for good, and by which entry. */
  readonly removed = new Map<NodeId, number>();
  /** Who said once that it runs. */
  readonly announced = new Set<NodeId>();
  readonly #world: World;
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
  isVoterAt(id: NodeId, index: number): boolean {
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
      if (memberAttributes !== undefined) this.announced.add(memberAttributes.id);
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

const everything = rangeRequest('\0', '\0', { serializable: true });

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
