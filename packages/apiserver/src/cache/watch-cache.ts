/**
 * The API server's copy of the store: all objects as bytes, sorted by key, and the last changes of each resource.
 *
 * It loads everything at one revision and then follows one watch over *all* keys of the store, so that it sees every
 * revision and always knows how far it is: a read is fresh when the cache has reached the store's revision. Values it
 * cannot read are skipped and counted, never guessed. Invariant: `revision` is raised only after every change up to
 * it is in the indexes and logs.
 */
import { loadingWhatStays } from '@timonier/component';
import { giveBackAround } from '@timonier/component/give-back';
import { PassingSet } from '@timonier/component/passing';
import BTreeModule from 'sorted-btree';
import type { Logger } from 'pino';
import type { KeyValue, StoreEvent, WatchResponse } from '../storage/etcd-messages.ts';
import { Compacted, type StoreClient } from '../storage/store-client.ts';
import { rangeEnd } from '../storage/keys.ts';
import { fromStored, isUnreadableValue, StoredObject } from '../storage/stored-object.ts';
import type { CacheEvent } from './cache-event.ts';
import type { EventLog } from './event-log.ts';
import { OwnWrites } from './own-writes.ts';
import { byKey, ResourceCache } from './resource-cache.ts';

// The package is CommonJS; its class is the `default` of what Node imports.
const BTree = BTreeModule.default;

type Unclaimed = InstanceType<typeof BTree<string, KeyValue | StoredObject>>;

export interface UnreadableValue {
  readonly key: string;
  readonly revision: number;
  readonly reason: string;
}

export interface WatchCacheOptions {
  readonly store: StoreClient;
  /** `/registry/`, or what `--etcd-prefix` says, with a slash at the end. */
  readonly root: string;
  /** Storage prefixes of the served resources, such as `pods` or `services/specs`. */
  readonly prefixes: Iterable<string>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Changes kept per resource for watches that resume. */
  readonly capacity?: number;
  /** Sees every change of keys outside of `root`, and all of them during a load. */
  readonly onForeignKey?: (key: string, value: Buffer | undefined) => void;
  /** A load, which may be one of several tries, begins or has ended: what it has not told of by then is no more. */
  readonly onForeignLoad?: (phase: 'begins' | 'ended') => void;
}

/** More than that take so much of a process that it is set up for them while they are loaded. */
const fewObjects = 1_000;
const retryPauseMs = 100;
/** `\0` as key and as end of range: the whole key space. */
const wholeSpace = Buffer.from([0]);

export class WatchCache {
  readonly #options: WatchCacheOptions;
  readonly #resources = new Map<string, ResourceCache>();
  /** What lies under the root, can be opened, and is of no kind that is served (yet): as it was read, or as it was while it was served. */
  #unclaimed: Unclaimed = new BTree(undefined, byKey);
  readonly #waiters = new PassingSet<{ revision: number; resolve: () => void }>();
  readonly #resetListeners = new Set<() => void>();
  #revision = 0;
  readonly #ownWrites = new OwnWrites();
  /** Why objects that are in the store are not here. */
  #unreadable = new Map<string, UnreadableValue>();
  #following = false;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
  }

  /** The revision that the cache has reached; 0 before the first load. */
  get revision(): number {
    return this.#revision;
  }

  /** What lies in the store under a prefix of keys, or is one, and cannot be read. */
  unreadableUnder(prefix: string): readonly UnreadableValue[] {
    if (this.#unreadable.size === 0) return [];
    return [...this.#unreadable.values()].filter(({ key }) => key.startsWith(prefix));
  }

  unreadable(key: string): UnreadableValue | undefined {
    return this.#unreadable.get(key);
  }

  /**
   * Reads again what could not be read: another key may open it now. Watchers see it come. Returns the keys and revisions of what
   * can be read now.
   */
  async retryUnreadable(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    // What cannot be read this time either comes to the end of the map, where iterators would meet it again, without end.
    const keys = Array.from(this.#unreadable.keys());
    for (const key of keys) {
      const { kvs } = await this.#options.store.range({ key });
      const [kv] = kvs;
      // A change since then came, or comes, by the watch.
      const known = this.#unreadable.get(key);
      if (kv === undefined || known === undefined || kv.modRevision !== known.revision) continue;
      if (this.#applyEvent({ type: 0, kv }, this.#revision) !== undefined) this.#notify(key);
      if (!this.#unreadable.has(key)) found.set(key, kv.modRevision);
    }
    return found;
  }

  /**
   * What this process committed under a key at a revision, just heard of from the store. The event of the same change has
   * been here already, or finds what `make` makes now: the bytes are read and kept once.
   */
  committed(key: string, revision: number, make: () => StoredObject): StoredObject {
    const prefix = this.#prefixOf(key, this.#resources);
    const known = prefix === undefined ? undefined : this.#resources.get(prefix)?.index.get(key);
    if (known?.revision === revision) return known;
    const stored = make();
    if (this.#revision < revision) this.#ownWrites.add(stored);
    return stored;
  }

  #notify(key: string): void {
    const prefix = this.#prefixOf(key, this.#resources);
    if (prefix !== undefined) this.resource(prefix).log.notify();
  }

  /** True while the watch over the store is open. */
  get following(): boolean {
    return this.#following;
  }

  /** A prefix that was not known so far takes over what lies under it: kinds may join at any time. */
  resource(prefix: string): ResourceCache {
    let resource = this.#resources.get(prefix);
    if (resource === undefined) {
      resource = new ResourceCache(this.#revision, this.capacity);
      this.#resources.set(prefix, resource);
      const start = `${this.#options.root}${prefix}/`;
      const found = this.#unclaimed.getRange(start, rangeEnd(start));
      for (const [key, value] of found) {
        this.#unclaimed.delete(key);
        const object = value instanceof StoredObject ? value : this.#read(key, value);
        if (object !== undefined) resource.put(key, object);
      }
    }
    return resource;
  }

  /** Forgets a resource that is not served any more; its watches end. What may be left of it is kept aside. */
  drop(prefix: string): void {
    const resource = this.#resources.get(prefix);
    if (resource === undefined) return;
    this.#resources.delete(prefix);
    for (const [key, object] of resource.index.entries()) this.#unclaimed.set(key, object);
    resource.log.close();
  }

  /** Storage prefixes of what is served and of whatever else lies under the root. */
  prefixes(): ReadonlySet<string> {
    const found = new Set(this.#resources.keys());
    for (const key of this.#unreadable.keys()) {
      const prefix = this.#prefixOf(key, this.#resources) ?? this.#customPrefixOf(key);
      if (prefix !== undefined) found.add(prefix);
    }
    let key = this.#unclaimed.minKey();
    while (key !== undefined) {
      const prefix = this.#customPrefixOf(key);
      if (prefix === undefined) key = this.#unclaimed.nextHigherKey(key);
      else {
        found.add(prefix);
        [key] = this.#unclaimed.getPairOrNextHigher(rangeEnd(`${this.#options.root}${prefix}/`)) ?? [];
      }
    }
    return found;
  }

  /** Called when everything was loaded (anew), and old positions in logs mean nothing any more. */
  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  /** Resolves true once the cache has reached `revision`, false when that takes longer than `timeoutMs`. */
  waitFor(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#revision >= revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      let last: NodeJS.Immediate | undefined;
      const waiter = {
        revision,
        resolve: (): void => {
          clearTimeout(timer);
          clearImmediate(last);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        // A busy process hears of the time before it reads what has come meanwhile: news that are there count.
        last = setImmediate(() => {
          this.#waiters.delete(waiter);
          resolve(false);
        });
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Loads and follows the store until `signal` fires; failures are retried for ever, with a pause. */
  async run(signal: AbortSignal): Promise<void> {
    let loaded = false;
    while (!signal.aborted) {
      try {
        if (!loaded) await this.#load();
        loaded = true;
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Compacted) loaded = false;
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.warn({ reason, revision: this.#revision }, 'the watch over the store broke');
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  async #load(): Promise<void> {
    const { store, root, prefixes, onForeignKey, onForeignLoad } = this.#options;
    const staged = new Map<string, ResourceCache>();
    const unclaimed: Unclaimed = new BTree(undefined, byKey);
    // What is known goes on to be known while this one is under way.
    const unreadable = new Map<string, UnreadableValue>();
    this.#ownWrites.clear();
    onForeignLoad?.('begins');
    for (const prefix of [...prefixes, ...this.#resources.keys()])
      staged.set(prefix, new ResourceCache(0, this.capacity));
    const folderEnd = (key: string): string | undefined => this.#folderEnd(key);
    const pages = store.pages({ key: '\0', end: wholeSpace, folderEnd });
    /** Returns how many objects it had; undefined when there is none. */
    const loadPage = async (): Promise<number | undefined> => {
      const page = await pages.next();
      if (page === undefined) return undefined;
      for (const kv of page.kvs) {
        const text = kv.key.toString();
        if (!text.startsWith(root)) onForeignKey?.(text, kv.value);
        else {
          const target = staged.get(this.#prefixOf(text, staged) ?? '');
          if (target === undefined) this.#keepAside(text, kv, unclaimed, unreadable);
          else {
            const object = this.#read(text, kv, unreadable);
            if (object !== undefined) target.put(text, object);
          }
        }
      }
      // Everything that is kept was copied. Hundreds of megabytes pass here, and what waits to be collected among objects that
      // stay leaves holes.
      const last = page.kvs.at(-1);
      if (last !== undefined) giveBackAround(last.key);
      return page.kvs.length;
    };
    // The store may still be starting, and so is this process until it answers.
    let loaded = await loadPage();
    for (let all = 0; loaded !== undefined && all < fewObjects; loaded = await loadPage()) all += loaded;
    if (loaded !== undefined)
      await loadingWhatStays(async () => {
        while ((await loadPage()) !== undefined);
      });
    const { revision } = pages;
    onForeignLoad?.('ended');
    this.#resources.clear();
    this.#unclaimed = unclaimed;
    this.#unreadable = unreadable;
    for (const [prefix, loaded] of staged)
      this.#resources.set(prefix, new ResourceCache(revision, this.capacity, loaded));
    this.#revision = revision;
    // Who reads after this revision must find the kinds that it defines.
    for (const listener of this.#resetListeners) listener();
    this.#advance(revision);
    this.#options.log.info({ revision }, 'loaded the store');
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    // From what is known already: of the oldest revision that is left etcd 3.4 does not tell what went, and who has only the one
    // before must load anew.
    const known = this.#revision;
    const request = {
      createRequest: { key: wholeSpace, rangeEnd: wholeSpace, startRevision: known },
    };
    try {
      for await (const response of this.#options.store.watch(
        request,
        AbortSignal.any([signal, stop.signal]),
      )) {
        if (response.canceled) {
          if (response.compactRevision > 0) throw new Compacted(response.compactRevision);
          throw new Error(`the store ended the watch: ${response.cancelReason}`);
        }
        this.#following = true;
        this.#receive(response, known);
      }
      throw new Error('the store closed the watch');
    } finally {
      this.#following = false;
      stop.abort();
    }
  }

  /** Changes up to the revision `known` are here already. */
  #receive(response: WatchResponse, known: number): void {
    if (response.events.length === 0) return;
    const touched = new Set<EventLog>();
    let revision = this.#revision;
    for (const event of response.events) {
      const { modRevision = 0 } = event.kv ?? {};
      if (modRevision <= known) continue;
      revision = Math.max(revision, modRevision);
      const log = this.#applyEvent(event);
      if (log !== undefined) touched.add(log);
    }
    this.#advance(revision);
    for (const log of touched) log.notify();
  }

  /** `at` is the revision that watchers see the change at, when that is not the value's own. */
  #applyEvent(event: StoreEvent, at?: number): EventLog | undefined {
    const kv = event.kv;
    if (kv === undefined) return undefined;
    const key = kv.key.toString();
    const { root, onForeignKey } = this.#options;
    if (!key.startsWith(root)) {
      onForeignKey?.(key, event.type === 1 ? undefined : kv.value);
      return undefined;
    }
    this.#unreadable.delete(key);
    const prefix = this.#prefixOf(key, this.#resources);
    if (prefix === undefined) {
      this.#unclaimed.delete(key);
      if (event.type !== 1) this.#keepAside(key, kv, this.#unclaimed, this.#unreadable);
      return undefined;
    }
    const resource = this.resource(prefix);
    const { index, log } = resource;
    const before = index.get(key);
    const current =
      event.type === 1 ? undefined : (this.#ownWrites.take(key, kv.modRevision) ?? this.#read(key, kv));
    // An unreadable value hides the object: watchers must see it go.
    resource.put(key, current, before);
    if (current === undefined && before === undefined) return undefined;
    log.append(changeOf(at ?? kv.modRevision, before, current));
    return log;
  }

  /** Keeps what is of no kind that is served. What no key opens is noted, and read again as what is served is. */
  #keepAside(
    key: string,
    kv: KeyValue,
    unclaimed: Unclaimed,
    unreadable: Map<string, UnreadableValue>,
  ): void {
    if (isUnreadableValue(kv.value)) this.#read(key, kv, unreadable);
    else unclaimed.set(key, ownBytes(kv));
  }

  #read(key: string, kv: KeyValue, unreadable = this.#unreadable): StoredObject | undefined {
    try {
      return fromStored(key, kv.value, kv.modRevision, kv.createRevision);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      unreadable.set(key, { key, revision: kv.modRevision, reason });
      this.#options.log.error({ reason, key }, 'skipped a stored value');
      return undefined;
    }
  }

  /** Where the keys end that begin with the same name under the root. */
  #folderEnd(key: string): string | undefined {
    const { root } = this.#options;
    const end = key.startsWith(root) ? key.indexOf('/', root.length) + 1 : 0;
    return end === 0 ? undefined : rangeEnd(key.slice(0, end));
  }

  #prefixOf(key: string, known: ReadonlyMap<string, unknown>): string | undefined {
    const start = this.#options.root.length;
    const first = key.indexOf('/', start);
    if (first < 0) return undefined;
    const one = key.slice(start, first);
    if (known.has(one)) return one;
    const two = this.#customPrefixOf(key);
    return two !== undefined && known.has(two) ? two : undefined;
  }

  /** Group and plural, if a custom resource lies there. */
  #customPrefixOf(key: string): string | undefined {
    const start = this.#options.root.length;
    const first = key.indexOf('/', start);
    const second = first < 0 ? -1 : key.indexOf('/', first + 1);
    return second < 0 ? undefined : key.slice(start, second);
  }

  #advance(revision: number): void {
    this.#revision = revision;
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Changes that are kept of each resource, at least. */
  get capacity(): number {
    return this.#options.capacity ?? 4_096;
  }
}

/** The bytes received are views into a larger network buffer that must not be kept alive. */
function ownBytes(kv: KeyValue): KeyValue {
  return { ...kv, key: Buffer.from(kv.key), value: Buffer.from(kv.value) };
}

/** An event; a deletion's last state carries the revision of the deletion. */
export function changeOf(
  revision: number,
  previous: StoredObject | undefined,
  current: StoredObject | undefined,
): CacheEvent {
  return { revision, previous, current, encoded: undefined };
}
