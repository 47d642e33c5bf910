/**
 * The databases of a state in its folder: the current one, what is to take its place (received from the leader, or
 * carried over into today's form), and the one whose place was taken.
 *
 * Invariant: at every moment a whole state lies under one of these names, and a start finds it. One takes the place of
 * another in two renames; a crash between them leaves no current one, and the one whose place was being taken comes back.
 */
import { incoming } from './incoming-state.ts';
import type { Level, Levels } from './levels.ts';
import { isEmpty, isMetaKey, readMeta } from './meta-records.ts';
import { rejoinAdvice } from './recover-advice.ts';
import { StateBuilder } from './state-builder.ts';
import type { StateMeta } from './state-meta.ts';
import { StateCorruptError } from './state-seal.ts';
import { readAheadBytes } from './state-view.ts';

/** Names of the databases. */
export const current = 'state';
const sealing = 'state.sealing';
const old = 'state.old';

export class StatePlaces {
  readonly #levels: Levels;
  #db: Level | undefined;

  constructor(levels: Levels) {
    this.#levels = levels;
  }

  /** The current database. */
  get db(): Level {
    if (this.#db === undefined) throw new Error('the state is not open');
    return this.#db;
  }

  /** Opens the current one, whose lock keeps a second process away from everything in the folder. */
  async open(): Promise<void> {
    this.#db = await this.#levels.open(current);
  }

  async reopen(): Promise<void> {
    await this.#db?.close();
    await this.open();
  }

  async close(): Promise<void> {
    await this.#db?.close();
  }

  /**
   * Sees to it that the current one is the one that counts, whatever the last life was in the middle of, and removes all
   * others. What was received counts when it ends with the log's `snapshotIndex` and the current one does not reach
   * there. Rejects with `StateCorruptError` when it may count and is damaged.
   */
  async settle(snapshotIndex: number): Promise<void> {
    await this.#takeBack();
    if (this.#levels.exists(incoming)) {
      if (await this.#countsOnIncoming(snapshotIndex)) await this.install();
      else this.#levels.remove(incoming);
    }
    this.#levels.remove(old);
    this.#levels.remove(sealing);
  }

  /** Puts what was received in the place of the current one. */
  install(): Promise<void> {
    return this.#replaceBy(incoming);
  }

  /** Brings a state of before there were seals into today's form. Resolves with what that says about itself. */
  async sealAll(meta: StateMeta): Promise<StateMeta> {
    const builder = new StateBuilder(() => this.#levels.open(sealing));
    for await (const [key, value] of this.db.iterator({ highWaterMarkBytes: readAheadBytes }))
      if (!isMetaKey(key)) await builder.add(key, value);
    await builder.describe(meta);
    const sealed = await builder.finish();
    await this.#replaceBy(sealing);
    return sealed;
  }

  async #replaceBy(from: string): Promise<void> {
    const levels = this.#levels;
    await this.db.close();
    levels.remove(old);
    if (levels.exists(current)) levels.rename(current, old);
    levels.rename(from, current);
    levels.remove(old);
    await this.open();
  }

  /** After a crash between the two renames: opening has made an empty database meanwhile. */
  async #takeBack(): Promise<void> {
    if (!this.#levels.exists(old) || !(await isEmpty(this.db))) return;
    await this.db.close();
    this.#levels.remove(current);
    this.#levels.rename(old, current);
    await this.open();
  }

  /** The log does before a state is put in place, and then has nothing of what leads there. */
  async #countsOnIncoming(snapshotIndex: number): Promise<boolean> {
    // Not even looked at where nothing counts on it: a crash may have left it in any condition.
    if ((await this.#reached()) >= snapshotIndex) return false;
    return (await this.#received())?.index === snapshotIndex;
  }

  /** Up to which entry the current one goes; to none at all when it is damaged: then it is about to be refused. */
  async #reached(): Promise<number> {
    try {
      return (await readMeta(this.db))?.index ?? 0;
    } catch (error) {
      if (error instanceof StateCorruptError) return -1;
      throw error;
    }
  }

  /** What the state says about itself that was received, in part or whole. */
  async #received(): Promise<StateMeta | undefined> {
    try {
      const db = await this.#levels.open(incoming);
      try {
        return await readMeta(db);
      } finally {
        await db.close();
      }
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      const { folder } = this.#levels;
      const where = folder === undefined ? incoming : `${folder}/${incoming}`;
      throw new StateCorruptError(
        `the state received from the leader in ${where}, which the log counts on, is damaged: ${cause.message}; ${rejoinAdvice}`,
        { cause },
      );
    }
  }
}

/** Whether a database cannot be opened or read for what is in its files: not for its lock, or for lack of room. */
function isDamage(error: unknown): error is Error {
  return error instanceof StateCorruptError || (error instanceof Error && /corrupt/i.test(error.message));
}
