/**
 * The shapes that every user of the API server shares: how a resource is named, what an object is at least, and
 * what a client and an informer offer. Implementations are beside this file.
 */
import type { ResourceType as Named } from '@timonier/api/resource-type';

/** A served resource. */
export type ResourceType<T extends KubeObject = KubeObject> = Named<T>;

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: {
    name?: string;
    generateName?: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    creationTimestamp?: string | null;
    deletionTimestamp?: string;
  };
}

export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** Ends the call, its repetitions included. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  readonly subresource?: string;
  /** The office under which the write was decided; see `docs/architecture.md`. */
  readonly office?: string;
  readonly fieldManager?: string;
  /** Server-side apply: take over fields that another manager owns. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
}

export interface DeleteOptions extends WriteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** Every method rejects with an `ApiError` (its `status` is the Kubernetes Status) when the server refuses. */
export interface ApiClient {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, subresource?: string): Promise<T>;
  list<T extends KubeObject>(
    type: ResourceType<T>,
    options?: ListOptions,
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  update<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patchType: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** Ends when the server ends it, when `signal` aborts, or by throwing. */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions & {
      readonly allowBookmarks?: boolean;
      readonly sendInitialEvents?: boolean;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<WatchEvent<T>>;
  /** Anything else: the raw response's status and body. */
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Buffer }>;
  close(): Promise<void>;
}

/** A local copy of a resource, kept current by list and watch; relists only when the server says the version is gone. */
export interface Informer<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  /** Objects whose index function (declared when the informer was made) returned `value`. */
  byIndex(index: string, value: string): readonly T[];
  on(
    listener: (event: {
      readonly type: 'added' | 'updated' | 'deleted';
      readonly object: T;
      readonly previous?: T;
    }) => void,
  ): () => void;
  /** Resolves once the first list has arrived. */
  readonly synced: Promise<void>;
  /** The resource version the copy has reached. */
  readonly resourceVersion: string;
  stop(): Promise<void>;
}
