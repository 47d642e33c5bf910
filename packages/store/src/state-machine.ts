/**
 * Applies committed log entries to the multi-version state and hands the changes to the disk in synced batches.
 *
 * What an entry does depends on the state and the entry only. Invariant: the disk never holds an entry that the local
 * log could still lose, because only journal records up to the locally durable index are flushed.
 */
import { decodeConfiguration, type Configuration, type Entry, type NodeId } from '@timonier/raft';
import { GrpcError } from '@timonier/grpc';
import { AlarmBook } from './alarm-book.ts';
import { applyAuth } from './auth/apply.ts';
import { AuthState } from './auth/auth-state.ts';
import { checkRequest } from './auth/check-request.ts';
import type { Tokens } from './auth/tokens.ts';
import { type ClusterVersionChange, entryBatchCodec, type StoredRequest } from './codecs.ts';
import { etcdError } from './errors.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Alarm } from './types.ts';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';
import { MemberBook } from './membership/book.ts';
import type { MemberChange, StoredMember } from './membership/change.ts';
import { type ChangeOrigin, readContext } from './membership/context.ts';
import type { StateDisk, StateMeta, Turns } from './state-disk.ts';
import { deleteRange, put, txn } from './txn.ts';
import {
  apartVersion,
  checkCarriesOut,
  firstVersion,
  leaseCheckpointVersion,
  spoken,
  type VersionRange,
} from './versions/entry-versions.ts';

export type ApplyResult = object;

export interface StateMachineOptions {
  readonly disk: StateDisk;
  readonly bugs?: KnownBugs;
  readonly cluster: string;
  readonly members: readonly StoredMember[];
  readonly configuration: Configuration;
  /** Whether only who belongs to the group is kept, and no keys: a witness. */
  readonly stateless?: boolean;
  /** Which versions of the log it carries out; what this release does when absent. */
  readonly versions?: VersionRange;
  /** Answers the request of this process that waits for the result, if there is one. */
  readonly onResult: (proposer: number, id: number, result: ApplyResult | GrpcError) => void;
  /** New revisions exist, `from` to `to` inclusive. */
  readonly onRevisions: (from: number, to: number) => void;
  readonly onCompacted: (revision: number) => void;
  /** Told of what was authenticated and of users that changed; no part of the state. */
  readonly tokens?: Tokens;
  /** Who belongs to the group, or what is known of them, changed by this entry. */
  readonly onMembership: (entry: Entry, change?: MemberChange, origin?: ChangeOrigin) => void;
  readonly onLease: (id: bigint, change: 'granted' | 'revoked') => void;
}

const flushBytes = 4 * 1024 * 1024;
/** Records whose contents leave memory in one turn. */
const sliceRecords = 1_000;

export class StateMachine {
  readonly #options: StateMachineOptions;
  readonly #bugs: KnownBugs;
  readonly #versions: VersionRange;
  #state: Mvcc;
  #auth = new AuthState();
  #index = 0;
  #term = 0;
  #configuration: Configuration;
  #version: number | undefined;
  /** The last entry that changed what a state says about itself. */
  #metaIndex = 0;
  readonly #book: MemberBook;
  readonly #alarms = new AlarmBook();
  #journal: JournalRecord[] = [];
  #journalBytes = 0;
  /** Of the records on disk as of the last flush, and by how much they will grow with the journal. */
  #flushedBytes = 0;
  #journalGrowth = 0;
  #flushedIndex = 0;
  #flushedTerm = 0;
  #flushing: Promise<void> | undefined;
  #replacing = false;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
    this.#book = new MemberBook(options.members);
    this.#bugs = options.bugs ?? noBugs;
    this.#versions = options.versions ?? spoken;
    this.#state = new Mvcc(options.disk, this.#bugs);
  }

  get state(): Mvcc {
    return this.#state;
  }

  /** Users, roles and whether they count. */
  get auth(): AuthState {
    return this.#auth;
  }

  get appliedIndex(): number {
    return this.#index;
  }

  /** The index and term the disk holds. */
  get flushed(): { readonly index: number; readonly term: number } {
    return { index: this.#flushedIndex, term: this.#flushedTerm };
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
  get clusterVersion(): number | undefined {
    return this.#version;
  }

  /** What members complain about. While one is out of space nobody may add anything. */
  get alarms(): readonly Alarm[] {
    return this.#alarms.raised;
  }

  /**
   * Bytes of all records of the state, keys and sealed values, as of the last applied entry: the same on every member
   * that has taken away what was compacted. Changes of users that are not on disk yet may count more than they do.
   */
  get bytesInUse(): number {
    return this.#flushedBytes + this.#journalGrowth;
  }

  /** Whether enough has gathered that a flush should not wait for its turn. */
  get flushIsDue(): boolean {
    return this.#journalBytes >= flushBytes && this.#flushing === undefined;
  }

  /** Ends writing to the disk, whose state is about to be replaced, until `load`. */
  async suspend(): Promise<void> {
    this.#replacing = true;
    await this.#flushing;
  }

  /**
   * Starts from what the disk holds: at the start, and after a snapshot was installed. Watchers are then told by
   * `WatchHub.replaced`, which brings each forward from where it was. Rejects with `IncompatibleVersionError`, before
   * anything was changed, when another release is needed for it. `turns` may rest between chunks of it.
   */
  async load(meta: StateMeta | undefined, turns?: Turns): Promise<void> {
    if (meta !== undefined) checkCarriesOut(this.#versions, meta.clusterVersion ?? firstVersion);
    const state = new Mvcc(this.#options.disk, this.#bugs);
    const auth = new AuthState();
    this.#journal = [];
    this.#journalBytes = 0;
    if (meta !== undefined) {
      await this.#options.disk.load(state, meta, turns);
      if (this.#replacing && this.#bugs.has('snapshot-without-history'))
        state.index.compact(meta.revision, '', Infinity, () => undefined);
      await this.#options.disk.loadAuth(auth);
    }
    // Only now: nobody may see a state that is there in part.
    this.#state = state;
    this.#auth = auth;
    this.#flushedBytes = this.#options.disk.tally.bytes;
    this.#journalGrowth = 0;
    this.#options.tokens?.clear();
    this.#replacing = false;
    if (meta === undefined) return;
    this.#index = this.#flushedIndex = meta.index;
    this.#term = this.#flushedTerm = meta.term;
    this.#configuration = meta.configuration;
    this.#alarms.replace(meta.alarms ?? []);
    this.#version = meta.clusterVersion;
    this.#metaIndex = meta.index;
    this.#book.replace(meta.members, meta.removed ?? []);
  }

  /** Applies the next entry. */
  apply(entry: Entry): void {
    if (entry.index !== this.#index + 1)
      throw new Error(`entry ${entry.index} cannot follow applied entry ${this.#index}`);
    const before = this.#state.revision;
    if (entry.type === 'config') this.#applyConfiguration(entry);
    else if (entry.type === 'normal') this.#applyBatch(entry);
    this.#index = entry.index;
    this.#term = entry.term;
    this.#note(this.#state.takeJournal(entry.index, entry.term, this.#auth.takeOperations()));
    if (this.#state.revision > before) this.#options.onRevisions(before + 1, this.#state.revision);
  }

  #note(record: JournalRecord): void {
    this.#journal.push(record);
    this.#journalBytes += record.bytes;
    this.#journalGrowth += record.growth;
  }

  /** Whether what entries may ask for can be read; they wait while the database is opened again. */
  get canApply(): boolean {
    return !this.#options.disk.isReplacing;
  }

  /**
   * Takes away a slice of the history that was compacted. Returns how many bytes wait for the disk because of it;
   * undefined when nothing is left, or nothing can be read for the moment. `blocks` of history are rewritten at most.
   */
  sweep(blocks: number): number | undefined {
    if (this.#replacing || this.#options.disk.isReplacing || !this.#state.sweeping) return undefined;
    this.#state.sweep(blocks);
    const record = this.#state.takeJournal(this.#index, this.#term);
    if (record.operations.length > 0) this.#note(record);
    let bytes = record.bytes;
    // What a block was is held too, to be taken out of the tally.
    for (const { before } of record.operations) if (Buffer.isBuffer(before)) bytes += before.length;
    return bytes;
  }

  #applyConfiguration(entry: Entry): void {
    const { configuration, context } = decodeConfiguration(entry.data);
    this.#configuration = configuration;
    this.#metaIndex = entry.index;
    const said = readContext(context);
    if (said !== undefined) this.#book.apply(said.change);
    this.#options.onMembership(entry, said?.change, said?.origin);
  }

  #applyBatch({ data, index, term }: Entry): void {
    // Copied once: keys and values stay as views of it, and must not keep a larger network buffer alive.
    const bytes = Buffer.allocUnsafeSlow(data.byteLength);
    bytes.set(data);
    const { proposer, requests } = entryBatchCodec.decode(bytes);
    for (const request of requests) {
      let result: ApplyResult | GrpcError;
      try {
        result =
          this.#options.stateless === true
            ? { ...this.#runAboutMembers(request, index), header: { revision: 0 } }
            : this.#run(request, index, term);
      } catch (error) {
        // Anything but an answer to the client would make members differ; so would one that only this member has,
        // because its disk could not be read.
        if (!(error instanceof GrpcError) || !this.canApply) throw error;
        result = error;
      }
      this.#options.onResult(proposer, request.id, result);
    }
  }

  #run(request: StoredRequest, index: number, term: number): ApplyResult {
    const state = this.#state;
    const revision = (): { header: { revision: number } } => ({ header: { revision: state.revision } });
    if (this.#auth.enabled) checkRequest(this.#auth, state, request);
    if (this.#alarms.raised.length > 0) this.#alarms.check(request, this.#configuration.voters);
    if (request.put !== undefined) {
      const input = request.put;
      return { ...state.write(() => put(state, input)), ...revision() };
    }
    if (request.txn !== undefined) {
      const input = request.txn;
      return { ...state.write(() => txn(state, input)), ...revision() };
    }
    if (request.deleteRange !== undefined) {
      const input = request.deleteRange;
      return { ...state.write(() => deleteRange(state, input)), ...revision() };
    }
    if (request.compaction !== undefined) {
      const { revision: target } = request.compaction;
      if (target <= state.compactRevision) throw etcdError.compacted();
      if (target > state.revision) throw etcdError.futureRevision();
      state.compact(target);
      this.#options.onCompacted(target);
      return revision();
    }
    if (request.leaseGrant !== undefined) {
      const { ID, TTL } = request.leaseGrant;
      if (state.leases.has(ID)) throw etcdError.leaseExists();
      state.grantLease(ID, TTL);
      this.#options.onLease(ID, 'granted');
      return { ...revision(), ID, TTL };
    }
    // Another leader has given every lease its full time again, and may have renewed it since.
    if (
      request.leaseExpiry !== undefined &&
      request.leaseExpiry.term !== term &&
      !this.#bugs.has('expiry-of-old-leader')
    )
      return revision();
    const ended = request.leaseRevoke ?? request.leaseExpiry;
    if (ended !== undefined) {
      const { ID } = ended;
      if (!state.leases.has(ID)) throw etcdError.leaseNotFound();
      state.revokeLease(ID);
      this.#options.onLease(ID, 'revoked');
      return revision();
    }
    if (request.auth !== undefined || request.authenticate !== undefined)
      return { ...applyAuth(this.#auth, this.#options.tokens, request, index), ...revision() };
    if (request.leaseCheckpoints !== undefined) {
      const decided = request.leaseCheckpoints;
      // As above: another leader may have renewed them since.
      if (this.#speaks(leaseCheckpointVersion) && decided.term === term)
        for (const { ID, remainingTtl } of decided.checkpoints) state.checkpointLease(ID, remainingTtl);
      return revision();
    }
    return { ...this.#runAboutMembers(request, index), ...revision() };
  }

  /** Whether what a version brought is in force. */
  #speaks(version: number): boolean {
    return (this.#version ?? firstVersion) >= version;
  }

  /** What concerns members and no keys; nothing for all other requests. */
  #runAboutMembers(request: StoredRequest, index: number): object {
    const { memberAttributes, clusterVersion, alarm: change } = request;
    if (memberAttributes === undefined && clusterVersion === undefined && change === undefined) return {};
    this.#metaIndex = index;
    if (memberAttributes !== undefined) this.#book.announced(memberAttributes);
    if (clusterVersion !== undefined) this.#raiseVersion(clusterVersion);
    return change === undefined ? {} : this.#alarms.apply(change, this.#speaks(apartVersion));
  }

  #raiseVersion({ version, members }: ClusterVersionChange): void {
    const known = new Set(members);
    if (version <= (this.#version ?? 0) || [...this.#book.members.keys()].some((id) => !known.has(id)))
      return;
    // Not an answer to the client: a member that cannot follow must end here, and another release go on.
    checkCarriesOut(this.#versions, version);
    this.#version = version;
  }

  /** Whether nothing may be added; see `AlarmBook`. */
  get isFull(): boolean {
    return this.#alarms.isFull(this.#configuration.voters);
  }

  get isCorrupt(): boolean {
    return this.#alarms.isCorrupt;
  }

  /** Whether a majority was found to hold other data than this member: it must not go on. */
  isApart(id: NodeId): boolean {
    return this.#alarms.isApart(id);
  }

  /** Brings the disk up to `durableIndex`, or up to what is applied. One flush runs at a time; calls join it. */
  flush(durableIndex: number): Promise<void> {
    if (this.#replacing) return Promise.resolve();
    this.#flushing ??= this.#flush(durableIndex).finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flush(durableIndex: number): Promise<void> {
    let count = 0;
    while (count < this.#journal.length && (this.#journal[count]?.index ?? Infinity) <= durableIndex) count++;
    const records = this.#journal.slice(0, count);
    const last = records.at(-1);
    if (last === undefined) return;
    // What a state says about itself must not be ahead of the index beside it: entries between the two are carried out
    // again after a crash, and with an alarm or a version of later they would do something else. Wait for it.
    if (this.#metaIndex > last.index) return;
    const state = this.#state;
    await this.#options.disk.flush(records, this.#metaAt(last));
    if (state !== this.#state) return;
    this.#journal = this.#journal.slice(count);
    // In one turn, for nothing may be counted twice.
    this.#flushedBytes = this.#options.disk.tally.bytes;
    for (const record of records) {
      this.#journalBytes -= record.bytes;
      this.#journalGrowth -= record.growth;
    }
    for (const [i, record] of records.entries()) {
      if (i > 0 && i % sliceRecords === 0) await this.#options.disk.pause();
      state.flushed(record);
    }
    this.#flushedIndex = last.index;
    this.#flushedTerm = last.term;
  }

  #metaAt(record: JournalRecord): StateMeta {
    return {
      cluster: this.#options.cluster,
      index: record.index - (this.#bugs.has('entry-applied-twice') ? 1 : 0),
      term: record.term,
      revision: record.revision,
      compactRevision: record.compactRevision,
      configuration: this.#configuration,
      members: [...this.#book.members.values()],
      removed: this.#bugs.has('removal-forgotten') ? [] : [...this.#book.removed],
      alarms: this.#alarms.raised,
      ...(this.#version === undefined ? {} : { clusterVersion: this.#version }),
    };
  }
}
