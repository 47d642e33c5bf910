/**
 * The in-memory twin of a host's log: the reference behaviour for `RaftLog`, used by tests and the simulator.
 *
 * Invariant: #entries[i].index === #offset + 1 + i, where #offset is the index just before the first held entry.
 */
import type { Configuration, Entry, RaftLog, SnapshotDescriptor } from './types.ts';

/** The asked entries are no longer in the log; only a snapshot covers them. */
export class CompactedError extends Error {
  readonly index: number;
  readonly firstIndex: number;

  constructor(index: number, firstIndex: number) {
    super(`raft log index ${index} is compacted: the log starts at ${firstIndex}`);
    this.name = 'CompactedError';
    this.index = index;
    this.firstIndex = firstIndex;
  }
}

export class MemoryLog implements RaftLog {
  #entries: Entry[] = [];
  #offset = 0;
  #offsetTerm = 0;
  #snapshot: SnapshotDescriptor;

  constructor(configuration: Configuration) {
    this.#snapshot = { index: 0, term: 0, configuration };
  }

  firstIndex(): number {
    return this.#offset + 1;
  }

  lastIndex(): number {
    return this.#offset + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#offset) return this.#offsetTerm;
    if (index < this.#offset) throw new CompactedError(index, this.#offset + 1);
    const entry = this.#entries[index - this.#offset - 1];
    if (entry === undefined) throw new RangeError(`raft log ends at ${this.lastIndex()}, asked for ${index}`);
    return entry.term;
  }

  entries(from: number, toExclusive: number, maxBytes: number): readonly Entry[] {
    if (from <= this.#offset) throw new CompactedError(from, this.#offset + 1);
    const start = from - this.#offset - 1;
    const limit = Math.min(toExclusive - this.#offset - 1, this.#entries.length);
    let bytes = 0;
    let end = start;
    while (end < limit) {
      bytes += this.#entries[end]?.data.byteLength ?? 0;
      if (bytes > maxBytes && end > start) break;
      end += 1;
    }
    return this.#entries.slice(start, end);
  }

  snapshot(): SnapshotDescriptor {
    return this.#snapshot;
  }

  /** Adds entries, first cutting off everything from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.#offset || first.index > this.lastIndex() + 1) {
      throw new RangeError(
        `append at ${first.index} does not touch the log [${this.firstIndex()}, ${this.lastIndex()}]`,
      );
    }
    this.#entries.length = first.index - this.#offset - 1;
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Records a snapshot of applied state and drops entries up to `keepFrom` - 1 (default: all it covers). */
  compact(snapshot: SnapshotDescriptor, keepFrom = snapshot.index + 1): void {
    this.#snapshot = snapshot;
    const offset = Math.min(keepFrom - 1, snapshot.index);
    if (offset <= this.#offset) return;
    this.#offsetTerm = this.term(offset);
    this.#entries = this.#entries.slice(offset - this.#offset);
    this.#offset = offset;
  }

  /** Replaces everything by a received snapshot. */
  install(snapshot: SnapshotDescriptor): void {
    this.#snapshot = snapshot;
    this.#entries = [];
    this.#offset = snapshot.index;
    this.#offsetTerm = snapshot.term;
  }
}
