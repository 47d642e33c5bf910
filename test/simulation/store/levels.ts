/**
 * The twin in memory of LevelDB in a folder. A synced batch is durable with all before it; of unsynced ones each may be
 * lost, in any order. Which databases there are is durable at once, as levels.ts of the store sees to.
 */
import type { Level, LevelIterator, LevelRange, Levels } from '../../../packages/store/src/levels.ts';
import type { DiskOperation } from '../../../packages/store/src/state-records.ts';
import type { Random } from '../random.ts';
import { Room } from './room.ts';
import type { DiskSpeed } from './log-disk.ts';
import type { Life, World } from './world.ts';

type Records = Map<string, readonly [Buffer, Buffer]>;

class Database {
  records: Records = new Map();
  durable: Records = new Map();
  unsynced: (readonly DiskOperation[])[] = [];
  /** Synced batches on their way. */
  readonly inFlight = new Set<readonly DiskOperation[]>();
  open = false;
  /** A batch found no room: LevelDB takes no other until it is opened anew. */
  broken = false;

  sync(): void {
    for (const operations of this.unsynced) change(this.durable, operations);
    this.unsynced = [];
  }

  /** Only the process ended: what was handed over stays. */
  killed(): void {
    this.inFlight.clear();
    this.open = false;
  }

  crash(random: Random): void {
    for (const operations of this.unsynced) if (random.chance(0.5)) change(this.durable, operations);
    for (const operations of this.inFlight) {
      if (!random.chance(0.5)) break;
      change(this.durable, operations);
    }
    this.unsynced = [];
    this.inFlight.clear();
    this.records = new Map(this.durable);
    this.open = false;
  }
}

function change(records: Records, operations: readonly DiskOperation[]): void {
  for (const operation of operations) {
    const key = operation.key.toString('latin1');
    if (operation.type === 'put') records.set(key, [operation.key, operation.value]);
    else records.delete(key);
  }
}

export class MemoryLevels {
  readonly #folder = new Map<string, Database>();
  readonly #room: Room;

  constructor(room = new Room()) {
    this.#room = room;
  }

  /** As one life of a member sees it. */
  of(world: World, life: Life, speed: DiskSpeed): Levels {
    const later = (ms: number): Promise<void> =>
      new Promise<void>((resolve) => void world.after(ms, life, resolve));
    return {
      open: async (name) => {
        await later(0.1);
        this.#room.need();
        let database = this.#folder.get(name);
        if (database === undefined) {
          database = new Database();
          this.#folder.set(name, database);
        }
        if (database.open) throw new Error(`${name} is open already`);
        database.open = true;
        database.broken = false;
        return this.#level(database, later, speed);
      },
      exists: (name) => this.#folder.has(name),
      remove: (name) => {
        const database = this.#folder.get(name);
        if (database === undefined) return;
        this.#folder.delete(name);
      },
      rename: (from, to) => {
        const database = this.#folder.get(from);
        if (database === undefined || this.#folder.has(to)) throw new Error(`cannot rename ${from} to ${to}`);
        this.#folder.delete(from);
        this.#folder.set(to, database);
      },
      room: () => this.#room.now,
      size: (name) => {
        let bytes = 0;
        for (const [key, value] of this.#folder.get(name)?.records.values() ?? [])
          bytes += key.length + value.length;
        return bytes;
      },
    };
  }

  /** The process ended; with `random` the power is gone too. */
  crash(random: Random | undefined): void {
    if (random === undefined) {
      for (const database of this.#folder.values()) database.killed();
      return;
    }
    for (const database of this.#folder.values()) database.crash(random);
  }

  #level(database: Database, later: (ms: number) => Promise<void>, speed: DiskSpeed): Level {
    const checkOpen = (): void => {
      if (!database.open) throw new Error('the database is closed');
    };
    return {
      getSync: (key) => {
        checkOpen();
        return database.records.get(key.toString('latin1'))?.[1];
      },
      batch: async (operations, { sync }) => {
        checkOpen();
        if (sync) database.inFlight.add(operations);
        await later(sync ? speed.writeMs() : 0.05);
        try {
          if (database.broken) throw new Error('the database is broken: No space left on device');
          this.#room.need();
        } catch (error) {
          database.broken = true;
          database.inFlight.delete(operations);
          throw error;
        }
        change(database.records, operations);
        database.unsynced.push(operations);
        if (!sync) return;
        database.inFlight.delete(operations);
        database.sync();
      },
      iterator: (range) => {
        checkOpen();
        return iterate(database.records, range, later);
      },
      frozen: () => {
        checkOpen();
        const records = new Map(database.records);
        return {
          getSync: (key) => {
            checkOpen();
            return records.get(key.toString('latin1'))?.[1];
          },
          iterator: (range) => {
            checkOpen();
            return iterate(records, range, later);
          },
          close: async () => {},
        };
      },
      compactRange: () => later(1),
      close: async () => {
        await later(0.1);
        database.open = false;
      },
    };
  }
}

function iterate(
  records: Records,
  { gte, lt, reverse = false, limit }: LevelRange,
  later: (ms: number) => Promise<void>,
): LevelIterator {
  const from = gte?.toString('latin1') ?? '';
  const to = lt?.toString('latin1');
  const keys = [...records.keys()].filter((key) => key >= from && (to === undefined || key < to)).sort();
  if (reverse) keys.reverse();
  const found: [Buffer, Buffer][] = [];
  for (const key of keys.slice(0, limit)) {
    const record = records.get(key);
    // Copies, for whoever reads them may do with their memory what they like.
    if (record !== undefined) found.push([Buffer.from(record[0]), Buffer.from(record[1])]);
  }
  let next = 0;
  const nextv = async (count: number): Promise<[Buffer, Buffer][]> => {
    await later(0.1);
    const batch = found.slice(next, next + Math.min(count, 64));
    next += batch.length;
    return batch;
  };
  return {
    nextv,
    close: async () => {},
    async *[Symbol.asyncIterator]() {
      for (let batch = await nextv(64); batch.length > 0; batch = await nextv(64)) yield* batch;
    },
  };
}
