/**
 * Follows the APIServices: knows on every process which groups secondary servers answer for, and checks them. Who
 * has the duty also keeps their conditions, and the APIServices of what this server serves itself.
 *
 * A secondary server that is down costs nobody but its own clients: it is checked in the background, discovery names it
 * as stale, and requests for it are refused at once.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type GroupVersion, StatusError } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { serviceUnavailable } from '@timonier/api/statuses';
import { timestamp } from '../timestamp.ts';
import type { JudgingServer } from '../request-context.ts';
import { sameTree } from '../storage/copy.ts';
import { apiServicePrefix, asApiService, type Service, statusWith, type Verdict } from './api-service.ts';
import { ApiServiceWriter } from './api-service-writer.ts';
import { type ProxyTls, RemoteServer } from './remote.ts';

const checkEveryMs = 5_000;
const retryMs = 500;
/** After a change that may make a server reachable: its APIService, its Service or its endpoints. */
const settleMs = 50;
const stopMs = 500;
const path = /^\/(?:openapi\/v3\/)?apis\/([^/]+)\/([^/]+)(?:\/|$)/;

export interface Loss {
  readonly name: string;
  readonly reason: string;
  readonly count: number;
}

export class Aggregator {
  readonly #server: JudgingServer;
  readonly #tls: ProxyTls;
  readonly #writer: ApiServiceWriter;
  readonly #remotes = new Map<string, { readonly remote: RemoteServer; readonly revision: number }>();
  readonly #stop = new AbortController();
  #unfollow: (() => void)[] = [];
  #checking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #generation = 0;
  #hasPublished = false;
  /** By name and reason, how often a secondary server was found to have become unavailable. */
  readonly #losses = new Map<string, Loss>();

  constructor(server: JudgingServer, tls: ProxyTls) {
    this.#server = server;
    this.#tls = tls;
    this.#writer = new ApiServiceWriter(server);
  }

  start(): void {
    const { cache, duty, registry } = this.#server;
    const off = [
      cache.onReset(() => this.#follow()),
      registry.onChange(() => this.#schedule(settleMs)),
      duty.onChange(() => this.#schedule(retryMs)),
    ];
    this.#follow();
    this.#stop.signal.addEventListener('abort', () => {
      for (const stop of [...off, ...this.#unfollow]) stop();
      clearTimeout(this.#timer);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    // A write that waits for a store which is gone ends with the store's connection.
    await Promise.race([this.#checking, pause(stopMs)]);
    for (const { remote } of this.#remotes.values()) remote.close();
  }

  /** Grows whenever what secondary servers contribute to documents may have changed. */
  get generation(): number {
    return this.#generation;
  }

  /** The secondary servers, in the order of their names. */
  get remotes(): readonly RemoteServer[] {
    return [...this.#remotes.values()].map(({ remote }) => remote).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The secondary server that answers for a path; undefined when this server does itself. */
  remoteFor(pathname: string): RemoteServer | undefined {
    if (this.#remotes.size === 0) return undefined;
    const match = path.exec(pathname);
    return match === null ? undefined : this.#remotes.get(`${match[2]}.${match[1]}`)?.remote;
  }

  /** Throws 503 when a secondary server is known not to answer. */
  checkAvailable({ name, verdict }: RemoteServer): void {
    if (verdict.available || verdict.reason === 'NotChecked') return;
    throw new StatusError(
      serviceUnavailable(`the server of APIService ${name} is unavailable: ${verdict.message}`),
    );
  }

  #follow(): void {
    for (const stop of this.#unfollow) stop();
    const { cache } = this.#server;
    const services = cache.resource(apiServicePrefix).log.onAppend(() => this.#sync());
    const recheck = (prefix: string): (() => void) =>
      cache.resource(prefix).log.onAppend(() => {
        if (this.#remotes.size > 0) this.#schedule(settleMs);
      });
    this.#unfollow = [services, recheck('services/specs'), recheck('endpointslices')];
    this.#sync();
  }

  /** Brings the secondary servers up to what the cache says; at once, before anyone else hears of the change. */
  #sync(): void {
    const present = new Set<string>();
    for (const stored of this.#server.cache.resource(apiServicePrefix).index.values()) {
      const service = asApiService(stored.object());
      const name = service.metadata?.name ?? '';
      if (service.spec?.service === undefined) continue;
      present.add(name);
      const before = this.#remotes.get(name);
      // Conditions change often and mean nothing to how it is reached.
      if (before !== undefined && sameTree(before.remote.service.spec, service.spec)) continue;
      before?.remote.close();
      const remote = new RemoteServer(this.#server, service, this.#tls);
      remote.resources = before?.remote.resources;
      this.#remotes.set(name, { remote, revision: stored.revision });
      this.#changed();
    }
    for (const [name, { remote }] of this.#remotes) {
      if (present.has(name)) continue;
      remote.close();
      this.#remotes.delete(name);
      this.#changed();
    }
    this.#schedule(settleMs);
  }

  #changed(): void {
    this.#generation++;
  }

  #schedule(afterMs: number): void {
    if (this.#stop.signal.aborted) return;
    const at = performance.now() + afterMs;
    if (this.#timer !== undefined && this.#dueAt <= at) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#checking ??= this.#checkAll().finally(() => {
        this.#checking = undefined;
      });
    }, afterMs);
    this.#timer.unref();
  }

  async #checkAll(): Promise<void> {
    const { cache, log } = this.#server;
    let isFailing = false;
    try {
      if (cache.revision === 0) return;
      await Promise.all(this.remotes.map((remote) => this.#check(remote)));
      if (this.#server.duty.holds()) await this.#write();
    } catch (error) {
      isFailing = true;
      if (!this.#stop.signal.aborted) log.warn({ reason: String(error) }, 'could not keep the APIServices');
    } finally {
      const anyDown = this.remotes.some(({ verdict }) => !verdict.available);
      if (cache.revision === 0 || isFailing || anyDown) this.#schedule(retryMs);
      else if (this.#remotes.size > 0) this.#schedule(checkEveryMs);
    }
  }

  async #check(remote: RemoteServer): Promise<void> {
    const before = fingerprint(remote);
    const wasAvailable = remote.verdict.available || remote.verdict.reason === 'NotChecked';
    remote.verdict = await remote.check(this.#stop.signal);
    if (wasAvailable && !remote.verdict.available) this.#lost(remote);
    if (fingerprint(remote) !== before) this.#changed();
  }

  #lost({ name, verdict: { reason } }: RemoteServer): void {
    const key = `${name} ${reason}`;
    const known = this.#losses.get(key);
    this.#losses.set(key, { name, reason, count: (known?.count ?? 0) + 1 });
  }

  get losses(): readonly Loss[] {
    return [...this.#losses.values()];
  }

  /** Makes the APIServices of what this server serves itself; from then on keeps them. Throws when it cannot. */
  async publishLocal(): Promise<void> {
    const local: GroupVersion[] = this.#server.registry
      .groups()
      .flatMap(({ group, versions }) => versions.map((version) => ({ group, version })));
    await this.#writer.keepLocal(local, (name) => this.#remotes.has(name));
    this.#hasPublished = true;
  }

  async #write(): Promise<void> {
    if (this.#hasPublished) await this.publishLocal();
    for (const remote of this.remotes) await this.#writeStatus(remote.name, remote.verdict);
  }

  async #writeStatus(name: string, verdict: Verdict): Promise<void> {
    if (verdict.reason === 'NotChecked') return;
    const now = timestamp(this.#server.now());
    const stored = this.#server.cache
      .resource(apiServicePrefix)
      .index.get(`${this.#server.root}${apiServicePrefix}/${name}`);
    if (stored === undefined) return;
    const service: Service = asApiService(stored.object());
    if (sameTree(statusWith(service.status, verdict, now), service.status ?? {})) return;
    await this.#writer.updateStatus(name, (current: ApiObject) => ({
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
