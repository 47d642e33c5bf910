/**
 * What lies in the store and is not in the watch cache: of kinds that are not served (yet), as it was read or as it was while
 * it was served; and what nobody can read, by its key and why, so that it is skipped and counted, and never guessed.
 */
import BTreeModule from 'sorted-btree';
import type { Logger } from 'pino';
import type { KeyValue } from '../storage/etcd-messages.ts';
import { rangeEnd } from '../storage/keys.ts';
import { fromStored, isUnreadableValue, StoredObject } from '../storage/stored-object.ts';
import { byKey } from './resource-cache.ts';

// The package is CommonJS; its class is the `default` of what Node imports.
const BTree = BTreeModule.default;

export interface UnreadableValue {
  readonly key: string;
  readonly revision: number;
  readonly reason: string;
}

export class KeptAside {
  readonly #log: Pick<Logger, 'error'>;
  readonly #unclaimed = new BTree<string, KeyValue | StoredObject>(undefined, byKey);
  readonly #unreadable = new Map<string, UnreadableValue>();

  constructor(log: Pick<Logger, 'error'>) {
    this.#log = log;
  }

  /** What is stored; undefined for what cannot be read, which is noted. */
  read(key: string, kv: KeyValue): StoredObject | undefined {
    try {
      return fromStored(key, kv.value, kv.modRevision, kv.createRevision);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#unreadable.set(key, { key, revision: kv.modRevision, reason });
      this.#log.error({ reason, key }, 'skipped a stored value');
      return undefined;
    }
  }

  /** Keeps what is of no kind that is served. What no key opens is noted, and read again as what is served is. */
  keep(key: string, kv: KeyValue): void {
    if (isUnreadableValue(kv.value)) this.read(key, kv);
    else this.#unclaimed.set(key, ownBytes(kv));
  }

  /** Keeps what was served until now. */
  keepObject(key: string, object: StoredObject): void {
    this.#unclaimed.set(key, object);
  }

  /** Takes out all of a kind that is served from now on. */
  *claim(start: string): Generator<readonly [key: string, object: StoredObject]> {
    for (const [key, value] of this.#unclaimed.getRange(start, rangeEnd(start))) {
      this.#unclaimed.delete(key);
      const object = value instanceof StoredObject ? value : this.read(key, value);
      if (object !== undefined) yield [key, object];
    }
  }

  /** A key has changed: what was known of it is nothing any more. */
  forgetUnclaimed(key: string): void {
    this.#unclaimed.delete(key);
  }

  forgetUnreadable(key: string): void {
    this.#unreadable.delete(key);
  }

  unreadable(key: string): UnreadableValue | undefined {
    return this.#unreadable.get(key);
  }

  /** Those under a prefix of keys; with an empty one, all. */
  unreadableUnder(prefix: string): readonly UnreadableValue[] {
    if (this.#unreadable.size === 0) return [];
    return [...this.#unreadable.values()].filter(({ key }) => key.startsWith(prefix));
  }

  /** The first key from a key on that is of no kind that is served. */
  unclaimedFrom(key: string): string | undefined {
    return this.#unclaimed.getPairOrNextHigher(key)?.[0];
  }

  unclaimedAfter(key: string): string | undefined {
    return this.#unclaimed.nextHigherKey(key);
  }
}

/** The bytes received are views into a larger network buffer that must not be kept alive. */
function ownBytes(kv: KeyValue): KeyValue {
  return { ...kv, key: Buffer.from(kv.key), value: Buffer.from(kv.value) };
}
