/**
 * The multi-version state on disk, in LevelDB.
 *
 * LevelDB may lose unsynced writes out of order, so it is only ever written in synced batches that carry the log
 * index they bring the state to; a crash leaves the state of an earlier batch, and the log brings it forward. It does
 * not look at its checksums when it reads, so every record has a seal and all together a tally (state-seal.ts): what
 * was damaged or lost is found and never served.
 * A snapshot from the leader is built in a folder beside and takes the place of the state in one rename.
 */
import { type AuthState, authKeys } from './auth/auth-state.ts';
import type { Clock } from './clock.ts';
import { type DiskRoom, isDiskFull } from './disk-room.ts';
import { etcdError } from './errors.ts';
import { type Batch, DoubtfulBatch } from './doubtful-batch.ts';
import { giveBack } from '@timonier/component/give-back';
import { IncomingState } from './incoming-state.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { folderLevels, type Level, type Levels } from './levels.ts';
import { describing, isBehindBlocks, isEmpty, type MetaKeys, readMeta } from './meta-records.ts';
import type { Mvcc } from './mvcc.ts';
import { rejoinAdvice } from './recover-advice.ts';
import { piecesOf, type SnapshotPiece } from './snapshot-pieces.ts';
import { SnapshotReaders } from './snapshot-readers.ts';
import { batchOf } from './state-batch.ts';
import type { StateMeta } from './state-meta.ts';
import { current, StatePlaces } from './state-places.ts';
import { rewriteFiles } from './state-reclaim.ts';
import { isBlockKey, type JournalRecord, leasePrefix } from './state-records.ts';
import { emptyTally, sameTally, StateCorruptError, type Tally, TallyCounter, unseal } from './state-seal.ts';
import { type Chunk, chunksOf, readAheadBytes, type StateView, viewOf } from './state-view.ts';

export type { StateMeta, StoredMember } from './state-meta.ts';

/** Hands on chunks of a state, when it sees fit. */
export type Turns = (chunks: AsyncIterable<Chunk>) => AsyncIterable<Chunk>;

export class StateDisk {
  /** What is being received, until `install`. */
  readonly incoming: IncomingState;
  /** Told when a read finds damage: the member must not go on. */
  onDamage: (error: StateCorruptError) => void = () => undefined;
  readonly #levels: Levels;
  readonly #places: StatePlaces;
  readonly #bugs: KnownBugs;
  readonly #readers = new SnapshotReaders();
  #tally: Tally = emptyTally;
  #metaKeys: MetaKeys = [];
  #replacing = false;
  /** A batch failed for lack of room: LevelDB must be opened anew before another. */
  #broken = false;
  readonly #doubtful = new DoubtfulBatch();
  #closed = false;
  #garbage = 0;
  /** Under way, and never rejects. */
  #installing: Promise<unknown> = Promise.resolve();

  /** In a folder of the machine, or wherever `levels` are. */
  constructor(levels: string | Levels, bugs = noBugs) {
    this.#levels = typeof levels === 'string' ? folderLevels(levels) : levels;
    this.#places = new StatePlaces(this.#levels);
    this.#bugs = bugs;
    this.incoming = new IncomingState(this.#levels);
  }

  /** Opens the state, whose lock keeps a second process away from everything in the folder. */
  open(): Promise<void> {
    return this.#places.open();
  }

  /**
   * Puts a snapshot in place that was received completely before the last end, if the log already counts on it
   * (`snapshotIndex`); removes any other rest of one (state-places.ts). Returns what the state says about itself.
   */
  async settle(snapshotIndex: number): Promise<StateMeta | undefined> {
    await this.#places.settle(snapshotIndex);
    const meta = await this.#meta();
    return meta === undefined || meta.tally !== undefined ? meta : await this.#places.sealAll(meta);
  }

  /** The payload of a record. Throws `StateCorruptError` when it is damaged. */
  read(key: Buffer): Buffer | undefined {
    // Between two states, for as long as a snapshot takes its place: the client asks again.
    if (this.#replacing) throw etcdError.replacing();
    const sealed = this.#open.getSync(key);
    return sealed === undefined ? undefined : this.#trusted(() => unseal(key, sealed));
  }

  /**
   * Fills an empty in-memory state. Rejects with `StateCorruptError` when anything is damaged or missing. `turns` may
   * rest between chunks.
   */
  async load(state: Mvcc, meta: StateMeta, turns: Turns = (chunks) => chunks): Promise<void> {
    state.restore(meta.revision, meta.compactRevision);
    const counter = new TallyCounter();
    const iterator = this.#open.iterator({ highWaterMarkBytes: readAheadBytes });
    const metaKeys: Buffer[] = [];
    try {
      for await (const chunk of turns(chunksOf(iterator, (key) => metaKeys.push(key))))
        for (const [key, sealed] of chunk) {
          const payload = this.#trusted(() => unseal(key, sealed));
          counter.add(key, sealed);
          if (isBlockKey(key)) state.load(key.readUInt32BE(1) * 0x1_0000_0000 + key.readUInt32BE(5), payload);
          else if (key[0] === leasePrefix) state.loadLease(key.readBigInt64BE(1), payload);
          giveBack(sealed);
        }
    } finally {
      await iterator.close();
    }
    const { tally } = counter;
    if (meta.tally === undefined || !sameTally(tally, meta.tally))
      throw this.#named(
        new StateCorruptError(`${tally.records} of ${meta.tally?.records ?? 0} records are there`),
      );
    this.#tally = tally;
    this.#metaKeys = metaKeys.filter(isBehindBlocks);
    // What an earlier life left; less than that where records are compressed.
    this.#garbage = Math.max(0, this.size() - tally.bytes);
    this.#replacing = false;
  }

  /** What all records but the meta record added up to at the last flush. */
  get tally(): Tally {
    return this.#tally;
  }

  /** Fills an empty set of users and roles. */
  async loadAuth(auth: AuthState): Promise<void> {
    for await (const [key, sealed] of this.#open.iterator(authKeys))
      auth.load(
        key,
        this.#trusted(() => unseal(key, sealed)),
      );
  }

  /**
   * Writes journal records and what the state says about itself, as one synced batch. Rejects when that is not
   * durable; when it failed for lack of room (`isDiskFull`), nothing is lost and the same are to be tried again, with
   * more behind them or without.
   */
  async flush(records: readonly JournalRecord[], meta: StateMeta): Promise<void> {
    if (this.#broken) await this.#reopen();
    const { operations, tally, garbage } = await batchOf(this.#doubtful.missing(records), this);
    const description = describing({ ...meta, tally }, this.#metaKeys, operations);
    const batch = { records, meta, tally, metaKeys: description.keys, garbage };
    if (this.#bugs.has('meta-not-in-batch')) {
      const gone = description.operations.filter(({ type }) => type === 'del');
      await this.#open.batch([...operations.splice(0), ...gone], { sync: true });
    }
    operations.push(...description.operations);
    try {
      await this.#attempt(() => this.#open.batch(operations, { sync: !this.#bugs.has('state-not-synced') }));
    } catch (error) {
      this.#doubtful.failed(batch);
      throw error;
    }
    this.#doubtful.clear();
    this.#wrote(batch);
  }

  #wrote({ tally, metaKeys, garbage }: Batch): void {
    this.#tally = tally;
    this.#metaKeys = metaKeys;
    this.#garbage += garbage;
  }

  async #attempt(batch: () => Promise<void>): Promise<void> {
    try {
      await batch();
    } catch (error) {
      if (isDiskFull(error)) this.#broken = true;
      if (!this.#broken || !this.#bugs.has('full-batch-counts')) throw error;
    }
  }

  /** Everything as of the last flush. Rejects with `StateCorruptError` when what it says of itself is damaged. */
  async view(): Promise<StateView> {
    try {
      return await viewOf(this.#open);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /**
   * The bytes of a snapshot's file with everything as of the last flush, read by a thread of its own where there may be
   * one more. A piece is there until the next one is asked for. Rejects when the state is being replaced or closed, and
   * with `StateCorruptError` when what it says of itself is damaged, or records are missing or there are others.
   */
  async *snapshot(clock: Pick<Clock, 'now' | 'after'>): AsyncGenerator<SnapshotPiece> {
    // A thread that began now would keep a database open that is on its way out.
    if (this.#replacing || this.#closed) throw etcdError.replacing();
    const level = this.#open;
    try {
      yield* this.#readers.pieces(level.path) ?? piecesOf(level, clock);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Puts the received snapshot in the place of the state. Contents are read again once `load` is through. */
  install(): Promise<StateMeta> {
    const installed = this.#install();
    this.#installing = installed.catch(() => undefined);
    return installed;
  }

  async #install(): Promise<StateMeta> {
    this.#replacing = true;
    await this.#readers.end();
    await this.#places.install();
    this.incoming.installed();
    this.#doubtful.clear();
    this.#broken = false;
    const meta = await this.#meta();
    if (meta === undefined) throw new Error('installed a snapshot without a meta record');
    return meta;
  }

  /** Lets everything else have a turn in the middle of long work. */
  async pause(): Promise<void> {
    await this.#levels.pause?.();
  }

  /** Room on its file system; undefined where nobody can say. */
  room(): DiskRoom | undefined {
    return this.#levels.room?.();
  }

  /** Whether another state is being put in the place of this one, so that nothing can be read. */
  get isReplacing(): boolean {
    return this.#replacing;
  }

  /** Whether a batch failed for lack of room and none has gone through since. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** Bytes of all files of the state. */
  size(): number {
    return this.#levels.size(current);
  }

  /** Bytes of records that were overwritten or deleted and may still be in files: at most so many. */
  get garbage(): number {
    return this.#garbage;
  }

  /**
   * Has the database write its files anew without what was overwritten or deleted, piece by piece, with a `rest` after
   * each. Ends early when the state is replaced or closed.
   */
  async reclaim(rest: () => Promise<void>): Promise<void> {
    const db = this.#open;
    this.#garbage = 0;
    await rewriteFiles(db, {
      bytes: this.size(),
      write: (operations) => this.#attempt(() => db.batch(operations, { sync: false })),
      rest,
      stopped: () => this.#replacing || this.#closed || this.#open !== db,
    });
  }

  /** An install under way is waited for: the database that it opens would stay open otherwise. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#installing;
    await this.incoming.close();
    await this.#readers.end();
    await this.#places.close();
  }

  get #open(): Level {
    return this.#places.db;
  }

  /** Says which folder is meant and what to do, where something is damaged. */
  #trusted<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** As above; and tells whoever must know of damage. Any other error is itself. */
  #named(error: unknown): unknown {
    if (!(error instanceof StateCorruptError)) return error;
    const where = this.#levels.folder === undefined ? '' : ` in ${this.#levels.folder}/${current}`;
    const damage = new StateCorruptError(`the state${where} is damaged: ${error.message}; ${rejoinAdvice}`, {
      cause: error,
    });
    this.onDamage(damage);
    return damage;
  }

  /** After a failed batch LevelDB takes no other, and its log may end in the middle of that one, or behind it. */
  async #reopen(): Promise<void> {
    // Left so when it fails: without a database readers are to ask elsewhere, and the next flush tries again.
    this.#replacing = true;
    await this.#readers.end();
    await this.#places.reopen();
    const written = this.#doubtful.opened(await this.#meta());
    if (written !== undefined) this.#wrote(written);
    this.#replacing = false;
    this.#broken = false;
  }

  /** What the state says about itself; undefined when there is none. */
  async #meta(): Promise<StateMeta | undefined> {
    const db = this.#open;
    try {
      const meta = await readMeta(db);
      if (meta !== undefined || (await isEmpty(db))) return meta;
      throw new StateCorruptError('it says nothing about itself');
    } catch (error) {
      throw this.#named(error);
    }
  }
}
