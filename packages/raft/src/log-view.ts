/**
 * The log as the current step sees it: the host's log plus what this step appends or replaces, which the host adds
 * only after the step has returned.
 *
 * Invariant: at the start of the next step the host's log ends exactly where this view ended.
 */
import { invariant } from './invariant.ts';
import { CompactedError } from './log.ts';
import type { Entry, RaftLog, SnapshotDescriptor } from './types.ts';

const NONE: readonly Entry[] = Object.freeze([]);

export class LogView {
  readonly #log: RaftLog;
  #tail: readonly Entry[] = NONE;
  #installed: SnapshotDescriptor | null = null;
  #lastIndex: number;
  #lastTerm: number;

  constructor(log: RaftLog) {
    this.#log = log;
    this.#lastIndex = log.lastIndex();
    this.#lastTerm = log.term(this.#lastIndex);
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#lastTerm;
  }

  get firstIndex(): number {
    return this.#installed === null ? this.#log.firstIndex() : this.#installed.index + 1;
  }

  /** The host has taken over what the previous step produced. */
  settle(): void {
    if (this.#tail === NONE && this.#installed === null) return;
    this.#tail = NONE;
    this.#installed = null;
    const last = this.#log.lastIndex();
    invariant(last === this.#lastIndex, () => `the host's log ends at ${last}, not at ${this.#lastIndex}`);
  }

  /** Term at index; -1 when it is not (or no longer) in the log. */
  termOrNone(index: number): number {
    if (index === this.#lastIndex) return this.#lastTerm;
    if (index > this.#lastIndex || index < this.firstIndex - 1) return -1;
    return this.term(index);
  }

  term(index: number): number {
    if (index === this.#lastIndex) return this.#lastTerm;
    const tailStart = this.#tail[0]?.index ?? Infinity;
    if (index >= tailStart) {
      const entry = this.#tail[index - tailStart];
      if (entry === undefined) throw new RangeError(`the log ends at ${this.#lastIndex}, asked for ${index}`);
      return entry.term;
    }
    if (this.#installed !== null) throw new CompactedError(index, this.#installed.index + 1);
    return this.#log.term(index);
  }

  /** Like RaftLog.entries up to the end; may stop early where this step's tail begins. */
  entriesFrom(from: number, maxBytes: number): readonly Entry[] {
    const tailStart = this.#tail[0]?.index ?? Infinity;
    if (from < tailStart) {
      return this.#log.entries(from, Math.min(tailStart, this.#lastIndex + 1), maxBytes);
    }
    let bytes = 0;
    let end = from - tailStart;
    const start = end;
    for (; end < this.#tail.length; end += 1) {
      bytes += this.#tail[end]?.data.byteLength ?? 0;
      if (bytes > maxBytes && end > start) break;
    }
    return start === 0 && end === this.#tail.length ? this.#tail : this.#tail.slice(start, end);
  }

  /** This step's one append; whatever the log held from entries[0].index on is gone. */
  append(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    invariant(this.#tail === NONE, () => 'two appends in one step');
    this.#tail = entries;
    this.#lastIndex = last.index;
    this.#lastTerm = last.term;
  }

  install(snapshot: SnapshotDescriptor): void {
    this.#installed = snapshot;
    this.#tail = NONE;
    this.#lastIndex = snapshot.index;
    this.#lastTerm = snapshot.term;
  }

  snapshot(): SnapshotDescriptor {
    return this.#log.snapshot();
  }

  /** The largest index <= `index` whose term is <= `term`: where two logs may still agree. */
  lastAgreement(index: number, term: number): number {
    let at = Math.min(index, this.#lastIndex);
    const floor = this.firstIndex - 1;
    while (at > floor && this.term(at) > term) at -= 1;
    return at;
  }
}
