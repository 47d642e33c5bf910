/**
 * Applies committed log entries to the multi-version state, the users and what is known of the group, and hands the
 * changes to what waits for the disk (unflushed.ts).
 *
 * Invariant: what an entry does depends on the state and the entry only.
 */
import type { Configuration, Entry, NodeId } from '@timonier/raft';
import { GrpcError } from '@timonier/grpc';
import { applyAuth } from './auth/apply.ts';
import { AuthState } from './auth/auth-state.ts';
import { checkRequest } from './auth/check-request.ts';
import type { Tokens } from './auth/tokens.ts';
import { entryBatchCodec, type StoredRequest } from './codecs.ts';
import { etcdError } from './errors.ts';
import { GroupState } from './group-state.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Alarm } from './types.ts';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';
import type { MemberChange, StoredMember } from './membership/change.ts';
import type { ChangeOrigin } from './membership/context.ts';
import type { StateDisk, StateMeta, Turns } from './state-disk.ts';
import { deleteRange, put, txn } from './txn.ts';
import { Unflushed } from './unflushed.ts';
import { leaseCheckpointVersion, type VersionRange } from './versions/entry-versions.ts';

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

export class StateMachine {
  readonly #options: StateMachineOptions;
  readonly #bugs: KnownBugs;
  readonly #group: GroupState;
  readonly #unflushed: Unflushed;
  #state: Mvcc;
  #auth = new AuthState();
  #index = 0;
  #term = 0;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    this.#bugs = options.bugs ?? noBugs;
    this.#group = new GroupState(options);
    this.#state = new Mvcc(options.disk, this.#bugs);
    this.#unflushed = new Unflushed(this.#state, {
      disk: options.disk,
      describe: (record) => this.#describe(record),
      describedAt: () => this.#group.changedAt,
    });
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

  // The group: see GroupState.

  get configuration(): Configuration {
    return this.#group.configuration;
  }

  get members(): ReadonlyMap<NodeId, StoredMember> {
    return this.#group.members;
  }

  /** Who was taken out for good. */
  get removed(): ReadonlySet<NodeId> {
    return this.#group.removed;
  }

  /** The version of the log that all members agreed on; undefined when none was decided yet. */
  get clusterVersion(): number | undefined {
    return this.#group.version;
  }

  /** What members complain about. While one is out of space nobody may add anything. */
  get alarms(): readonly Alarm[] {
    return this.#group.alarms;
  }

  /** Whether nothing may be added; see `AlarmBook`. */
  get isFull(): boolean {
    return this.#group.isFull;
  }

  get isCorrupt(): boolean {
    return this.#group.isCorrupt;
  }

  /** Whether a majority was found to hold other data than this member: it must not go on. */
  isApart(id: NodeId): boolean {
    return this.#group.isApart(id);
  }

  // The disk: see Unflushed.

  /** The index and term the disk holds. */
  get flushed(): { readonly index: number; readonly term: number } {
    return this.#unflushed.flushed;
  }

  /**
   * Bytes of all records of the state, keys and sealed values, as of the last applied entry: the same on every member
   * that has taken away what was compacted. Changes of users that are not on disk yet may count more than they do.
   */
  get bytesInUse(): number {
    return this.#unflushed.stateBytes;
  }

  /** Whether enough has gathered that a flush should not wait for its turn. */
  get flushIsDue(): boolean {
    return this.#unflushed.isDue;
  }

  /** Brings the disk up to `durableIndex`, or up to what is applied. One flush runs at a time; calls join it. */
  flush(durableIndex: number): Promise<void> {
    return this.#unflushed.flush(durableIndex);
  }

  /** Ends writing to the disk, whose state is about to be replaced, until `load`. */
  suspend(): Promise<void> {
    return this.#unflushed.suspend();
  }

  #describe(record: JournalRecord): StateMeta {
    return {
      cluster: this.#options.cluster,
      index: record.index - (this.#bugs.has('entry-applied-twice') ? 1 : 0),
      term: record.term,
      revision: record.revision,
      compactRevision: record.compactRevision,
      ...this.#group.describe(),
    };
  }

  /**
   * Starts from what the disk holds: at the start, and after a snapshot was installed. Watchers are then told by
   * `WatchHub.replaced`, which brings each forward from where it was. Rejects with `IncompatibleVersionError`, before
   * anything was changed, when another release is needed for it. `turns` may rest between chunks of it.
   */
  async load(meta: StateMeta | undefined, turns?: Turns): Promise<void> {
    if (meta !== undefined) this.#group.check(meta);
    const state = new Mvcc(this.#options.disk, this.#bugs);
    const auth = new AuthState();
    this.#unflushed.drop();
    if (meta !== undefined) {
      await this.#options.disk.load(state, meta, turns);
      if (this.#unflushed.isSuspended && this.#bugs.has('snapshot-without-history'))
        state.index.compact(meta.revision, '', Infinity, () => undefined);
      await this.#options.disk.loadAuth(auth);
    }
    // Only now: nobody may see a state that is there in part.
    this.#state = state;
    this.#auth = auth;
    this.#unflushed.replaced(state, meta);
    this.#options.tokens?.clear();
    if (meta === undefined) return;
    this.#index = meta.index;
    this.#term = meta.term;
    this.#group.replace(meta);
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
    this.#unflushed.add(this.#state.takeJournal(entry.index, entry.term, this.#auth.takeOperations()));
    if (this.#state.revision > before) this.#options.onRevisions(before + 1, this.#state.revision);
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
    if (this.#unflushed.isSuspended || this.#options.disk.isReplacing || !this.#state.sweeping)
      return undefined;
    this.#state.sweep(blocks);
    const record = this.#state.takeJournal(this.#index, this.#term);
    if (record.operations.length > 0) this.#unflushed.add(record);
    let bytes = record.bytes;
    // What a block was is held too, to be taken out of the tally.
    for (const { before } of record.operations) if (Buffer.isBuffer(before)) bytes += before.length;
    return bytes;
  }

  #applyConfiguration(entry: Entry): void {
    const said = this.#group.configure(entry);
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
            ? { ...this.#group.apply(request, index), header: { revision: 0 } }
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
    this.#group.admit(request);
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
      if (this.#group.speaks(leaseCheckpointVersion) && decided.term === term)
        for (const { ID, remainingTtl } of decided.checkpoints) state.checkpointLease(ID, remainingTtl);
      return revision();
    }
    return { ...this.#group.apply(request, index), ...revision() };
  }
}
