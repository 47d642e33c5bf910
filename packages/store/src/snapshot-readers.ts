/**
 * Threads that read the state on disk for those who take a snapshot.
 *
 * A state that is read on the main thread becomes garbage there, a gigabyte of it: V8 then goes through all that the
 * member holds in memory again and again. The thread's memory holds nothing else; it also gives way to the main thread
 * where processors are scarce. What it read comes over in a few pieces of memory that both share.
 *
 * Invariant: whoever closes the database has waited for `end` before: the thread has it open too, and LevelDB must be
 * let go by both before another one may be opened in its place.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { etcdError } from './errors.ts';
import type { SnapshotPiece } from './snapshot-pieces.ts';
import { StateCorruptError } from './state-seal.ts';

/** What the worker is started with. */
export interface ReaderWorkerData {
  readonly path: string;
  /** `slots` pieces of `slotBytes`, each with `roomBytes` of room in front. */
  readonly memory: SharedArrayBuffer;
}

/** What the worker says: which slot it has filled; `remaining` bytes come behind it. */
export interface FilledSlot {
  readonly slot: number;
  readonly length: number;
  readonly remaining: number;
}

/** Or that there is damage, and what, because an error loses its class on its way between threads. */
export interface FoundDamage {
  readonly damage: string;
}

/** What it is told: a slot that is free again, or to end. */
export type ReaderOrder = number | 'end';

export const roomBytes = 512;
export const slotBytes = roomBytes + 64 * 1024;
export const slots = 8;
/** Who comes when there are as many is served by the main thread. */
const maxReaders = 4;
const endMs = 5_000;

class Reader {
  readonly #memory = new SharedArrayBuffer(slots * slotBytes);
  readonly #worker: Worker;
  readonly #exit: Promise<unknown>;
  readonly #filled: FilledSlot[] = [];
  #failure: unknown;
  #over = false;
  #wake: () => void = () => undefined;
  #ending: Promise<void> | undefined;

  constructor(path: string) {
    const workerData: ReaderWorkerData = { path, memory: this.#memory };
    this.#worker = new Worker(new URL('./snapshot.worker.ts', import.meta.url), { workerData });
    this.#worker.on('message', (said: FilledSlot | FoundDamage) => {
      if ('damage' in said) this.#failure = new StateCorruptError(said.damage);
      else this.#filled.push(said);
      this.#wake();
    });
    this.#worker.on('error', (error) => {
      this.#failure = error;
      this.#wake();
    });
    this.#exit = once(this.#worker, 'exit').then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  async *pieces(): AsyncGenerator<SnapshotPiece> {
    for (;;) {
      const filled = this.#filled.shift();
      if (filled === undefined) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#over || this.#ending !== undefined) throw etcdError.replacing();
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const { slot, length, remaining } = filled;
      const blob = Buffer.from(this.#memory, slot * slotBytes + roomBytes, length);
      yield { blob, room: roomBytes, remaining };
      if (remaining === 0) return;
      this.#say(slot);
    }
  }

  /** Resolves when the thread has let go of the database. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#wake();
    if (this.#over) return;
    this.#say('end');
    const late = setTimeout(() => void this.#worker.terminate(), endMs);
    await this.#exit;
    clearTimeout(late);
  }

  #say(order: ReaderOrder): void {
    this.#worker.postMessage(order);
  }
}

export class SnapshotReaders {
  readonly #readers = new Set<Reader>();

  /** What a thread reads there; undefined where there can be none, or not another one. */
  pieces(path: string | undefined): AsyncIterable<SnapshotPiece> | undefined {
    return path === undefined || this.#readers.size >= maxReaders ? undefined : this.#read(path);
  }

  async *#read(path: string): AsyncGenerator<SnapshotPiece> {
    const reader = new Reader(path);
    this.#readers.add(reader);
    try {
      yield* reader.pieces();
    } finally {
      await reader.end();
      this.#readers.delete(reader);
    }
  }

  /** Ends all of them: who is being served is told that the state is being replaced. */
  async end(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.end()));
  }
}
