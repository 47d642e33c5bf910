/** How many entries behind the state stay in memory for followers that lag, by count and by bytes. */
import type { Entry, MemoryLog } from '@timonier/raft';

/** Keeps the sizes of a log's entries, so that its tail can be cut to a budget. */
export class LogBudget {
  readonly #log: MemoryLog;
  #first: number;
  #sizes: number[] = [];
  #bytes = 0;

  constructor(log: MemoryLog) {
    this.#log = log;
    this.#first = log.firstIndex();
    if (log.lastIndex() >= this.#first)
      this.appended(log.entries(this.#first, log.lastIndex() + 1, Number.MAX_SAFE_INTEGER));
  }

  appended(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const kept = Math.max(0, first.index - this.#first);
    for (let i = kept; i < this.#sizes.length; i++) this.#bytes -= this.#sizes[i] ?? 0;
    this.#sizes.length = kept;
    for (const entry of entries) {
      const size = entry.data.byteLength + 64;
      this.#sizes.push(size);
      this.#bytes += size;
    }
  }

  /** Everything was replaced. */
  reset(): void {
    this.#first = this.#log.firstIndex();
    this.#sizes = [];
    this.#bytes = 0;
  }

  /** The first index to keep so that at most `count` entries and `bytes` bytes remain at or below `upTo`. */
  keepFrom(upTo: number, count: number, bytes: number): number {
    let index = upTo;
    let room = bytes;
    while (index >= this.#first && upTo - index < count) {
      room -= this.#sizes[index - this.#first] ?? 0;
      if (room < 0) break;
      index--;
    }
    return Math.max(this.#first, index + 1);
  }

  /** Bytes of everything that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  cutTo(first: number): void {
    if (first <= this.#first) return;
    const gone = first - this.#first;
    for (let i = 0; i < gone; i++) this.#bytes -= this.#sizes[i] ?? 0;
    this.#sizes = this.#sizes.slice(gone);
    this.#first = first;
  }
}
