/**
 * The multi-version state on disk, in LevelDB.
 *
 * LevelDB may lose unsynced writes out of order, so it is only ever written in synced batches that carry the log
 * index they bring the state to; a crash leaves the state of an earlier batch, and the log brings it forward.
 * A snapshot from the leader is built in a folder beside and takes the place of the state in one rename.
 */
import type { Configuration } from '@timonier/raft';
import { type AuthState, authKeys } from './auth/auth-state.ts';
import { etcdError } from './errors.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { folderLevels, type Level, type Levels } from './levels.ts';
import type { DiskOperation, JournalRecord, Mvcc } from './mvcc.ts';
import type { Alarm } from './types.ts';

/** What the state says about itself; written with every batch. */
export interface StateMeta {
  readonly cluster: string;
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly configuration: Configuration;
  readonly members: readonly StoredMember[];
  /** Absent in states of before there were alarms. */
  readonly alarms?: readonly Alarm[];
}

export interface StoredMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

export const metaKey = Buffer.from('m');
const revisions = { gte: Buffer.from('r'), lt: Buffer.from('s') };
const leases = { gte: Buffer.from('l'), lt: Buffer.from('m') };

/** Names of the databases. */
const current = 'state';
const incoming = 'state.incoming';
const old = 'state.old';

export class StateDisk {
  readonly #levels: Levels;
  readonly #bugs: KnownBugs;
  #db: Level | undefined;
  #replacing = false;

  /** In a folder of the machine, or wherever `levels` are. */
  constructor(levels: string | Levels, bugs = noBugs) {
    this.#levels = typeof levels === 'string' ? folderLevels(levels) : levels;
    this.#bugs = bugs;
  }

  /** Opens the state, whose lock keeps a second process away from everything in the folder. */
  async open(): Promise<void> {
    this.#db = await this.#levels.open(current);
  }

  /**
   * Puts a snapshot in place that was received completely before the last end, if the log already counts on it
   * (`snapshotIndex`); removes any other rest of one. Returns what the state says about itself.
   */
  async settle(snapshotIndex: number): Promise<StateMeta | undefined> {
    if (this.#levels.exists(incoming)) {
      const received = await this.#levels.open(incoming);
      const meta = readMeta(received);
      await received.close();
      if (meta !== undefined && meta.index === snapshotIndex) await this.install();
      else this.#levels.remove(incoming);
    }
    this.#levels.remove(old);
    return readMeta(this.#open);
  }

  read(key: Buffer): Buffer | undefined {
    // Between two states, for as long as a snapshot takes its place: the client asks again.
    if (this.#replacing) throw etcdError.replacing();
    return this.#open.getSync(key);
  }

  /** Fills an empty in-memory state. */
  async load(state: Mvcc, meta: StateMeta): Promise<void> {
    state.restore(meta.revision, meta.compactRevision);
    for await (const [key, value] of this.#open.iterator(leases))
      state.loadLease(key.readBigInt64BE(1), value.readDoubleLE(0));
    for await (const [key, value] of this.#open.iterator(revisions)) {
      const main = key.readUInt32BE(1) * 0x1_0000_0000 + key.readUInt32BE(5);
      state.load(main, value);
    }
  }

  /** Fills an empty set of users and roles. */
  async loadAuth(auth: AuthState): Promise<void> {
    for await (const [key, value] of this.#open.iterator(authKeys)) auth.load(key, value);
  }

  /** Writes journal records and what the state says about itself, as one synced batch. */
  async flush(records: readonly JournalRecord[], meta: StateMeta): Promise<void> {
    const operations: DiskOperation[] = [];
    for (const record of records) for (const operation of record.operations) operations.push(operation);
    operations.push({ type: 'put', key: metaKey, value: Buffer.from(JSON.stringify(meta)) });
    await this.#open.batch(operations, { sync: !this.#bugs.has('state-not-synced') });
  }

  /** Everything as of the last flush, in chunks, with the meta record. */
  async *chunks(): AsyncGenerator<{ keys: Buffer[]; values: Buffer[] }> {
    const iterator = this.#open.iterator({});
    try {
      for (;;) {
        const batch = await iterator.nextv(512, {});
        if (batch.length === 0) return;
        yield { keys: batch.map(([key]) => key), values: batch.map(([, value]) => value) };
      }
    } finally {
      await iterator.close();
    }
  }

  meta(): StateMeta | undefined {
    return readMeta(this.#open);
  }

  /** Starts receiving a snapshot beside the state. */
  async receive(): Promise<IncomingState> {
    this.#levels.remove(incoming);
    return new IncomingState(await this.#levels.open(incoming));
  }

  /** Puts the received snapshot in the place of the state. */
  async install(): Promise<StateMeta> {
    this.#replacing = true;
    await this.#open.close();
    this.#swap();
    this.#db = await this.#levels.open(current);
    this.#replacing = false;
    const meta = readMeta(this.#db);
    if (meta === undefined) throw new Error('installed a snapshot without a meta record');
    return meta;
  }

  /** Bytes of all files of the state. */
  size(): number {
    return this.#levels.size(current);
  }

  /** Gives back the room of what was overwritten or deleted. */
  async defragment(): Promise<void> {
    if (this.#replacing) throw etcdError.replacing();
    await this.#open.compactRange(Buffer.from([0]), Buffer.from([255]), {});
  }

  async close(): Promise<void> {
    await this.#db?.close();
  }

  get #open(): Level {
    if (this.#db === undefined) throw new Error('the state is not open');
    return this.#db;
  }

  #swap(): void {
    const levels = this.#levels;
    levels.remove(old);
    if (levels.exists(current)) levels.rename(current, old);
    levels.rename(incoming, current);
    levels.remove(old);
  }
}

/** A snapshot on its way in. */
export class IncomingState {
  readonly #db: Level;
  #records = 0;

  constructor(db: Level) {
    this.#db = db;
  }

  async add(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    const operations = keys.map((key, i) => ({
      type: 'put' as const,
      key,
      value: values[i] ?? Buffer.alloc(0),
    }));
    this.#records += keys.length;
    await this.#db.batch(operations, { sync: true });
  }

  /** Checks that everything arrived. Returns what the state says about itself. */
  async finish(records: number): Promise<StateMeta> {
    const meta = readMeta(this.#db);
    await this.#db.close();
    if (records !== this.#records || meta === undefined)
      throw new Error(`snapshot is incomplete: ${this.#records} of ${records} records`);
    return meta;
  }

  async abandon(): Promise<void> {
    await this.#db.close();
  }
}

function readMeta(db: Level): StateMeta | undefined {
  const bytes = db.getSync(metaKey);
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as StateMeta);
}
