/**
 * What is left to do of a compaction. Which history is gone is decided at once, by the revision; taking it out of the
 * index and of the blocks on disk is done in slices, each short enough that nobody waits for it noticeably. Reads do
 * not see the difference, and a restart in the middle begins the sweep again.
 */
import type { KeyIndex, RevisionRecord } from './key-index.ts';

/** Keys looked at in one slice. */
const sliceKeys = 2_000;

export type Drops = ReadonlyMap<number, readonly number[]>;

export class Sweep {
  readonly revision: number;
  #from: string | undefined = '';
  /** What goes of each block, by revision. */
  readonly #blocks = new Map<number, Map<number, number[]>>();
  /** Oldest last. */
  #starts: number[] | undefined;

  constructor(revision: number) {
    this.revision = revision;
  }

  /** Whether every key was looked at, so that blocks can be rewritten, each once. */
  get indexDone(): boolean {
    return this.#from === undefined;
  }

  /** Takes a slice of keys through. `blockOf` says where a revision lies. */
  index(index: KeyIndex, blockOf: (main: number) => number | undefined, tooMuch: boolean): void {
    if (this.#from === undefined) return;
    const drop = ({ main, sub }: RevisionRecord): void => {
      const start = blockOf(main);
      if (start === undefined) return;
      let drops = this.#blocks.get(start);
      if (drops === undefined) this.#blocks.set(start, (drops = new Map<number, number[]>()));
      const subs = drops.get(main);
      if (subs === undefined) drops.set(main, [sub]);
      else subs.push(sub);
    };
    this.#from = index.compact(this.revision, this.#from, sliceKeys, drop, tooMuch);
  }

  /**
   * The next block to rewrite, oldest first; undefined when all are. The order matters: a crash may keep what was
   * done so far, and a deletion must not be forgotten before everything that it deleted.
   */
  next(): readonly [start: number, drops: Drops] | undefined {
    this.#starts ??= [...this.#blocks.keys()].sort((a, b) => b - a);
    const start = this.#starts.pop();
    if (start === undefined) return undefined;
    const drops = this.#blocks.get(start) ?? new Map<number, number[]>();
    this.#blocks.delete(start);
    return [start, drops];
  }
}
