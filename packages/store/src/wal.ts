/**
 * The main thread's end of the write-ahead log: recovery at the start, then batches out and tickets back.
 *
 * On a quick disk small batches are written here, when the turn that appended them is over; see `sync-place.ts`.
 *
 * While a write is under way, what is appended is merged into one next batch, so that load makes batches larger and
 * syncs no more frequent. Tickets are answered in order. Nothing is ever dropped: the consensus core bounds what may
 * be unacknowledged.
 */
import type { Entry, HardState, SnapshotDescriptor } from '@timonier/raft';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Append, WalAnswer, WalRequest } from './log-requests.ts';
import { type LogThread, type StartLogThread, startLogWorker } from './log-thread.ts';
import type { LogDisk } from './log-disk.ts';
import { nextPlace, type SyncPlace, unknownDisk } from './sync-place.ts';
import { WalFiles } from './wal-files.ts';
import { encodeBatch, type WalBatch } from './wal-format.ts';

export interface WalOptions {
  readonly folder: string;
  readonly segmentBytes?: number;
  /** Everything up to and including this ticket is durable. */
  readonly onDurable: (ticket: number, syncMs: number) => void;
  /** The log cannot go on; the process must end. */
  readonly onFailure: (error: Error) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Where the files are, and who writes them; the folder and a worker, unless said otherwise. */
  readonly disk?: LogDisk;
  readonly startThread?: StartLogThread;
  /** What is known of the disk's speed; nothing, unless said otherwise. */
  readonly place?: SyncPlace;
  readonly bugs?: KnownBugs;
}

/** What the log holds after recovery: the last hard state, the newest snapshot mark, and the entries behind it. */
export interface WalContent {
  readonly hardState: HardState;
  readonly snapshot: SnapshotDescriptor | undefined;
  readonly entries: readonly Entry[];
  readonly empty: boolean;
}

const defaultSegmentBytes = 8 * 1024 * 1024;
/** What is larger is a load of many, for which two threads do more than one. */
const hereBytes = 2 * 1024;

/** Replays batches: later entries cut off earlier ones, a snapshot mark replaces all. */
export function replay(batches: readonly WalBatch[]): WalContent {
  let hardState: HardState = { term: 0, vote: null, commit: 0 };
  let snapshot: SnapshotDescriptor | undefined;
  let entries: Entry[] = [];
  for (const batch of batches) {
    if (batch.snapshot !== undefined) {
      snapshot = batch.snapshot;
      entries = [];
    }
    if (batch.hardState !== undefined) hardState = batch.hardState;
    for (const entry of batch.entries) {
      const first = entries[0]?.index;
      if (first !== undefined && entry.index <= (entries.at(-1)?.index ?? 0))
        entries.length = Math.max(0, entry.index - first);
      entries.push(entry);
    }
  }
  return { hardState, snapshot, entries, empty: batches.length === 0 };
}

export class Wal {
  readonly #thread: LogThread;
  readonly #options: WalOptions;
  readonly #now: () => number;
  #ticket = 0;
  #inFlight = 0;
  #since = 0;
  #pending:
    | { hardState?: HardState; snapshot?: SnapshotDescriptor; entries: Entry[]; ticket: number }
    | undefined;
  #closed: (() => void) | undefined;
  #closing = false;
  #failed = false;
  #full = false;
  #place: SyncPlace;
  /** What is pending is taken at the end of this turn. */
  #turn = false;
  #hasReserve = true;

  private constructor(options: WalOptions, start: (events: Parameters<StartLogThread>[1]) => LogThread) {
    this.#options = options;
    this.#place = options.place ?? unknownDisk;
    this.#now = options.now ?? ((): number => performance.now());
    this.#thread = start({
      onAnswer: (answer) => this.#answered(answer),
      onError: (error) => {
        if (!this.#closing) this.#fail(error);
        this.#closed?.();
      },
    });
  }

  /** Recovers the log, then hands it to its thread. Rejects with `WalCorruptError` when it is damaged. */
  static open(options: WalOptions): { wal: Wal; content: WalContent } {
    const files = {
      folder: options.folder,
      segmentBytes: options.segmentBytes ?? defaultSegmentBytes,
      bugs: options.bugs ?? noBugs,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
    };
    const recovery = new WalFiles(files);
    const content = replay(recovery.open());
    recovery.close();
    const start = options.startThread ?? startLogWorker;
    return { wal: new Wal(options, (events) => start(files, events)), content };
  }

  /** Queues a write and returns its ticket. */
  append(batch: WalBatch): number {
    const ticket = ++this.#ticket;
    this.#pending ??= { entries: [], ticket };
    const pending = this.#pending;
    pending.ticket = ticket;
    if (batch.snapshot !== undefined) {
      pending.snapshot = batch.snapshot;
      pending.entries = [];
    }
    if (batch.hardState !== undefined) pending.hardState = batch.hardState;
    for (const entry of batch.entries) pending.entries.push(entry);
    this.#next();
    return ticket;
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#options.onFailure(new Error(`write-ahead log failed: ${String(error)}`, { cause: error }));
  }

  /** For how many milliseconds the oldest unfinished write has been waiting; 0 when there is none. */
  get stalledMs(): number {
    return this.#inFlight === 0 ? 0 : this.#now() - this.#since;
  }

  /** Whether a write waits for room on the disk, or soon will: then what is left is for the alarm. */
  get isFull(): boolean {
    return this.#full || !this.#hasReserve;
  }

  /** Lets segments go that hold no entry above `index`. */
  release(index: number): void {
    this.#post({ type: 'release', index });
  }

  /** Writes what is queued and ends the thread. */
  async close(): Promise<void> {
    this.#closing = true;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      if (this.#pending !== undefined) this.#send();
      this.#post({ type: 'close' });
    });
    await this.#thread.end();
  }

  /** Begins the next write when there is one and none is under way. */
  #next(): void {
    if (this.#pending === undefined || this.#inFlight !== 0 || this.#turn) return;
    if (this.#place.place === 'own thread' || this.#closing) {
      this.#send();
      return;
    }
    // One sync for all that this turn appends; and it is not in the way of what else the turn does.
    this.#turn = true;
    queueMicrotask(() => {
      this.#turn = false;
      if (this.#inFlight === 0) this.#send();
    });
  }

  #send(): void {
    const pending = this.#pending;
    if (pending === undefined || this.#failed) return;
    this.#pending = undefined;
    this.#inFlight = pending.ticket;
    this.#since = this.#now();
    const batch = encodeBatch(pending).buffer as ArrayBuffer;
    const append: Append = {
      type: 'append',
      ticket: pending.ticket,
      batch,
      lastIndex: pending.entries.at(-1)?.index ?? 0,
      hardState: pending.hardState,
    };
    if (!this.#wroteHere(append)) this.#post(append, [batch]);
  }

  /** Whether nothing is left to do for the log's thread. */
  #wroteHere(append: Append): boolean {
    if (this.#place.place === 'own thread' || this.#closing || append.batch.byteLength > hereBytes)
      return false;
    try {
      return this.#thread.appendHere(append);
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  #post(request: WalRequest, transfer: ArrayBuffer[] = []): void {
    this.#thread.post(request, transfer);
  }

  #answered(answer: WalAnswer): void {
    if (answer.type === 'closed') {
      this.#closed?.();
      return;
    }
    if (answer.type === 'full') {
      this.#full = answer.full;
      return;
    }
    if (answer.type === 'reserve') {
      this.#hasReserve = answer.has;
      return;
    }
    this.#inFlight = 0;
    this.#place = nextPlace(this.#place, answer.syncMs);
    this.#next();
    this.#options.onDurable(answer.ticket, answer.syncMs);
  }
}
