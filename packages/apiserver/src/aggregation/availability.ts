/**
 * Whether secondary servers answer: each is checked by itself, again and again, and what was found of it is written at once, so
 * that one that takes long to say nothing delays no news of another. What it says of its documents is asked for behind that.
 */
import { createHash } from 'node:crypto';
import type { ApiObject } from '@timonier/api/decode';
import { WorkQueue } from '@timonier/client';
import type { JudgingServer } from '../request-context.ts';
import { sameTree } from '../storage/copy.ts';
import { timestamp } from '../timestamp.ts';
import { apiServicePrefix, asApiService, statusWith, type Verdict } from './api-service.ts';
import type { ApiServiceWriter } from './api-service-writer.ts';
import type { RemoteServer } from './remote.ts';

const checkEveryMs = 5_000;
const retryMs = 500;
/** One that does not answer takes half a minute to be known for it. */
const atOnce = 64;
const stopMs = 500;

export interface Loss {
  readonly name: string;
  readonly reason: string;
  readonly count: number;
}

export interface AvailabilityOptions {
  readonly server: JudgingServer;
  readonly writer: Pick<ApiServiceWriter, 'updateStatus'>;
  /** By the name of its APIService; undefined for one that is gone. */
  readonly remote: (name: string) => RemoteServer | undefined;
  /** What a server contributes to documents may have changed. */
  readonly changed: () => void;
}

export class Availability {
  readonly #options: AvailabilityOptions;
  readonly #queue: WorkQueue;
  /** By name and reason, how often a secondary server was found to have become unavailable. */
  readonly #losses = new Map<string, Loss>();

  constructor(options: AvailabilityOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      name: 'available',
      concurrency: atOnce,
      process: (name, signal) => this.#look(name, signal),
      baseDelayMs: retryMs,
      maxDelayMs: checkEveryMs,
      onError: (name, error) =>
        options.server.log.warn(
          { name, reason: String(error) },
          'could not keep the status of an APIService',
        ),
    });
  }

  get losses(): readonly Loss[] {
    return [...this.#losses.values()];
  }

  /** Checks a server after a time, or earlier if it is to be. */
  due(name: string, afterMs: number): void {
    this.#queue.addAfter(name, afterMs);
  }

  /** A write that waits for a store which is gone ends with the store's connection. */
  stop(): Promise<void> {
    return this.#queue.stop(stopMs);
  }

  async #look(name: string, signal: AbortSignal): Promise<void | { againAfterMs: number }> {
    const { server, remote: find } = this.#options;
    const remote = find(name);
    if (remote === undefined) return undefined;
    if (server.cache.revision === 0) return { againAfterMs: retryMs };
    await this.#noting(remote, () => this.#check(remote, signal));
    // Another one has its place by now, and is checked for itself.
    if (find(name) !== remote) return undefined;
    if (server.duty.holds()) await this.#writeStatus(name, remote.verdict);
    await this.#noting(remote, () => remote.learn(signal));
    return { againAfterMs: remote.verdict.available ? checkEveryMs : retryMs };
  }

  async #check(remote: RemoteServer, signal: AbortSignal): Promise<void> {
    const wasAvailable = remote.verdict.available || remote.verdict.reason === 'NotChecked';
    const verdict = await remote.check(signal);
    if (signal.aborted) return;
    remote.verdict = verdict;
    if (wasAvailable && !verdict.available) this.#lost(remote.name, verdict.reason);
  }

  async #noting(remote: RemoteServer, work: () => Promise<void>): Promise<void> {
    const before = fingerprint(remote);
    await work();
    if (fingerprint(remote) !== before) this.#options.changed();
  }

  #lost(name: string, reason: string): void {
    const key = `${name} ${reason}`;
    const known = this.#losses.get(key);
    this.#losses.set(key, { name, reason, count: (known?.count ?? 0) + 1 });
  }

  async #writeStatus(name: string, verdict: Verdict): Promise<void> {
    if (verdict.reason === 'NotChecked') return;
    const { server, writer } = this.#options;
    const now = timestamp(server.now());
    const stored = server.cache
      .resource(apiServicePrefix)
      .index.get(`${server.root}${apiServicePrefix}/${name}`);
    if (stored === undefined) return;
    const { status } = asApiService(stored.object());
    if (sameTree(statusWith(status, verdict, now), status ?? {})) return;
    await writer.updateStatus(name, (current: ApiObject) => ({
      ...current,
      status: statusWith(asApiService(current).status, verdict, now),
    }));
  }
}

function fingerprint({ verdict, hasSaid, resources, openapi }: RemoteServer): string {
  return createHash('sha256')
    .update(JSON.stringify([verdict.available, hasSaid, resources, openapi]))
    .digest('base64');
}
