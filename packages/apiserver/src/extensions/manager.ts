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
  type Definition,
  definitionPrefix,
  hasCondition,
  isTerminating,
  overlapsBuiltIn,
  storagePrefixOf,
} from './definition-types.ts';
import { Finisher } from './finisher.ts';
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
  readonly #finisher: Finisher;
  readonly #known = new Map<string, Known>();
  readonly #dirty = new Set<string>();
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;
  #unfollow: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(server: JudgingServer) {
    this.#server = server;
    this.#writer = new DefinitionWriter(server);
    this.#finisher = new Finisher(server, this.#writer, (key) => {
      const definition = this.#known.get(key)?.definition;
      return definition !== undefined && isTerminating(definition) ? definition : undefined;
    });
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
    await Promise.all([Promise.race([this.#working, pause(stopMs)]), this.#finisher.stop()]);
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
        const known = this.#read(stored, before);
        this.#known.set(stored.key, known);
        const { definition } = known;
        // Names that it has given up are free for the others of its group.
        if (!sameTree(before?.definition.status?.acceptedNames, definition.status?.acceptedNames))
          this.#judgeGroup(definition.spec.group);
        if (known.resources === before?.resources) continue;
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
      if (!overlapsBuiltIn(definition)) cache.drop(storagePrefixOf(definition));
      this.#judgeGroup(definition.spec.group);
    }
    this.#work();
  }

  #judgeGroup(group: string): void {
    for (const [key, { definition }] of this.#known)
      if (definition.spec.group === group) this.#dirty.add(key);
  }

  /** Whatever changes beside what is defined changes no kind: its watches go on, and its views are kept. */
  #read(stored: StoredObject, before: Known | undefined): Known {
    const definition = asDefinition(stored.object());
    const { revision, key } = stored;
    if (before !== undefined && definesSame(before.definition, definition))
      return { revision, definition, resources: before.resources };
    const isServed = hasCondition(definition, 'Established') && !overlapsBuiltIn(definition);
    if (!isServed) return { revision, definition, resources: [] };
    const isClosing = (): boolean => {
      const now = this.#known.get(key)?.definition;
      return now === undefined || isTerminating(now);
    };
    const resources = customResources(definition, converterOf(this.#server, definition), isClosing);
    const allowed = resources.filter((info) => {
      const { registry } = this.#server;
      const { group, version } = info;
      const others = [
        registry.lookup(group, version, info.resource),
        registry.byKind(group, version, info.kind),
      ];
      // A built-in kind stays what it is.
      return others.every((other) => other === undefined || other.custom !== undefined);
    });
    return { revision, definition, resources: allowed };
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
        if (isTerminating(known.definition)) this.#finisher.begin(key);
        else await this.#keepStatus(known.definition);
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

  async #keepStatus(definition: Definition): Promise<void> {
    if (sameTree(this.#statusOf(definition), definition.status)) return;
    // Names are judged against those that others have by now, also by a write of this process that is not here yet.
    await this.#server.reads.fresh();
    await this.#writer.update(definition, 'status', (current) => {
      const status = this.#statusOf(asDefinition(current));
      return { ...current, status };
    });
  }

  #statusOf(definition: Definition): NonNullable<Definition['status']> {
    const all = [...this.#known.values()].map((known) => known.definition);
    return statusOf(definition, all, timestamp(this.#server.now()));
  }
}

/** Whether two states of a definition define the same. */
function definesSame(before: Definition, after: Definition): boolean {
  return (
    hasCondition(before, 'Established') === hasCondition(after, 'Established') &&
    before.metadata?.uid === after.metadata?.uid &&
    sameTree(before.spec, after.spec) &&
    sameTree(before.status?.acceptedNames, after.status?.acceptedNames)
  );
}

function isSame(a: ResourceInfo, b: ResourceInfo): boolean {
  return a.version === b.version && a.resource === b.resource && a.group === b.group;
}
