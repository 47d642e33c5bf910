/**
 * Follows the metadata of every kind that can be listed, watched and deleted. Runs also while passive, so that the
 * collector finds warm caches; kinds that appear later are found by a periodic discovery, and those of custom resources
 * soon after their definition changed, and those of secondary servers soon after these came or went. What is not known of a
 * secondary server that does not answer is no reason to forget what was followed of it.
 */
import { type ApiClient, apiVersionOf, type CatchingInformer, createInformer, pause } from '@timonier/client';
import { discover, type OwnedMetadata, type ServedResource, staleProblem } from '../discovery.ts';

/** The served resources, discovered when first needed and then every half minute. */
export interface ServedResources {
  get(): Promise<readonly ServedResource[]>;
  /** Why some kinds may be missing from the last discovery; undefined when none is. */
  readonly problem: string | undefined;
}

const refreshMs = 30_000;
/** A definition changes a few times until its kind is served. */
const afterDefinitionMs = 500;
const definitions: ReadonlySet<string> = new Set([
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
]);
/** Short-lived records that nothing owns in a way that matters, and kinds that only mirror others. */
const ignored = new Set(['events.', 'events.events.k8s.io', 'componentstatuses.']);

export interface Monitored {
  readonly type: ServedResource;
  readonly informer: CatchingInformer<OwnedMetadata>;
}

export class ResourceMonitor implements ServedResources {
  readonly synced: Promise<void>;
  readonly #client: ApiClient;
  readonly #shared: ReadonlyMap<string, CatchingInformer<OwnedMetadata>>;
  readonly #onError: (error: unknown) => void;
  readonly #monitored = new Map<string, Monitored>();
  readonly #own = new Set<CatchingInformer<OwnedMetadata>>();
  readonly #listeners = new Set<(added: Monitored) => void>();
  readonly #stopping = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #hurry = new AbortController();
  #served: readonly ServedResource[] = [];
  #problem: string | undefined;

  /**
   * `shared` are caches that exist anyway, by `resource.group`; their kinds are not followed twice. A cache of a part
   * of its kind is as good: what it does not have is asked for, and merely has its dependents not collected.
   */
  constructor(
    client: ApiClient,
    shared: ReadonlyMap<string, CatchingInformer<OwnedMetadata>>,
    onError: (error: unknown) => void,
  ) {
    this.#client = client;
    this.#shared = shared;
    this.#onError = onError;
    this.synced = this.#first.promise;
    this.synced.catch(() => undefined);
    this.#running = this.#run();
  }

  get monitored(): readonly Monitored[] {
    return [...this.#monitored.values()];
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  async get(): Promise<readonly ServedResource[]> {
    await this.synced;
    return this.#served;
  }

  onAdded(listener: (added: Monitored) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when every kind known now has reached the revision. */
  async catchUp(revision: number, signal: AbortSignal, patienceMs?: number): Promise<void> {
    await this.synced;
    await Promise.all(this.monitored.map(({ informer }) => informer.catchUp(revision, signal, patienceMs)));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#first.reject(new Error('the monitor was stopped'));
    await this.#running;
    await Promise.all([...this.#own].map((informer) => informer.stop()));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let wait = refreshMs;
      this.#hurry = new AbortController();
      try {
        const { served, stale } = await discover(this.#client);
        this.#served = served;
        this.#problem = staleProblem(stale);
        await this.#follow(new Set(stale));
        this.#first.resolve();
      } catch (error) {
        if (signal.aborted) return;
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#onError(error);
        wait = 500;
      }
      await pause(wait, AbortSignal.any([signal, this.#hurry.signal]));
      if (this.#hurry.signal.aborted) await pause(afterDefinitionMs, signal);
    }
  }

  async #follow(stale: ReadonlySet<string>): Promise<void> {
    const fresh: Monitored[] = [];
    const current = new Set<string>();
    for (const type of this.#served) {
      const key = `${type.resource}.${type.group}`;
      const followable = ['list', 'watch', 'delete'].every((verb) => type.verbs.includes(verb));
      if (!followable || ignored.has(key)) continue;
      current.add(key);
      if (this.#monitored.has(key)) continue;
      const informer = this.#shared.get(key) ?? this.#start(type);
      const entry = { type, informer };
      if (definitions.has(key)) informer.on(() => this.#hurry.abort());
      this.#monitored.set(key, entry);
      fresh.push(entry);
    }
    for (const [key, { informer, type }] of this.#monitored) {
      if (current.has(key) || stale.has(apiVersionOf(type))) continue;
      this.#monitored.delete(key);
      if (this.#own.delete(informer)) await informer.stop();
    }
    await Promise.all(fresh.map(({ informer }) => informer.synced));
    for (const entry of fresh) for (const listener of this.#listeners) listener(entry);
  }

  #start(type: ServedResource): CatchingInformer<OwnedMetadata> {
    const informer = createInformer(this.#client, type, {
      onError: this.#onError,
      transform: metadataOnly,
      indexes: {
        namespace: ({ metadata }) => (metadata?.namespace === undefined ? [] : [metadata.namespace]),
      },
    });
    this.#own.add(informer);
    return informer;
  }
}

function metadataOnly({ apiVersion, kind, metadata }: OwnedMetadata): OwnedMetadata {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } =
    metadata ?? {};
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
  };
}
