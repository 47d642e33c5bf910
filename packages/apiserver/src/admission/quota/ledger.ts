/**
 * What this server knows of the quotas: the watch cache, and the usage that its own commits have just written and the
 * cache has not seen yet. Nothing is promised by it: every charge is compared with the store when it is committed. When
 * that fails, or before a refusal is believed, the quotas of the namespace are read anew.
 */
import type { ResourceQuota } from '@timonier/api';
import { rangeEnd } from '../../storage/keys.ts';
import { fromStored, type StoredObject } from '../../storage/stored-object.ts';
import type { ServerState } from '../../server-state.ts';
import { treeOf } from '../cached.ts';

const quotaPrefix = 'resourcequotas';
/** Quotas that are newer than the cache; it catches up within milliseconds, so this is never reached in practice. */
const maxAhead = 10_000;

export interface KnownQuota {
  readonly stored: StoredObject;
  readonly quota: Readonly<ResourceQuota>;
}

export class QuotaLedger {
  readonly #server: ServerState;
  readonly #ahead = new Map<string, StoredObject>();
  readonly #doubted = new Set<string>();

  constructor(server: ServerState) {
    this.#server = server;
  }

  /** True when no namespace has a quota, as far as is known: then nothing else need be asked. */
  get isEmpty(): boolean {
    return this.#ahead.size === 0 && this.#server.cache.resource(quotaPrefix).index.size === 0;
  }

  /** The quotas of a namespace as they are known here, by name. */
  known(namespace: string): readonly KnownQuota[] {
    const { cache } = this.#server;
    const start = this.keyOf(namespace);
    const found = new Map<string, StoredObject>(
      cache.resource(quotaPrefix).index.getRange(start, rangeEnd(start)),
    );
    for (const [key, stored] of this.#ahead) {
      // Once the cache is as far as this state, it knows better, also that the quota is gone.
      if (stored.revision <= cache.revision) this.#ahead.delete(key);
      else if (key.startsWith(start)) found.set(key, stored);
    }
    return [...found.values()]
      .map((stored) => ({ stored, quota: treeOf(stored) as Readonly<ResourceQuota> }))
      .toSorted((a, b) => (a.stored.key < b.stored.key ? -1 : 1));
  }

  /** The same; from the store when what is known here has proved to be old. */
  async current(
    namespace: string,
  ): Promise<{ readonly quotas: readonly KnownQuota[]; readonly isFresh: boolean }> {
    if (this.#doubted.delete(namespace)) {
      const start = this.keyOf(namespace);
      const { kvs } = await this.#server.store.range({ key: start, rangeEnd: rangeEnd(start) });
      for (const key of this.#ahead.keys()) if (key.startsWith(start)) this.#ahead.delete(key);
      const quotas = kvs.map((kv) =>
        fromStored(kv.key.toString(), kv.value, kv.modRevision, kv.createRevision),
      );
      for (const stored of quotas) this.remember(stored);
      return {
        quotas: quotas.map((stored) => ({ stored, quota: stored.object() as ResourceQuota })),
        isFresh: true,
      };
    }
    return { quotas: this.known(namespace), isFresh: false };
  }

  /** A state that is in the store. */
  remember(stored: StoredObject): void {
    if (this.#ahead.size >= maxAhead) this.#ahead.clear();
    if (stored.revision > this.#server.cache.revision) this.#ahead.set(stored.key, stored);
  }

  /** What is known of a namespace may be old. */
  doubt(namespace: string): void {
    this.#doubted.add(namespace);
    if (this.#doubted.size > maxAhead) this.#doubted.clear();
  }

  /** Where the quotas of a namespace lie in the store. */
  keyOf(namespace: string): string {
    return `${this.#server.root}${quotaPrefix}/${namespace}/`;
  }
}
