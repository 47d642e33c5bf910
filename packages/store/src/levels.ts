/**
 * The databases that a member's state lives in, by name: the little that is used of LevelDB, and LevelDB itself. A
 * twin in memory loses unsynced batches out of order (test/simulation).
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { niceBackgroundThreads } from './background-threads.ts';
import { type DiskRoom, diskRoom } from './disk-room.ts';
import type { DiskOperation } from './state-records.ts';

export interface LevelRange {
  readonly gte?: Buffer;
  readonly lt?: Buffer;
  /** From the end. */
  readonly reverse?: boolean;
  readonly limit?: number;
  /** How much is read ahead. */
  readonly highWaterMarkBytes?: number;
}

/** The memory of records is whoever's asked for them. */
export interface LevelIterator extends AsyncIterable<[Buffer, Buffer]> {
  /** Up to `count` more records; none at the end. */
  nextv(count: number, options: object): Promise<[Buffer, Buffer][]>;
  close(): Promise<void>;
}

/** A database as it was at one moment, until it is closed or the database is. */
export interface FrozenLevel {
  getSync(key: Buffer): Buffer | undefined;
  iterator(range: LevelRange): LevelIterator;
  close(): Promise<void>;
}

/** One database. A batch is atomic, and done with the memory of its operations when it is through; without `sync` a crash may lose it, and not those after it. */
export interface Level {
  /** Where it is, for another thread of the process to open it as well; absent where it is in memory. */
  readonly path?: string;
  getSync(key: Buffer): Buffer | undefined;
  batch(operations: DiskOperation[], options: { readonly sync: boolean }): Promise<void>;
  /** Sees the database as it was when this was called. */
  iterator(range: LevelRange): LevelIterator;
  frozen(): FrozenLevel;
  compactRange(from: Buffer, to: Buffer, options: object): Promise<void>;
  close(): Promise<void>;
}

export interface Levels {
  /** For messages to people. */
  readonly folder?: string;
  /** Opens or creates one, and keeps other processes away from it until it is closed. */
  open(name: string): Promise<Level>;
  exists(name: string): boolean;
  /** As a whole: a crash leaves all of it under its name, or nothing. */
  remove(name: string): void;
  rename(from: string, to: string): void;
  /** Bytes of all its files. */
  size(name: string): number;
  /** Of the file system that all of them are on; absent where there is none. */
  room?(): DiskRoom;
  /** Lets everything else have a turn in the middle of long work. Absent where nobody waits. */
  pause?(): Promise<void>;
}

/** Handing so many operations to LevelDB takes a fraction of a millisecond. */
const sliceOperations = 500;

/**
 * LevelDB in a folder. A new database is made beside its place and renamed when it is whole, for LevelDB forces out
 * neither the first manifest of a new database nor, ever, the name of the current one: a crash at the wrong moment
 * would leave a database that cannot be opened.
 */
export function folderLevels(folder: string): Levels {
  return {
    folder,
    open: async (name) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, name);
      if (!existsSync(path)) {
        const unfinished = `${path}.making`;
        rmSync(unfinished, { recursive: true, force: true });
        await (await openLevel(unfinished)).close();
        replaceFolder(unfinished, path);
      }
      const level = await openLevel(path);
      syncFolder(path);
      return level;
    },
    exists: (name) => existsSync(join(folder, name)),
    remove: (name) => removeFolder(join(folder, name)),
    rename: (from, to) => replaceFolder(join(folder, from), join(folder, to)),
    room: () => diskRoom(folder),
    pause: nextTurn,
    size: (name) => {
      const path = join(folder, name);
      let bytes = 0;
      // Files come and go while LevelDB works.
      for (const file of existsSync(path) ? readdirSync(path) : [])
        bytes += statSync(join(path, file), { throwIfNoEntry: false })?.size ?? 0;
      return bytes;
    },
  };
}

/** A folder of which a crash left some files would be opened, and found damaged: so its name goes first. */
function removeFolder(path: string): void {
  const going = `${path}.going`;
  rmSync(going, { recursive: true, force: true });
  if (!existsSync(path)) return;
  renameSync(path, going);
  syncFolder(dirname(path));
  rmSync(going, { recursive: true, force: true });
}

/** Renames a folder whose files are durable, durably. */
function replaceFolder(from: string, to: string): void {
  syncFolder(from);
  renameSync(from, to);
  syncFolder(dirname(to));
}

/** Makes it durable which files are in a folder, and under which names. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens or creates one. All threads of the process that do so share it; other processes are kept away. */
export async function openLevel(path: string): Promise<Level> {
  const db = new ClassicLevel<Buffer, Buffer>(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    multithreading: true,
  });
  try {
    await db.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const text = cause instanceof Error ? cause.message : String(cause);
    const locked = text.includes('lock');
    throw new Error(
      locked
        ? `another process uses the data directory of ${path}`
        : `cannot open the state at ${path}: ${text}`,
      { cause: error },
    );
  }
  // Opening has begun the threads of the pool.
  niceBackgroundThreads();
  return {
    path,
    getSync: (key) => db.getSync(key),
    batch: (operations, options) => writeBatch(db, operations, options),
    iterator: (range) => db.iterator(range),
    frozen: () => {
      const snapshot = db.snapshot();
      return {
        getSync: (key) => db.getSync(key, { snapshot }),
        iterator: (range) => db.iterator({ ...range, snapshot }),
        close: () => snapshot.close(),
      };
    },
    compactRange: (from, to, options) => db.compactRange(from, to, options),
    close: () => db.close(),
  };
}

/**
 * Operations are copied into one batch on the calling thread, a slice in a turn; only then are they written, by another
 * thread. An array of them at once takes three times as long, all of it in one turn.
 */
async function writeBatch(
  db: ClassicLevel<Buffer, Buffer>,
  operations: readonly DiskOperation[],
  options: { readonly sync: boolean },
): Promise<void> {
  const batch = db.batch();
  try {
    for (const [i, operation] of operations.entries()) {
      if (i > 0 && i % sliceOperations === 0) await nextTurn();
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write(options);
  } finally {
    await batch.close();
  }
}
