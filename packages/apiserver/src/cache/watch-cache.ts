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
import type { Logger } from 'pino';
import type { StoreEvent, WatchResponse } from '../storage/etcd-messages.ts';
import type { StoreClient } from '../storage/store-client.ts';
import { Compacted } from '../storage/store-failures.ts';
import { rangeEnd } from '../storage/keys.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import type { CacheEvent } from './cache-event.ts';
import type { EventLog } from './event-log.ts';
import { KeptAside, type UnreadableValue } from './kept-aside.ts';
import { OwnWrites } from './own-writes.ts';
import { customPrefixOf, folderEnd, prefixOf } from './prefixes.ts';
import { ResourceCache } from './resource-cache.ts';
import { RevisionWaiters } from './revision-waiters.ts';

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
  readonly #waiters = new RevisionWaiters();
  readonly #resetListeners = new Set<() => void>();
  #revision = 0;
  readonly #ownWrites = new OwnWrites();
  /** What is under the root and not here. */
  #aside: KeptAside;
  #following = false;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
    this.#aside = new KeptAside(options.log);
  }

  /** The revision that the cache has reached; 0 before the first load. */
  get revision(): number {
    return this.#revision;
  }

  /** What lies in the store under a prefix of keys, or is one, and cannot be read. */
  unreadableUnder(prefix: string): readonly UnreadableValue[] {
    return this.#aside.unreadableUnder(prefix);
  }

  unreadable(key: string): UnreadableValue | undefined {
    return this.#aside.unreadable(key);
  }

  /**
   * Reads again what could not be read: another key may open it now. Watchers see it come. Returns the keys and revisions of what
   * can be read now.
   */
  async retryUnreadable(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    // What cannot be read this time either comes to the end of the map, where iterators would meet it again, without end.
    for (const { key } of this.#aside.unreadableUnder('')) {
      const { kvs } = await this.#options.store.range({ key });
      const [kv] = kvs;
      // A change since then came, or comes, by the watch.
      const known = this.#aside.unreadable(key);
      if (kv === undefined || known === undefined || kv.modRevision !== known.revision) continue;
      if (this.#applyEvent({ type: 0, kv }, this.#revision) !== undefined) this.#notify(key);
      if (this.#aside.unreadable(key) === undefined) found.set(key, kv.modRevision);
    }
    return found;
  }

  /**
   * What this process committed under a key at a revision, just heard of from the store. The event of the same change has
   * been here already, or finds what `make` makes now: the bytes are read and kept once.
   */
  committed(key: string, revision: number, make: () => StoredObject): StoredObject {
    const prefix = prefixOf(this.#options.root, key, this.#resources);
    const known = prefix === undefined ? undefined : this.#resources.get(prefix)?.index.get(key);
    if (known?.revision === revision) return known;
    const stored = make();
    if (this.#revision < revision) this.#ownWrites.add(stored);
    return stored;
  }

  #notify(key: string): void {
    const prefix = prefixOf(this.#options.root, key, this.#resources);
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
      for (const [key, object] of this.#aside.claim(start)) resource.put(key, object);
    }
    return resource;
  }

  /** Forgets a resource that is not served any more; its watches end. What may be left of it is kept aside. */
  drop(prefix: string): void {
    const resource = this.#resources.get(prefix);
    if (resource === undefined) return;
    this.#resources.delete(prefix);
    for (const [key, object] of resource.index.entries()) this.#aside.keepObject(key, object);
    resource.log.close();
  }

  /** Storage prefixes of what is served and of whatever else lies under the root. */
  prefixes(): ReadonlySet<string> {
    const found = new Set(this.#resources.keys());
    const { root } = this.#options;
    for (const { key } of this.#aside.unreadableUnder('')) {
      const prefix = prefixOf(root, key, this.#resources) ?? customPrefixOf(root, key);
      if (prefix !== undefined) found.add(prefix);
    }
    let key = this.#aside.unclaimedFrom('');
    while (key !== undefined) {
      const prefix = customPrefixOf(root, key);
      if (prefix === undefined) key = this.#aside.unclaimedAfter(key);
      else {
        found.add(prefix);
        key = this.#aside.unclaimedFrom(rangeEnd(`${root}${prefix}/`));
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
    return this.#waiters.waitFor(revision, timeoutMs);
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
    const { store, root, prefixes, onForeignKey, onForeignLoad, log } = this.#options;
    const staged = new Map<string, ResourceCache>();
    // What is known goes on to be known while this one is under way.
    const aside = new KeptAside(log);
    this.#ownWrites.clear();
    onForeignLoad?.('begins');
    for (const prefix of [...prefixes, ...this.#resources.keys()])
      staged.set(prefix, new ResourceCache(0, this.capacity));
    const pages = store.pages({ key: '\0', end: wholeSpace, folderEnd: (key) => folderEnd(root, key) });
    /** Returns how many objects it had; undefined when there is none. */
    const loadPage = async (): Promise<number | undefined> => {
      const page = await pages.next();
      if (page === undefined) return undefined;
      for (const kv of page.kvs) {
        const text = kv.key.toString();
        if (!text.startsWith(root)) onForeignKey?.(text, kv.value);
        else {
          const target = staged.get(prefixOf(root, text, staged) ?? '');
          if (target === undefined) aside.keep(text, kv);
          else {
            const object = aside.read(text, kv);
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
    this.#aside = aside;
    for (const [prefix, loaded] of staged)
      this.#resources.set(prefix, new ResourceCache(revision, this.capacity, loaded));
    this.#revision = revision;
    // Who reads after this revision must find the kinds that it defines.
    for (const listener of this.#resetListeners) listener();
    this.#advance(revision);
    log.info({ revision }, 'loaded the store');
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
    this.#aside.forgetUnreadable(key);
    const prefix = prefixOf(this.#options.root, key, this.#resources);
    if (prefix === undefined) {
      this.#aside.forgetUnclaimed(key);
      if (event.type !== 1) this.#aside.keep(key, kv);
      return undefined;
    }
    const resource = this.resource(prefix);
    const { index, log } = resource;
    const before = index.get(key);
    const current =
      event.type === 1 ? undefined : (this.#ownWrites.take(key, kv.modRevision) ?? this.#aside.read(key, kv));
    // An unreadable value hides the object: watchers must see it go.
    resource.put(key, current, before);
    if (current === undefined && before === undefined) return undefined;
    log.append(changeOf(at ?? kv.modRevision, before, current));
    return log;
  }

  #advance(revision: number): void {
    this.#revision = revision;
    this.#waiters.reached(revision);
  }

  /** Changes that are kept of each resource, at least. */
  get capacity(): number {
    return this.#options.capacity ?? 4_096;
  }
}

/** An event; a deletion's last state carries the revision of the deletion. */
export function changeOf(
  revision: number,
  previous: StoredObject | undefined,
  current: StoredObject | undefined,
): CacheEvent {
  return { revision, previous, current, encoded: undefined };
}
