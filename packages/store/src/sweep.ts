/**
 * What is left to do of a compaction. Which history is gone is decided at once, by the revision; taking it out of the
 * index and of the blocks on disk is done in slices, each short enough that nobody waits for it noticeably. Reads do
 * not see the difference, and a restart in the middle begins the sweep again.
 */
import type { KeyIndex, RevisionRecord } from './key-index.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { RevisionHistory } from './revision-history.ts';

/** What one slice rewrites at most, the last block aside. */
const sliceBytes = 64 * 1024;
/** Keys of which the history is looked through in the time that a block takes, and at most in one slice. */
const keysPerBlock = 64;
const sliceKeys = 2_000;

export class Sweep {
  readonly #revision: number;
  readonly #index: KeyIndex;
  readonly #history: RevisionHistory;
  readonly #bugs: KnownBugs;
  /** The next key to look at; undefined when every one was, so that blocks can be rewritten, each once. */
  #from: string | undefined = '';
  /** How many changes go of each block. Which ones, the index says: it no longer has them. */
  readonly #going = new Map<number, number>();
  /** Oldest last. */
  #starts: number[] | undefined;

  /** Of everything that nobody may read at `revision` or later. */
  constructor(revision: number, index: KeyIndex, history: RevisionHistory, bugs = noBugs) {
    this.#revision = revision;
    this.#index = index;
    this.#history = history;
    this.#bugs = bugs;
  }

  /** One slice: `most` blocks are rewritten, or so many times 64 keys looked at. Returns whether something is left. */
  slice(most: number): boolean {
    if (this.#from !== undefined) {
      this.#look(this.#from, Math.min(sliceKeys, most * keysPerBlock));
      return true;
    }
    const history = this.#history;
    let start: number | undefined;
    for (let blocks = 0, bytes = 0; blocks < most && bytes < sliceBytes; blocks++) {
      start = this.#next();
      if (start === undefined) break;
      bytes += history.compactBlock(start, this.#going.get(start) ?? 0, this.#revision, this.#index);
    }
    history.strike(start === undefined);
    return start !== undefined;
  }

  /** Takes `count` keys through, from one on. */
  #look(from: string, count: number): void {
    const drop = ({ main }: RevisionRecord): void => {
      const start = this.#history.blockOf(main);
      if (start !== undefined) this.#going.set(start, (this.#going.get(start) ?? 0) + 1);
    };
    const tooMuch = this.#bugs.has('live-revision-compacted');
    this.#from = this.#index.compact(this.#revision, from, count, drop, tooMuch);
  }

  /**
   * The next block to rewrite, oldest first; undefined when all are. The order matters: a crash may keep what was done
   * so far, and a deletion must not be forgotten before everything that it deleted.
   */
  #next(): number | undefined {
    this.#starts ??= [...this.#going.keys()].sort((a, b) => b - a);
    return this.#starts.pop();
  }
}
