/**
 * Builds a whole state in a database that nobody uses yet: one that is received from the leader, restored from a
 * snapshot, or carried over into a new form.
 *
 * Writes are not synced one by one, for nothing counts on them before `finish`, which makes all of them durable and
 * has compared them with what the state says it holds.
 */
import type { Level } from './levels.ts';
import { describing, metaKey, parseMeta, readMeta } from './meta-records.ts';
import type { DiskOperation } from './state-records.ts';
import type { StateMeta } from './state-meta.ts';
import { sameTally, seal, StateCorruptError, type Tally, TallyCounter, unseal } from './state-seal.ts';

/** Memory that collects before it is written. */
const batchBytes = 1024 * 1024;
const nothing = Buffer.alloc(0);

export class StateBuilder {
  readonly #open: () => Promise<Level>;
  readonly #counter = new TallyCounter();
  #db: Level | undefined;
  #operations: DiskOperation[] = [];
  #bytes = 0;
  #over = false;
  #finishing: Promise<StateMeta> | undefined;

  /** `open` opens the database, which is empty at first. */
  constructor(open: () => Promise<Level>) {
    this.#open = open;
  }

  get tally(): Tally {
    return this.#counter.tally;
  }

  /**
   * Takes records as they lie on another disk, and is done with their memory when this resolves. Rejects with
   * `StateCorruptError` when one is damaged.
   */
  async addSealed(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    let isLast = false;
    for (const [i, key] of keys.entries()) {
      const sealed = values[i] ?? nothing;
      if (key.equals(metaKey)) {
        isLast = true;
        this.#operations.push(...describing(parseMeta(sealed), [], []).operations);
        continue;
      }
      unseal(key, sealed);
      this.#counter.add(key, sealed);
      this.#operations.push({ type: 'put', key, value: sealed });
    }
    // What the state says about itself ends it: with that all of it is to be durable.
    await this.#write(isLast);
  }

  /** Takes a record of this release's own making, and seals it. */
  async add(key: Buffer, payload: Buffer): Promise<void> {
    const sealed = seal(key, payload);
    this.#counter.add(key, sealed);
    await this.#put(key, sealed);
  }

  /** Writes down what the state is to say about itself. */
  async describe(meta: StateMeta): Promise<void> {
    this.#operations.push(...describing({ ...meta, tally: this.tally }, [], []).operations);
    await this.#write(false);
  }

  /**
   * Makes everything durable and closes. Resolves with what the state says about itself; rejects with
   * `StateCorruptError` when that is not what was added.
   */
  finish(): Promise<StateMeta> {
    this.#finishing = this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<StateMeta> {
    await this.#write(true);
    this.#over = true;
    await this.#close();
    // Recovery turns the logs of the database into tables, which it syncs; its own syncs cover the last log only.
    const db = await this.#open();
    const meta = await readMeta(db);
    await db.close();
    if (meta?.tally === undefined) throw new StateCorruptError('the state says nothing about itself');
    if (!sameTally(meta.tally, this.tally))
      throw new StateCorruptError(
        `the state is incomplete: ${this.tally.records} of ${meta.tally.records} records arrived`,
      );
    return meta;
  }

  /** Ends, when it was not finished, without; whoever still adds something is refused. Nothing is open afterwards. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#finishing?.catch(() => undefined);
    await this.#close();
  }

  async #close(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    await db?.close();
  }

  async #put(key: Buffer, value: Buffer): Promise<void> {
    this.#operations.push({ type: 'put', key, value });
    this.#bytes += key.length + value.length;
    if (this.#bytes >= batchBytes) await this.#write(false);
  }

  async #write(sync: boolean): Promise<void> {
    const operations = this.#operations;
    this.#operations = [];
    this.#bytes = 0;
    if (this.#over) throw new Error('this state was given up');
    this.#db ??= await this.#open();
    if (operations.length > 0) await this.#db.batch(operations, { sync });
  }
}
