/**
 * A local copy of a resource: one list, then watches that resume where the last one ended. It relists only when the
 * server says that the version is gone, or when `catchUp` is asked for a revision that no event or bookmark shows
 * in time. Listeners see every change once, in order; a relist shows only what differs.
 */
import { Backoff, pause } from './backoff.ts';
import { isGone } from './errors.ts';
import { type IndexFunctions, keyOf, objectKey, ObjectStore } from './object-store.ts';
import type { ApiClient, Informer, KubeObject, ListOptions, ObjectKey, ResourceType } from './types.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: IndexFunctions<T>;
  /** Applied before an object is kept; by default drops `managedFields`, which loops never read. */
  readonly transform?: (object: T) => T;
  /** A watch silent for this long is replaced; 75 s unless told (servers send a bookmark each minute). */
  readonly livenessMs?: number;
  /** Pauses after failures; from 50 ms to 5 s unless told. */
  readonly backoff?: Backoff;
  readonly onError?: (error: unknown) => void;
}

export type InformerEvent<T> = {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
  readonly previous?: T;
};

/** An informer that can be asked to reach a revision. */
export interface CatchingInformer<T extends KubeObject> extends Informer<T> {
  readonly type: ResourceType<T>;
  readonly size: number;
  /**
   * Resolves when the copy has reached `revision`. Waits `patienceMs` for events and bookmarks to show it, then
   * lists anew. Rejects when `signal` aborts or the informer stops.
   */
  catchUp(revision: number, signal: AbortSignal, patienceMs?: number): Promise<void>;
  /** Resolves true as soon as `condition` holds of the copy, checked at every change; false after `timeoutMs`. */
  until(condition: () => boolean, signal: AbortSignal, timeoutMs: number): Promise<boolean>;
}

class ListWatchInformer<T extends KubeObject> implements CatchingInformer<T> {
  readonly type: ResourceType<T>;
  readonly synced: Promise<void>;
  readonly #client: ApiClient;
  readonly #options: InformerOptions<T>;
  readonly #scope: ListOptions;
  readonly #store: ObjectStore<T>;
  readonly #listeners = new Set<(event: InformerEvent<T>) => void>();
  readonly #stopping = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  readonly #progress = new Set<() => void>();
  readonly #running: Promise<void>;
  #restartWatch = new AbortController();
  /** Ends the pause after a failure, when somebody waits for this copy. */
  #hurry = new AbortController();
  #resourceVersion = '';
  #listAtLeast: string | undefined = '0';

  constructor(client: ApiClient, type: ResourceType<T>, options: InformerOptions<T>) {
    this.type = type;
    this.#client = client;
    this.#options = options;
    this.#scope = {
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
      ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    };
    this.#store = new ObjectStore(options.indexes);
    this.synced = this.#synced.promise;
    // A caller who never waits for `synced` must not be brought down by a stop before the first list.
    this.synced.catch(() => undefined);
    this.#running = this.#run();
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#store.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#store.get(keyOf(key));
  }

  list(): readonly T[] {
    return this.#store.list();
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#store.byIndex(index, value);
  }

  on(listener: (event: InformerEvent<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async catchUp(revision: number, signal: AbortSignal, patienceMs = 500): Promise<void> {
    const until = performance.now() + patienceMs;
    let listed = false;
    while (!this.#hasReached(revision)) {
      if (signal.aborted) throw new Error('the wait was given up', { cause: signal.reason });
      if (this.#stopping.signal.aborted) throw new Error(`informer of ${this.type.resource} was stopped`);
      const left = until - performance.now();
      if (left <= 0 && !listed) {
        listed = true;
        this.#listAtLeast = String(revision);
        this.#restartWatch.abort();
      }
      this.#hurry.abort();
      await this.#nextProgress(left > 0 ? left : 1_000, signal);
    }
  }

  async until(condition: () => boolean, signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0 || signal.aborted || this.#stopping.signal.aborted) return false;
      await this.#nextProgress(left, signal);
    }
    return true;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#restartWatch.abort();
    this.#synced.reject(new Error(`informer of ${this.type.resource} was stopped`));
    await this.#running;
  }

  #hasReached(revision: number): boolean {
    return this.#listAtLeast === undefined && Number(this.#resourceVersion) >= revision;
  }

  async #nextProgress(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const progress = new AbortController();
    const wake = (): void => progress.abort();
    this.#progress.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await pause(timeoutMs, progress.signal);
    signal.removeEventListener('abort', wake);
    this.#progress.delete(wake);
  }

  async #run(): Promise<void> {
    const backoff = this.#options.backoff ?? new Backoff(50, 5_000);
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#hurry = new AbortController();
      const startedAt = performance.now();
      try {
        if (this.#listAtLeast !== undefined) await this.#relist(this.#listAtLeast);
        await this.#watchOnce();
        if (this.#listAtLeast !== undefined) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) {
          // A consistent list, so that a server whose cache lags cannot send us in a circle.
          this.#listAtLeast = '';
        }
        this.#options.onError?.(error);
      }
      if (performance.now() - startedAt > 5_000) backoff.reset();
      if (this.#hurry.signal.aborted) backoff.reset();
      await pause(backoff.next(), AbortSignal.any([signal, this.#hurry.signal]));
    }
  }

  async #relist(atLeast: string): Promise<void> {
    const list = await this.#client.list(this.type, {
      ...this.#scope,
      ...(atLeast === '' ? {} : { resourceVersion: atLeast }),
      signal: this.#stopping.signal,
    });
    const gone = new Set(this.#store.keys());
    for (const item of list.items) {
      const key = objectKey(item);
      gone.delete(key);
      this.#put(key, item);
    }
    for (const key of gone) this.#remove(key, undefined);
    this.#listAtLeast = undefined;
    this.#advance(list.resourceVersion);
    this.#synced.resolve();
  }

  async #watchOnce(): Promise<void> {
    this.#restartWatch = new AbortController();
    const watch = this.#restartWatch;
    if (this.#stopping.signal.aborted) return;
    const livenessMs = this.#options.livenessMs ?? 75_000;
    let liveness = setTimeout(() => watch.abort(), livenessMs);
    try {
      const events = this.#client.watch(this.type, {
        ...this.#scope,
        resourceVersion: this.#resourceVersion,
        allowBookmarks: true,
        signal: watch.signal,
      });
      for await (const { type, object } of events) {
        clearTimeout(liveness);
        liveness = setTimeout(() => watch.abort(), livenessMs);
        if (type === 'ADDED' || type === 'MODIFIED') this.#put(objectKey(object), object);
        else if (type === 'DELETED') this.#remove(objectKey(object), object);
        this.#advance(object.metadata?.resourceVersion ?? '');
        if (watch.signal.aborted) return;
      }
    } finally {
      clearTimeout(liveness);
    }
  }

  #put(key: string, arrived: T): void {
    const known = this.#store.get(key);
    if (known !== undefined && known.metadata?.resourceVersion === arrived.metadata?.resourceVersion) return;
    const object = (this.#options.transform ?? dropManagedFields)(arrived);
    const previous = this.#store.set(key, object);
    // Deleted and created again under one name while we looked away: two objects, so two events.
    if (previous !== undefined && previous.metadata?.uid !== object.metadata?.uid) {
      this.#emit({ type: 'deleted', object: previous });
      this.#emit({ type: 'added', object });
    } else if (previous === undefined) this.#emit({ type: 'added', object });
    else this.#emit({ type: 'updated', object, previous });
  }

  #remove(key: string, last: T | undefined): void {
    const previous = this.#store.delete(key);
    if (previous === undefined) return;
    this.#emit({ type: 'deleted', object: last ?? previous, previous });
  }

  #emit(event: InformerEvent<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.onError?.(error);
      }
    }
  }

  #advance(resourceVersion: string): void {
    if (resourceVersion === '' || resourceVersion === '0') return;
    this.#resourceVersion = resourceVersion;
    for (const wake of this.#progress) wake();
  }
}

/** Starts an informer at once. `onError` hears of every failed list or watch; the informer goes on by itself. */
export function createInformer<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  options: InformerOptions<T> = {},
): CatchingInformer<T> {
  return new ListWatchInformer(client, type, options);
}

function dropManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata !== undefined && 'managedFields' in object.metadata)
    delete object.metadata.managedFields;
  return object;
}
