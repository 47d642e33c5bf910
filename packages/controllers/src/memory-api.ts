/**
 * An API server in memory, for tests of controllers: objects with one shared revision, watches, conflicts on stale
 * writes, deletion with finalizers and grace. It keeps no schema and admits everything; `refuse` makes it say no.
 */
import { type ApiClient, ApiError, type KubeObject, keyOf, type ResourceType } from '@timonier/client';

type Stored = KubeObject & {
  metadata: NonNullable<KubeObject['metadata']> & {
    finalizers?: string[];
    deletionGracePeriodSeconds?: number;
  };
};
type Change = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored };
type Body = Record<string, unknown>;

export interface Call {
  readonly verb: string;
  readonly resource: string;
  readonly key: string;
  readonly body?: unknown;
}

export class MemoryApi {
  readonly client: ApiClient;
  /** Every write, and every read of one object, in order. */
  readonly calls: Call[] = [];
  /** Throws for calls that are to fail. */
  refuse: (call: Call) => void = () => undefined;
  /** Resources whose watches show nothing new, by their plural. */
  readonly lagging = new Set<string>();
  /** While true, no watch shows anything new. */
  #silent = false;
  #revision = 1;
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #watchers = new Map<string, Set<(change: Change) => void>>();
  readonly #held: (() => void)[] = [];

  constructor() {
    this.client = this.#makeClient();
  }

  /** Stops watches from showing changes, or lets them show what they held back. */
  set silent(value: boolean) {
    this.#silent = value;
    if (!value) for (const show of this.#held.splice(0)) show();
  }

  /** Creates or replaces an object, as somebody else would. */
  put<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const key = keyOf({ namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' });
    const known = this.#of(type).get(key);
    return this.#store(type, key, object, known === undefined ? 'ADDED' : 'MODIFIED') as unknown as T;
  }

  find<T extends KubeObject>(type: ResourceType<T>, key: string): T | undefined {
    return this.#of(type).get(key) as unknown as T | undefined;
  }

  all<T extends KubeObject>(type: ResourceType<T>): T[] {
    return [...this.#of(type).values()] as unknown as T[];
  }

  remove(type: ResourceType, key: string): void {
    const known = this.#of(type).get(key);
    if (known === undefined) return;
    this.#of(type).delete(key);
    this.#revision += 1;
    const metadata = { ...known.metadata, resourceVersion: String(this.#revision) };
    this.#show(type, { type: 'DELETED', object: { ...known, metadata } });
  }

  #of(type: ResourceType): Map<string, Stored> {
    const id = `${type.resource}.${type.group}`;
    let objects = this.#objects.get(id);
    if (objects === undefined) this.#objects.set(id, (objects = new Map()));
    return objects;
  }

  #store(type: ResourceType, key: string, object: KubeObject, change: Change['type']): Stored {
    this.#revision += 1;
    const metadata = {
      uid: `uid-${type.resource}-${key}-${this.#revision}`,
      ...object.metadata,
      resourceVersion: String(this.#revision),
    };
    const stored: Stored = { ...structuredClone(object), kind: type.kind, metadata };
    this.#of(type).set(key, stored);
    this.#show(type, { type: change, object: stored });
    return structuredClone(stored);
  }

  #show(type: ResourceType, change: Change): void {
    const show = (): void => {
      for (const watcher of this.#watchers.get(`${type.resource}.${type.group}`) ?? []) watcher(change);
    };
    if (this.#silent || this.lagging.has(type.resource)) this.#held.push(show);
    else show();
  }

  #existing(type: ResourceType, key: string): Stored {
    const known = this.#of(type).get(key);
    if (known === undefined) throw failure(404, 'NotFound', `${type.resource} "${key}" not found`);
    return known;
  }

  #note(verb: string, type: ResourceType, key: string, body?: unknown): void {
    const call: Call = { verb, resource: type.resource, key, body };
    this.calls.push(call);
    this.refuse(call);
  }

  #delete(type: ResourceType, key: string, grace: number | undefined): void {
    const known = this.#existing(type, key);
    const graceful = type.resource === 'pods' && grace !== 0;
    if ((known.metadata.finalizers?.length ?? 0) === 0 && !graceful) {
      this.remove(type, key);
      return;
    }
    const metadata = { ...known.metadata, deletionTimestamp: known.metadata.deletionTimestamp ?? now() };
    this.#store(type, key, { ...known, metadata }, 'MODIFIED');
  }

  #makeClient(): ApiClient {
    const client: ApiClient = {
      get: async (type, key) => {
        this.#note('get', type, keyOf(key));
        return Promise.resolve(structuredClone(this.#existing(type, keyOf(key))) as never);
      },
      list: async (type, options = {}) => {
        this.#note('list', type, options.namespace ?? '');
        const items = [...this.#of(type).values()].filter(
          ({ metadata }) => options.namespace === undefined || metadata.namespace === options.namespace,
        );
        return Promise.resolve({
          items: structuredClone(items) as never,
          resourceVersion: String(this.#revision),
        });
      },
      create: async (type, object) => {
        const { name, generateName = '', namespace } = object.metadata ?? {};
        const made = name ?? `${generateName}${(this.#revision + 1).toString(36)}`;
        const key = keyOf({ namespace, name: made });
        this.#note('create', type, key, object);
        if (this.#of(type).has(key))
          throw failure(409, 'AlreadyExists', `${type.resource} "${key}" already exists`);
        const metadata = { ...object.metadata, name: made, creationTimestamp: now() };
        return Promise.resolve(this.#store(type, key, { ...object, metadata }, 'ADDED') as never);
      },
      update: async (type, object, options = {}) => {
        const key = keyOf({ namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' });
        this.#note('update', type, key, object);
        const known = this.#existing(type, key);
        const asked = object.metadata?.resourceVersion;
        if (asked !== undefined && asked !== known.metadata.resourceVersion) {
          throw failure(409, 'Conflict', `${type.resource} "${key}": the object has been modified`);
        }
        const status = (from: KubeObject): Body => ({ status: (from as Body)['status'] });
        const next =
          options.subresource === 'status' || options.subresource === 'approval'
            ? { ...known, ...status(object) }
            : { ...object, ...status(known) };
        return Promise.resolve(this.#store(type, key, next, 'MODIFIED') as never);
      },
      patch: async (type, key, _patchType, patch) => {
        this.#note('patch', type, keyOf(key), patch);
        const merged = merge(this.#existing(type, keyOf(key)) as unknown as Body, patch as Body);
        return Promise.resolve(this.#store(type, keyOf(key), merged as KubeObject, 'MODIFIED') as never);
      },
      delete: async (type, key, options = {}) => {
        this.#note('delete', type, keyOf(key), { gracePeriodSeconds: options.gracePeriodSeconds });
        this.#delete(type, keyOf(key), options.gracePeriodSeconds);
        return Promise.resolve();
      },
      watch: (type, { signal }) => this.#watch(type, signal) as never,
      request: () => Promise.reject(new Error('the memory API has no raw requests')),
      close: () => Promise.resolve(),
    };
    return client;
  }

  async *#watch(type: ResourceType, signal: AbortSignal | undefined): AsyncGenerator<Change> {
    const pending: Change[] = [];
    let wake = (): void => undefined;
    const id = `${type.resource}.${type.group}`;
    const watcher = (change: Change): void => {
      pending.push(structuredClone(change));
      wake();
    };
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(watcher));
    const abort = (): void => wake();
    signal?.addEventListener('abort', abort);
    try {
      for (;;) {
        if (signal?.aborted === true) return;
        const next = pending.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      watchers.delete(watcher);
    }
  }
}

export function failure(code: number, reason: string, message: string): ApiError {
  return new ApiError({ kind: 'Status', status: 'Failure', code, reason, message });
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A merge patch, but for conditions, which merge by type as in a strategic one. */
function merge(base: Body, patch: Body): Body {
  const merged: Body = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const known = merged[key];
    if (value === null) delete merged[key];
    else if (key === 'conditions' && Array.isArray(value))
      merged[key] = mergeConditions(known, value as Body[]);
    else if (isBody(value)) merged[key] = merge(isBody(known) ? known : {}, value);
    else if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function mergeConditions(known: unknown, patch: readonly Body[]): Body[] {
  const byType = new Map((Array.isArray(known) ? (known as Body[]) : []).map((one) => [one['type'], one]));
  for (const one of patch) byType.set(one['type'], { ...byType.get(one['type']), ...one });
  return [...byType.values()];
}

function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
