/**
 * Serves what definitions define, on every API server process: follows the definitions in the watch cache, and lets
 * their resources join, change and leave the registry. A definition is in the registry before anyone can have read past
 * its revision, so that who asks for the newest state finds every established kind.
 *
 * Who has the duty also keeps the definitions' status, and empties the kinds whose definition is being deleted.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ResourceInfo } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { timestamp } from '../timestamp.ts';
import type { JudgingServer } from '../request-context.ts';
import { sameTree } from '../storage/copy.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { converterOf } from './conversion.ts';
import { customResources } from './custom-resource.ts';
import {
  asDefinition,
  cleanupFinalizer,
  type Definition,
  definitionPrefix,
  hasCondition,
  isTerminating,
  nameOf,
  storagePrefixOf,
  withCondition,
} from './definition-types.ts';
import { statusOf } from './names.ts';
import { DefinitionWriter } from './definition-writer.ts';

interface Known {
  readonly revision: number;
  readonly definition: Definition;
  readonly resources: readonly ResourceInfo[];
}

const retryMs = 200;
const stopMs = 500;

export class Extensions {
  readonly #server: JudgingServer;
  readonly #writer: DefinitionWriter;
  readonly #known = new Map<string, Known>();
  readonly #dirty = new Set<string>();
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;
  #unfollow: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(server: JudgingServer) {
    this.#server = server;
    this.#writer = new DefinitionWriter(server);
  }

  /** Begins to follow; the watch cache need not be loaded yet. */
  start(): void {
    const { cache, duty } = this.#server;
    const offReset = cache.onReset(() => this.#follow());
    const offDuty = duty.onChange(() => this.#review());
    this.#follow();
    this.#stop.signal.addEventListener('abort', () => {
      offReset();
      offDuty();
      this.#unfollow?.();
      clearTimeout(this.#retry);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    // A write that waits for a store which is gone ends with the store's connection.
    await Promise.race([this.#working, pause(stopMs)]);
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#server.cache.resource(definitionPrefix).log.onAppend(() => this.#sync());
    this.#sync();
    this.#review();
  }

  /** Brings the registry up to what the cache says; at once, before anyone else hears of the change. */
  #sync(): void {
    const { cache, log } = this.#server;
    const { index } = cache.resource(definitionPrefix);
    const present = new Set<string>();
    const add: ResourceInfo[] = [];
    const remove: ResourceInfo[] = [];
    const gone: Definition[] = [];
    for (const stored of index.values()) {
      present.add(stored.key);
      const before = this.#known.get(stored.key);
      if (before?.revision === stored.revision) continue;
      this.#dirty.add(stored.key);
      try {
        const known = this.#read(stored);
        this.#known.set(stored.key, known);
        remove.push(
          ...(before?.resources ?? []).filter((old) => !known.resources.some((info) => isSame(info, old))),
        );
        add.push(...known.resources);
      } catch (error) {
        log.error({ err: error, key: stored.key }, 'cannot serve a custom resource definition');
      }
    }
    for (const [key, { definition, resources }] of this.#known) {
      if (present.has(key)) continue;
      this.#known.delete(key);
      remove.push(...resources);
      gone.push(definition);
    }
    if (add.length + remove.length > 0) this.#server.registry.change({ add, remove });
    for (const definition of gone) {
      cache.drop(storagePrefixOf(definition));
      // The names that it had are free for the others of its group.
      for (const [key, other] of this.#known)
        if (other.definition.spec.group === definition.spec.group) this.#dirty.add(key);
    }
    this.#work();
  }

  #read(stored: StoredObject): Known {
    const definition = asDefinition(stored.object());
    const established = hasCondition(definition, 'Established');
    const resources = established ? customResources(definition, converterOf(this.#server, definition)) : [];
    const allowed = resources.filter((info) => {
      const other = this.#server.registry.lookup(info.group, info.version, info.resource);
      // A built-in kind stays what it is.
      return other === undefined || other.custom !== undefined;
    });
    return { revision: stored.revision, definition, resources: allowed };
  }

  /** Looks at every definition again: after taking office, or when something failed. */
  #review(): void {
    for (const key of this.#known.keys()) this.#dirty.add(key);
    this.#work();
  }

  #work(): void {
    if (this.#working !== undefined || this.#stop.signal.aborted || this.#dirty.size === 0) return;
    this.#working = this.#reconcileAll().finally(() => {
      this.#working = undefined;
      // What came in meanwhile.
      if (this.#dirty.size > 0 && this.#retry === undefined) this.#work();
    });
  }

  async #reconcileAll(): Promise<void> {
    const { duty, log } = this.#server;
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      if (this.#stop.signal.aborted || !duty.holds()) return;
      const known = this.#known.get(key);
      if (known === undefined) continue;
      try {
        if (!(await this.#reconcile(known.definition))) this.#again(key);
      } catch (error) {
        const isExpected = error instanceof StatusError && (error.code === 409 || error.code === 404);
        if (!isExpected)
          log.warn({ reason: String(error), key }, 'could not reconcile a custom resource definition');
        this.#again(key);
      }
    }
  }

  #again(key: string): void {
    if (this.#stop.signal.aborted) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#review();
    }, retryMs);
    this.#retry.unref();
    void key;
  }

  /** True when nothing is left to do. */
  async #reconcile(definition: Definition): Promise<boolean> {
    if (isTerminating(definition)) return this.#finish(definition);
    const wanted = this.#statusOf(definition);
    if (sameTree(wanted, definition.status)) return true;
    await this.#writer.update(nameOf(definition), 'status', (current) => {
      const status = this.#statusOf(asDefinition(current));
      return { ...current, status };
    });
    return true;
  }

  #statusOf(definition: Definition): NonNullable<Definition['status']> {
    const all = [...this.#known.values()].map((known) => known.definition);
    return statusOf(definition, all, timestamp(this.#server.now()));
  }

  /** Deletes what is left of a kind, then lets its definition go. */
  async #finish(definition: Definition): Promise<boolean> {
    const name = nameOf(definition);
    if (definition.metadata?.finalizers?.includes(cleanupFinalizer) !== true) return true;
    const [info] = this.#known.get(this.#keyOf(name))?.resources ?? [];
    const left = info === undefined ? 0 : await this.#writer.removeAll(info);
    if (left > 0) {
      await this.#writer.update(name, 'status', (current) =>
        withTermination(asDefinition(current), left, timestamp(this.#server.now())),
      );
      return false;
    }
    await this.#writer.update(name, '', (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        finalizers: (current.metadata?.finalizers ?? []).filter(
          (finalizer) => finalizer !== cleanupFinalizer,
        ),
      },
    }));
    return true;
  }

  #keyOf(name: string): string {
    return `${this.#server.root}${definitionPrefix}/${name}`;
  }
}

function isSame(a: ResourceInfo, b: ResourceInfo): boolean {
  return a.version === b.version && a.resource === b.resource && a.group === b.group;
}

function withTermination(
  definition: Definition,
  left: number,
  now: string,
): Definition & Record<string, unknown> {
  const conditions = withCondition(
    definition.status?.conditions ?? [],
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionInProgress',
      message: `CustomResource deletion is in progress: ${left} left`,
    },
    now,
  );
  return { ...definition, status: { ...definition.status, conditions } };
}
