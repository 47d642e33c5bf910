/**
 * Sees to it that the cluster has what every cluster has (namespaces, the Service of the API, the default roles), once
 * per term of office, and again when somebody has deleted it.
 *
 * In: changes of the office, the watch cache. Out: writes through the server's own pipeline. A cluster that is new gets
 * it at once; one that was prepared by an earlier master is looked through a moment after the takeover, because the
 * first milliseconds of a term belong to the clients that waited for it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { storageKey } from '@timonier/api';
import { repairAllocations } from './allocation/repair.ts';
import { reconcilePolicy } from './authorization/reconcile.ts';
import { bootstrap } from './bootstrap.ts';
import { EssentialsKeeper } from './essentials-keeper.ts';
import { dayOf } from './tokens/last-use.ts';
import { selfWriter } from './self-writer.ts';
import type { JudgingServer } from './request-context.ts';

export interface PreparationOptions {
  readonly securePort: number;
  readonly masters: readonly { readonly name: string; readonly address: string }[];
}

/** What else the cluster must have: before its roles, which make it ready, and after them. */
export interface Preparations {
  readonly first: () => Promise<void>;
  readonly last: () => Promise<void>;
}

const retryMs = 500;
const afterTakeoverMs = 1_000;

export class ClusterPreparation {
  readonly #server: JudgingServer;
  readonly #options: PreparationOptions;
  readonly #stop: AbortSignal;
  readonly #more: Preparations;
  readonly #keeper: EssentialsKeeper;
  /** Where clients reach this server, known once it listens. */
  port: number;
  /** The term for which everything was found or made. */
  #preparedFor: string | undefined;
  #running: Promise<void> | undefined;

  constructor(server: JudgingServer, options: PreparationOptions, stop: AbortSignal, more: Preparations) {
    this.#more = more;
    this.#server = server;
    this.#options = options;
    this.port = options.securePort;
    this.#stop = stop;
    this.#keeper = new EssentialsKeeper(server, () => this.#bootstrap());
  }

  /** Whether this server, if it is the active one, has what clients count on. */
  get isReady(): boolean {
    return !this.#isActive() || this.#preparedFor === this.#term() || this.#wasPrepared();
  }

  /** The office, or who has the duty, may have changed. */
  begin(): void {
    if (!this.#isDue()) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is under way any more; the signal of the constructor must have been given. */
  async ended(): Promise<void> {
    await this.#running;
    await this.#keeper.stop();
  }

  #isActive(): boolean {
    return this.#server.office?.holds() ?? true;
  }

  /** Names the term of office; constant without an office. */
  #term(): string {
    return this.#server.office?.state.token ?? 'alone';
  }

  #isDue(): boolean {
    return !this.#stop.aborted && this.#server.duty.holds() && this.#preparedFor !== this.#term();
  }

  /** The role that is made last of all. */
  #wasPrepared(): boolean {
    const { registry, cache, root } = this.#server;
    const info = registry.lookup('rbac.authorization.k8s.io', 'v1', 'clusterroles');
    if (info === undefined) return false;
    const key = storageKey(info, '', 'cluster-admin', root);
    return cache.resource(info.storagePrefix ?? '').index.get(key) !== undefined;
  }

  async #run(): Promise<void> {
    const { cache, log } = this.#server;
    while (this.#isDue()) {
      const term = this.#term();
      try {
        if (!(await cache.waitFor(1, retryMs))) continue;
        if (this.#wasPrepared()) await pause(afterTakeoverMs, undefined, { signal: this.#stop });
        if (!this.#isDue()) continue;
        await this.#prepare();
        this.#preparedFor = term;
        log.info({ term }, 'the cluster has its namespaces, services and roles');
      } catch (error) {
        if (this.#stop.aborted) break;
        log.warn({ reason: String(error) }, 'could not prepare the cluster yet');
        await pause(retryMs, undefined, { signal: this.#stop }).catch(() => undefined);
      }
    }
  }

  async #prepare(): Promise<void> {
    const writer = selfWriter(this.#server);
    await this.#bootstrap();
    await repairAllocations(writer, this.#server);
    await this.#more.first();
    await reconcilePolicy(writer, this.#server);
    await this.#more.last();
    await this.#keeper.keep();
  }

  async #bootstrap(): Promise<void> {
    const { masters } = this.#options;
    const serviceIp = this.#server.allocations.firstAddress;
    const today = dayOf(this.#server.now());
    await bootstrap(selfWriter(this.#server), { serviceIp, port: this.port, masters, today });
  }
}
