/**
 * What a state knows of the group that it belongs to: the configuration, who the members are, what they complain about
 * and which version of the log all of them agreed on. A witness has this part of a state and no other.
 *
 * Part of what is applied: it depends on the log alone.
 */
import { type Configuration, decodeConfiguration, type Entry, type NodeId } from '@timonier/raft';
import { AlarmBook } from './alarm-book.ts';
import type { ClusterVersionChange, StoredRequest } from './codecs.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { MemberBook } from './membership/book.ts';
import type { StoredMember } from './membership/change.ts';
import { type ChangeContext, readContext } from './membership/context.ts';
import type { StateMeta } from './state-meta.ts';
import type { Alarm } from './types.ts';
import {
  apartVersion,
  checkCarriesOut,
  firstVersion,
  spoken,
  type VersionRange,
} from './versions/entry-versions.ts';

export interface GroupStateOptions {
  readonly configuration: Configuration;
  readonly members: readonly StoredMember[];
  /** Which versions of the log this release carries out; what it does when absent. */
  readonly versions?: VersionRange;
  readonly bugs?: KnownBugs;
}

/** The part of `StateMeta` that is about the group. */
export type GroupMeta = Pick<
  StateMeta,
  'configuration' | 'members' | 'removed' | 'alarms' | 'clusterVersion'
>;

export class GroupState {
  readonly #versions: VersionRange;
  readonly #bugs: KnownBugs;
  readonly #book: MemberBook;
  readonly #alarms = new AlarmBook();
  #configuration: Configuration;
  #version: number | undefined;
  #changedAt = 0;

  constructor(options: GroupStateOptions) {
    this.#versions = options.versions ?? spoken;
    this.#bugs = options.bugs ?? noBugs;
    this.#book = new MemberBook(options.members);
    this.#configuration = options.configuration;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get members(): ReadonlyMap<NodeId, StoredMember> {
    return this.#book.members;
  }

  /** Who was taken out for good. */
  get removed(): ReadonlySet<NodeId> {
    return this.#book.removed;
  }

  /** The version of the log that all members agreed on; undefined when none was decided yet. */
  get version(): number | undefined {
    return this.#version;
  }

  get alarms(): readonly Alarm[] {
    return this.#alarms.raised;
  }

  /** The last entry that changed anything of it. */
  get changedAt(): number {
    return this.#changedAt;
  }

  /** Whether nothing may be added; see `AlarmBook`. */
  get isFull(): boolean {
    return this.#alarms.isFull(this.#configuration.voters);
  }

  /** Whether members differ and nobody knows which are right. */
  get isCorrupt(): boolean {
    return this.#alarms.isCorrupt;
  }

  /** Whether a majority was found to hold other data than this member: it must not go on. */
  isApart(id: NodeId): boolean {
    return this.#alarms.isApart(id);
  }

  /** Whether what a version of the log brought is in force. */
  speaks(version: number): boolean {
    return (this.#version ?? firstVersion) >= version;
  }

  /** Throws `IncompatibleVersionError` when another release is needed for a state that says this of itself. */
  check(meta: StateMeta): void {
    checkCarriesOut(this.#versions, meta.clusterVersion ?? firstVersion);
  }

  /** Takes what another state says of itself. */
  replace(meta: StateMeta): void {
    this.#configuration = meta.configuration;
    this.#alarms.replace(meta.alarms ?? []);
    this.#version = meta.clusterVersion;
    this.#changedAt = meta.index;
    this.#book.replace(meta.members, meta.removed ?? []);
  }

  /** For the next batch to the disk. */
  describe(): GroupMeta {
    return {
      configuration: this.#configuration,
      members: [...this.#book.members.values()],
      removed: this.#bugs.has('removal-forgotten') ? [] : [...this.#book.removed],
      alarms: this.#alarms.raised,
      ...(this.#version === undefined ? {} : { clusterVersion: this.#version }),
    };
  }

  /** Applies an entry of type `config`. Returns what its proposer said about it, if anything. */
  configure(entry: Entry): ChangeContext | undefined {
    const { configuration, context } = decodeConfiguration(entry.data);
    this.#configuration = configuration;
    this.#changedAt = entry.index;
    const said = readContext(context);
    if (said !== undefined) this.#book.apply(said.change);
    return said;
  }

  /** Throws etcd's error when alarms forbid a request. */
  admit(request: StoredRequest): void {
    if (this.#alarms.raised.length > 0) this.#alarms.check(request, this.#configuration.voters);
  }

  /**
   * Carries out what concerns members and no keys, and returns the answer; nothing for all other requests. Throws
   * `IncompatibleVersionError` when this release cannot go on with what was decided.
   */
  apply(request: StoredRequest, index: number): object {
    const { memberAttributes, clusterVersion, alarm: change } = request;
    if (memberAttributes === undefined && clusterVersion === undefined && change === undefined) return {};
    this.#changedAt = index;
    if (memberAttributes !== undefined) this.#book.announced(memberAttributes);
    if (clusterVersion !== undefined) this.#raiseVersion(clusterVersion);
    return change === undefined ? {} : this.#alarms.apply(change, this.speaks(apartVersion));
  }

  #raiseVersion({ version, members }: ClusterVersionChange): void {
    const known = new Set(members);
    if (version <= (this.#version ?? 0) || [...this.#book.members.keys()].some((id) => !known.has(id)))
      return;
    // Not an answer to the client: a member that cannot follow must end here, and another release go on.
    checkCarriesOut(this.#versions, version);
    this.#version = version;
  }
}
