/**
 * Which revisions each key has: a sorted tree in memory over all keys and their history since the last compaction.
 *
 * Keys are byte strings in JavaScript strings (one character a byte), whose comparison is the byte order.
 * Invariant: a key's history ascends, and starts with a creation unless compaction cut it.
 */
import sortedBtree from 'sorted-btree';

const BTree = sortedBtree.default;

/** One write to a key: where its content is, and what lookups filter by. */
export interface RevisionRecord {
  readonly main: number;
  /** Position among the changes of that revision. */
  readonly sub: number;
  readonly create: number;
  /** 0 for a deletion. */
  readonly version: number;
}

type History = RevisionRecord[];

/** Sorts above every key. */
const beyondAll = '\u0100';

/** `[from, to)`; undefined `to`: just the key `from`. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | undefined;
}

/** etcd's range rules: no end is the key itself, an end of one zero byte means everything from the key on. */
export function keyRange(key: Buffer, rangeEnd: Buffer): KeyRange {
  const from = key.toString('latin1');
  if (rangeEnd.length === 0) return { from, to: undefined };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from, to: beyondAll };
  return { from, to: rangeEnd.toString('latin1') };
}

/** By bytes; a range without an end holds its one key. */
export function inRange(range: KeyRange, key: string): boolean {
  return range.to === undefined ? key === range.from : key >= range.from && key < range.to;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export class KeyIndex {
  readonly #tree = new BTree<string, History>(undefined, compare);

  /** Keys with history, deleted ones that are not compacted yet included. */
  get size(): number {
    return this.#tree.size;
  }

  /** The newest record, deletions included. */
  latest(key: string): RevisionRecord | undefined {
    return this.#tree.get(key)?.at(-1);
  }

  /** What the key was at `revision`; undefined when it did not exist then. */
  at(key: string, revision: number): RevisionRecord | undefined {
    return visible(this.#tree.get(key), revision);
  }

  /** Whether a change of a key was not forgotten. */
  has(key: string, main: number, sub: number): boolean {
    return this.#tree.get(key)?.some((record) => record.main === main && record.sub === sub) === true;
  }

  /** A newer record of a key than all it has. */
  put(key: string, record: RevisionRecord): void {
    const history = this.#tree.get(key);
    if (history === undefined) this.#tree.set(key, [record]);
    else history.push(record);
  }

  /** Visits existing keys in order; `visit` returns false to stop. */
  scan(
    range: KeyRange,
    revision: number,
    visit: (key: string, record: RevisionRecord) => boolean | void,
  ): void {
    if (range.to === undefined) {
      const record = this.at(range.from, revision);
      if (record !== undefined) visit(range.from, record);
      return;
    }
    if (range.to <= range.from) return;
    this.#tree.editRange(range.from, range.to, false, (key, history) => {
      const record = visible(history, revision);
      if (record !== undefined && visit(key, record) === false) return { break: true };
      return undefined;
    });
  }

  /**
   * Forgets what nobody may read at `revision` or later, of at most `count` keys from `from` on. Calls `drop` for every
   * record that goes. Returns where to go on, undefined at the end. `tooMuch` is a known bug (known-bugs.ts).
   */
  compact(
    revision: number,
    from: string,
    count: number,
    drop: (record: RevisionRecord) => void,
    tooMuch = false,
  ): string | undefined {
    let left = count;
    let next: string | undefined;
    this.#tree.editRange(from, beyondAll, true, (key, history) => {
      if (left-- === 0) {
        next = key;
        return { break: true };
      }
      let keep = history.length;
      while (keep > 0 && (history[keep - 1]?.main ?? 0) > revision) keep--;
      // What a read at `revision` sees stays; an older deletion is seen as nothing. A deletion at `revision` itself
      // stays for watches that begin there.
      const seen = history[keep - 1];
      if (seen !== undefined && !tooMuch && (seen.version !== 0 || seen.main === revision)) keep--;
      if (keep === 0) return undefined;
      for (const record of history.splice(0, keep)) drop(record);
      return history.length === 0 ? { delete: true } : undefined;
    });
    return next;
  }
}

function visible(history: History | undefined, revision: number): RevisionRecord | undefined {
  if (history === undefined) return undefined;
  for (let i = history.length - 1; i >= 0; i--) {
    const record = history[i];
    if (record !== undefined && record.main <= revision) return record.version === 0 ? undefined : record;
  }
  return undefined;
}
