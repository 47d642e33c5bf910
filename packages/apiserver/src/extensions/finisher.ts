/**
 * The ends of definitions: deletes what is left of a kind, then lets its definition go. Beside everything else that is
 * done about definitions, since it may take long or not succeed: nobody's new kind waits for it. A definition whose end is
 * not reached is tried again, less and less often, up to a bound; so are those that wait for a turn. One whose objects are held
 * by finalizers goes on as soon as the last of them is gone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { StatusError } from '@timonier/api/statuses';
import type { JudgingServer } from '../request-context.ts';
import { timestamp } from '../timestamp.ts';
import {
  asDefinition,
  cleanupFinalizer,
  type Definition,
  overlapsBuiltIn,
  storagePrefixOf,
  withCondition,
} from './definition-types.ts';
import type { DefinitionWriter } from './definition-writer.ts';

/** Definitions whose objects are deleted at the same time, as upstream. */
const atOnce = 5;
const firstRetryMs = 200;
const longestRetryMs = 5_000;
const stopMs = 500;

/** As a condition says it. */
interface Reason {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export class Finisher {
  readonly #server: JudgingServer;
  readonly #writer: DefinitionWriter;
  readonly #definitionOf: (key: string) => Definition | undefined;
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #retryMs = new Map<string, number>();
  /** Of those that wait for their objects: ends the watch over these. */
  readonly #unfollow = new Map<string, () => void>();
  #stopped = false;

  /** `definitionOf` tells what a key stands for now; undefined once it is gone or not on its way out. */
  constructor(
    server: JudgingServer,
    writer: DefinitionWriter,
    definitionOf: (key: string) => Definition | undefined,
  ) {
    this.#server = server;
    this.#writer = writer;
    this.#definitionOf = definitionOf;
  }

  /** Sees to the end of a definition, unless that is done already. */
  begin(key: string): void {
    if (this.#stopped || this.#running.has(key) || this.#timers.has(key)) return;
    if (this.#running.size >= atOnce) {
      this.#again(key, firstRetryMs);
      return;
    }
    const running = this.#once(key).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const unfollow of this.#unfollow.values()) unfollow();
    this.#unfollow.clear();
    await Promise.race([Promise.all(this.#running.values()), pause(stopMs, undefined, { ref: false })]);
  }

  async #once(key: string): Promise<void> {
    let isDone = false;
    let held: Definition | undefined;
    try {
      const outcome = this.#server.duty.holds() ? await this.#finish(key) : 'over';
      isDone = outcome === 'over';
      if (outcome !== 'over') held = outcome;
    } catch (error) {
      const isExpected = error instanceof StatusError && (error.code === 409 || error.code === 404);
      if (!isExpected)
        this.#server.log.warn({ reason: String(error), key }, 'could not end a custom resource definition');
    }
    if (isDone) {
      this.#retryMs.delete(key);
      return;
    }
    const retryMs = this.#retryMs.get(key) ?? firstRetryMs;
    this.#retryMs.set(key, Math.min(retryMs * 2, longestRetryMs));
    this.#again(key, retryMs);
    if (held !== undefined) this.#awaitObjects(key, storagePrefixOf(held));
  }

  /** Looks again at once when the last object of a definition goes, which may have been a moment ago. */
  #awaitObjects(key: string, storagePrefix: string): void {
    if (this.#stopped) return;
    const { cache, root } = this.#server;
    const { index, log } = cache.resource(storagePrefix);
    const goOn = (): void => {
      // Nothing is heard of the end of what cannot be read: there the time has to do.
      if (index.size > 0 || cache.unreadableUnder(`${root}${storagePrefix}/`).length > 0) return;
      this.#forget(key);
      clearTimeout(this.#timers.get(key));
      this.#timers.delete(key);
      // Once what is under way has come to its end.
      setImmediate(() => this.begin(key));
    };
    this.#unfollow.set(key, log.onAppend(goOn));
    goOn();
  }

  #forget(key: string): void {
    this.#unfollow.get(key)?.();
    this.#unfollow.delete(key);
  }

  #again(key: string, inMs: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.#forget(key);
      this.begin(key);
    }, inMs).unref();
    this.#timers.set(key, timer);
  }

  /** `over` when the definition waits for nothing of this any more, or else itself: it is held by its objects. */
  async #finish(key: string): Promise<'over' | Definition> {
    // What was known of it may be of one that had its name before.
    await this.#server.reads.fresh();
    const definition = this.#definitionOf(key);
    const { finalizers = [] } = definition?.metadata ?? {};
    if (definition === undefined || !finalizers.includes(cleanupFinalizer)) return 'over';
    let end: Reason = {
      status: 'False',
      reason: 'InstanceDeletionCompleted',
      message: 'removed all instances',
    };
    if (overlapsBuiltIn(definition))
      end = {
        status: 'False',
        reason: 'OverlappingBuiltInResource',
        message: 'instances overlap with built-in resources in storage',
      };
    else {
      const left = await this.#writer.removeAll(definition).catch(async (error: unknown) => {
        const message = `could not issue all deletes: ${error instanceof Error ? error.message : String(error)}`;
        await this.#say(definition, { status: 'True', reason: 'InstanceDeletionFailed', message });
        throw error;
      });
      if (left > 0) {
        const message = `CustomResource deletion is in progress: ${left} left`;
        await this.#say(definition, { status: 'True', reason: 'InstanceDeletionInProgress', message });
        return definition;
      }
    }
    // Where nobody else holds the definition, nobody could read it either.
    if (finalizers.length > 1) await this.#say(definition, end);
    await this.#writer.update(definition, '', (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        finalizers: (current.metadata?.finalizers ?? []).filter(
          (finalizer) => finalizer !== cleanupFinalizer,
        ),
      },
    }));
    return 'over';
  }

  async #say(definition: Definition, reason: Reason): Promise<void> {
    await this.#writer.update(definition, 'status', (current) => {
      const { status } = asDefinition(current);
      const now = timestamp(this.#server.now());
      const conditions = withCondition(status?.conditions ?? [], { type: 'Terminating', ...reason }, now);
      return { ...current, status: { ...status, conditions } };
    });
  }
}
