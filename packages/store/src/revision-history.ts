/**
 * What every revision since the last compaction changed, wherever that is.
 *
 * Changes that are not on disk yet stay in memory; on disk the changes of one log entry lie together as a block, which
 * is read back through `Contents` and of which the revisions stay in a bounded cache. Invariant: a revision that was
 * flushed is found in its block for as long as the block table names it.
 */
import { PassingMap } from '@timonier/component/passing';
import { BlockTable } from './block-table.ts';
import { type ChangeSet, decodeBlock, encodeBlock } from './change-block.ts';
import type { Journal } from './journal.ts';
import type { KeyIndex } from './key-index.ts';
import { RevisionCache } from './revision-cache.ts';
import { type JournalRecord, revisionKey } from './state-records.ts';
import { type RecordTrace, sealBytes, StateCorruptError, traceOf } from './state-seal.ts';
import type { KeyValue } from './types.ts';

/** Where contents that were written to disk are read back from. */
export interface Contents {
  /** The payload of a record; undefined when there is none. Throws when it cannot be trusted or read for the moment. */
  read(key: Buffer): Buffer | undefined;
}

const cacheBytes = 64 * 1024 * 1024;
/** Blocks that are struck off the list together. */
const goneAtOnce = 256;
const nothing = Buffer.alloc(0);

export class RevisionHistory {
  readonly #contents: Contents;
  readonly #journal: Journal;
  /** Not on disk yet: must stay. */
  readonly #overlay = new PassingMap<number, ChangeSet>();
  /** On disk: kept while there is room, least recently used first. */
  readonly #cache = new RevisionCache<ChangeSet>(cacheBytes, sizeOf);
  readonly #blocks = new BlockTable();
  /** Blocks as they will be on disk once the journal is. */
  readonly #unwritten = new PassingMap<number, Buffer>();
  /** Blocks of which nothing is left, and which `#blocks` still names. */
  readonly #gone = new Set<number>();
  /** The newest revision. */
  #last = 0;

  constructor(contents: Contents, journal: Journal) {
    this.#contents = contents;
    this.#journal = journal;
  }

  /** Of what is cached. */
  get cachedBytes(): number {
    return this.#cache.size;
  }

  /** Takes one block from disk, in ascending order, and returns what is in it. Its seal lies in memory behind it. */
  load(start: number, bytes: Buffer): readonly (readonly [main: number, changes: ChangeSet])[] {
    const sets = decodeBlock(bytes);
    this.#blocks.add(start, leftIn(sets.map(([, changes]) => changes)));
    this.#blocks.written(start, traceOf(bytes));
    this.#last = sets.at(-1)?.[0] ?? start;
    return sets;
  }

  // Reading

  /** All changes of a revision; undefined when there are none or they were compacted. */
  changes(main: number): ChangeSet | undefined {
    const fresh = this.#overlay.get(main);
    if (fresh !== undefined) return fresh;
    const cached = this.#cache.get(main);
    if (cached !== undefined) return cached;
    const start = this.#blocks.of(main);
    if (start === undefined || this.#gone.has(start)) return undefined;
    const bytes = this.#readBlock(start);
    let found: ChangeSet | undefined;
    for (const [revision, changes] of decodeBlock(bytes)) {
      if (revision === main) found = changes;
      // What lies together was written together, and is often read together.
      this.#cache.set(revision, changes);
    }
    return found;
  }

  /** The blocks of what there is up to a revision, ascending, each read when it is asked for. */
  *blocks(upTo: number): Generator<Buffer> {
    for (const start of this.#blocks.upTo(upTo)) {
      if (this.#gone.has(start)) continue;
      const bytes = this.#readBlock(start);
      const sets = decodeBlock(bytes);
      if ((sets.at(-1)?.[0] ?? 0) <= upTo) yield bytes;
      else yield encodeBlock(sets.filter(([main]) => main <= upTo).map(([, changes]) => changes));
    }
  }

  /** Where the block begins that a revision lies in. */
  blockOf(main: number): number | undefined {
    return this.#blocks.of(main);
  }

  #readBlock(start: number): Buffer {
    const bytes = this.#unwritten.get(start) ?? this.#contents.read(revisionKey(start));
    // Silence would be a hole in somebody's watch.
    if (bytes === undefined) throw new StateCorruptError(`the block of revision ${start} is missing`);
    return bytes;
  }

  // Writing

  /** The next revision, whose changes may not be changed any more. */
  add(main: number, changes: ChangeSet): void {
    this.#last = main;
    this.#overlay.set(main, changes);
    this.#journal.revision(main);
  }

  /** Makes one block of the revisions that came since the last one. */
  close(): void {
    const { revisions } = this.#journal;
    const [first] = revisions;
    if (first === undefined) return;
    const sets = revisions.map((main) => this.#overlay.get(main) ?? []);
    this.#putBlock(first, sets, null);
    this.#blocks.add(first, leftIn(sets));
  }

  #putBlock(start: number, sets: readonly ChangeSet[], before: Buffer | null): void {
    const bytes = encodeBlock(sets, sealBytes);
    this.#unwritten.set(start, bytes);
    this.#journal.block(start, bytes, before);
  }

  /** Says that a journal record is on disk, its blocks sealed where they lay: its contents may leave memory. */
  flushed(record: JournalRecord): void {
    for (const [start, bytes] of record.blocks)
      if (this.#unwritten.get(start) === bytes) {
        this.#unwritten.delete(start);
        this.#blocks.written(start, traceOf(bytes));
      }
    for (const main of record.revisions) {
      const changes = this.#overlay.get(main);
      if (changes === undefined) continue;
      this.#overlay.delete(main);
      this.#cache.set(main, changes);
    }
  }

  // Compaction

  /**
   * Takes the `going` changes out of a block that the index has no more, of revisions up to `upTo`. Returns how many
   * bytes it had to read.
   */
  compactBlock(start: number, going: number, upTo: number, index: Pick<KeyIndex, 'has'>): number {
    const blocks = this.#blocks;
    const trace = blocks.trace(start);
    if (going === blocks.left(start)) {
      const before = trace ?? this.#readBlock(start);
      const end = blocks.after(start) ?? this.#last + 1;
      for (let main = start; main < end; main++) this.#cache.delete(main);
      this.#drop(start, before);
      return Buffer.isBuffer(before) ? before.length : 0;
    }
    const bytes = this.#readBlock(start);
    const left: ChangeSet[] = [];
    for (const [main, changes] of decodeBlock(bytes)) {
      const kept = main > upTo ? changes : withoutGone(main, changes, index);
      if (kept !== changes) {
        this.#cache.delete(main);
        if (this.#overlay.has(main)) this.#overlay.set(main, kept);
      }
      if (kept.some((change) => change.key.length > 0)) left.push(kept);
    }
    if (left.length === 0) this.#drop(start, bytes);
    else {
      this.#putBlock(start, left, bytes);
      blocks.rewritten(start, leftIn(left));
    }
    return bytes.length;
  }

  #drop(start: number, before: Buffer | RecordTrace): void {
    this.#journal.delete(revisionKey(start), before);
    this.#gone.add(start);
  }

  /** Strikes blocks of which nothing is left off the list, many at once, or all when it is the `end` of a sweep. */
  strike(end: boolean): void {
    if (!end && this.#gone.size < goneAtOnce) return;
    this.#blocks.remove(this.#gone);
    this.#gone.clear();
  }
}

/** About what a revision takes in memory. */
function sizeOf(changes: ChangeSet): number {
  let bytes = 0;
  for (const change of changes) bytes += 120 + change.key.length + change.value.length;
  return bytes;
}

/** How many changes were not taken out. */
function leftIn(sets: readonly ChangeSet[]): number {
  let left = 0;
  for (const set of sets) for (const { key } of set) if (key.length > 0) left += 1;
  return left;
}

/** The changes of a revision without those that the index has no more. A gap stays where each was, so that positions hold. */
function withoutGone(main: number, changes: ChangeSet, index: Pick<KeyIndex, 'has'>): ChangeSet {
  const goes = ({ key }: KeyValue, sub: number): boolean =>
    key.length > 0 && !index.has(key.toString('latin1'), main, sub);
  if (!changes.some(goes)) return changes;
  const gap: KeyValue = {
    key: nothing,
    createRevision: 0,
    modRevision: main,
    version: 0,
    value: nothing,
    lease: 0n,
  };
  return changes.map((change, sub) => (goes(change, sub) ? gap : change));
}
