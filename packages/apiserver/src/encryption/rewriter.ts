/**
 * Seals anew what is stored in another way than it would be written today: after the configuration has changed, and
 * when this server gets the duty. Each object is written as it is, if it is still as it was read, under this
 * server's office. Safe to be ended and begun again at any point. Nothing is left when a look that began after the
 * last write with another key was over has found nothing: this process waits for its own, and who changes keys where there
 * are several processes has them look once more when all use the new one.
 *
 * What could not be read and now can is written once as well, however it is sealed: lists have left it out, and who goes on from
 * the version of such a list is told of what is written after it.
 */
import type { Logger } from 'pino';
import type { ServerState } from '../server-state.ts';
import { notActive, officeKey } from '../pipeline/fence-gate.ts';
import type { RangeRequest, RangeResponse } from '../storage/etcd-messages.ts';
import { rangeEnd } from '../storage/keys.ts';
import { isPlainValue } from '../storage/stored-object.ts';
import type { Sealer } from './sealer.ts';

const mostKeys = 200;
const retryMs = 2_000;

export class Rewriter {
  readonly #server: ServerState;
  readonly #sealer: Sealer;
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isDue = false;
  readonly #stop = new AbortController();
  #off: (() => void)[] = [];
  /** What has become readable, with its revision then; written by whoever has the duty. */
  readonly #revealed = new Map<string, number>();
  /** Objects that were found sealed in another way, and not yet written anew; undefined before the first look. */
  stale: number | undefined;

  constructor(server: ServerState, sealer: Sealer) {
    this.#server = server;
    this.#sealer = sealer;
    this.#log = server.log;
  }

  start(): void {
    this.#off = [
      this.#sealer.onChange(() => this.#begin(0)),
      this.#server.duty.onChange(() => this.#begin(retryMs)),
    ];
    this.#begin(retryMs);
  }

  /** Keys and revisions of what can be read again. */
  revealed(found: ReadonlyMap<string, number>): void {
    for (const [key, revision] of found) this.#revealed.set(key, revision);
    if (found.size > 0) this.#begin(0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const off of this.#off) off();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #begin(inMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.stale = undefined;
    this.#isDue = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
        if (this.#isDue) this.#begin(retryMs);
      });
    }, inMs).unref();
  }

  async #run(): Promise<void> {
    this.#isDue = false;
    if (!this.#server.duty.holds()) return;
    const { store, reads, cache } = this.#server;
    try {
      await store.sealedTxnsEnded(this.#stop.signal);
      // Then the cache knows of every custom resource that lies in the store, also where its kind is not served.
      await orStopped(reads.fresh(), this.#stop.signal);
      let stale = 0;
      for (const prefix of cache.prefixes())
        if (this.#sealer.isConfigured(prefix)) stale += await this.#rewrite(prefix);
      await this.#showAgain();
      // A change meanwhile has a look of its own.
      if (!this.#isDue) this.stale = stale;
      if (stale > 0) this.#isDue = true;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#log.warn({ reason: String(error) }, 'could not rewrite what is encrypted in another way');
      this.#isDue = true;
    }
  }

  /** Writes what has become readable, and was not written since. */
  async #showAgain(): Promise<void> {
    let written = 0;
    for (const [key, revision] of this.#revealed) {
      if (this.#stop.signal.aborted) return;
      const { kvs } = await this.#server.store.rangeSealed({ key });
      const [kv] = kvs;
      if (kv?.modRevision === revision && (await this.#write(key, kv.value, revision, kv.lease))) written++;
      if (this.#revealed.get(key) === revision) this.#revealed.delete(key);
    }
    if (written > 0) this.#log.info({ written }, 'wrote again what could not be read');
  }

  /** Returns how many objects of a resource are left. */
  async #rewrite(prefix: string): Promise<number> {
    const { store, root } = this.#server;
    const start = `${root}${prefix}/`;
    let left = 0;
    let written = 0;
    // The newest state of each page, since what is written meanwhile is newer than the first.
    const read = (range: RangeRequest): Promise<RangeResponse> =>
      store.rangeSealed({ ...range, revision: 0 });
    const pages = store.pages({ key: start, end: rangeEnd(start), mostKeys }, read);
    while (!this.#stop.signal.aborted) {
      const page = await pages.next();
      if (page === undefined) break;
      for (const kv of page.kvs) {
        const name = kv.key.toString();
        if (this.#stop.signal.aborted || !this.#sealer.isStale(name, kv.value)) continue;
        if (await this.#write(name, kv.value, kv.modRevision, kv.lease)) written++;
        else left++;
      }
    }
    if (written > 0 || left > 0) this.#log.info({ prefix, written, left }, 'rewrote stored objects');
    return left;
  }

  /** False when the object could not be opened, or is another one by now, which may be sealed by whatever key its writer had. */
  async #write(key: string, sealed: Buffer, revision: number, lease: number): Promise<boolean> {
    const { store, office } = this.#server;
    const value = this.#sealer.open(key, sealed);
    if (!isPlainValue(value)) return false;
    const token = office?.state.token;
    if (office !== undefined && (token === null || token === undefined)) throw notActive();
    const { succeeded } = await store.txn(
      [
        { key, target: 'MOD', result: 'EQUAL', modRevision: revision },
        ...(token === null || token === undefined
          ? []
          : [{ key: officeKey, target: 'VALUE', result: 'EQUAL', value: token } as const]),
      ],
      [{ requestPut: { key, value, ...(lease === 0 ? {} : { lease }) } }],
      [],
    );
    return succeeded;
  }
}

/** Rejects when the signal fires before the work is done, which ends by itself. */
async function orStopped(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new Error('stopped'));
  signal.addEventListener('abort', stop);
  try {
    await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
