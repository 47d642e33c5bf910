/**
 * What is left to do of a compaction. Which history is gone is decided at once, by the revision; taking it out of the
 * index and of the blocks on disk is done in slices, each short enough that nobody waits for it noticeably. Reads do
 * not see the difference, and a restart in the middle begins the sweep again.
 */
import type { KeyIndex, RevisionRecord } from './key-index.ts';

export class Sweep {
  readonly revision: number;
  #from: string | undefined = '';
  /** How many changes go of each block. Which ones, the index says: it no longer has them. */
  readonly #going = new Map<number, number>();
  /** Oldest last. */
  #starts: number[] | undefined;

  constructor(revision: number) {
    this.revision = revision;
  }

  /** Whether every key was looked at, so that blocks can be rewritten, each once. */
  get indexDone(): boolean {
    return this.#from === undefined;
  }

  /** Takes `count` keys through. `blockOf` says where a revision lies. */
  index(
    index: KeyIndex,
    count: number,
    blockOf: (main: number) => number | undefined,
    tooMuch: boolean,
  ): void {
    if (this.#from === undefined) return;
    const drop = ({ main }: RevisionRecord): void => {
      const start = blockOf(main);
      if (start !== undefined) this.#going.set(start, (this.#going.get(start) ?? 0) + 1);
    };
    this.#from = index.compact(this.revision, this.#from, count, drop, tooMuch);
  }

  /**
   * The next block to rewrite, oldest first, and how many changes go of it; undefined when all are. The order matters: a
   * crash may keep what was done so far, and a deletion must not be forgotten before everything that it deleted.
   */
  next(): readonly [start: number, going: number] | undefined {
    this.#starts ??= [...this.#going.keys()].sort((a, b) => b - a);
    const start = this.#starts.pop();
    return start === undefined ? undefined : [start, this.#going.get(start) ?? 0];
  }
}
