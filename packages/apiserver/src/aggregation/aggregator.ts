/**
 * Follows the APIServices: knows on every process which groups secondary servers answer for, and has them checked. Who
 * has the duty also keeps their conditions, and the APIServices of what this server serves itself.
 *
 * A secondary server that is down costs nobody but its own clients: it is checked in the background, discovery names it
 * as stale, and requests for it are refused at once.
 */
import { type GroupVersion, StatusError } from '@timonier/api';
import { serviceUnavailable } from '@timonier/api/statuses';
import { WorkQueue } from '@timonier/client';
import type { JudgingServer } from '../request-context.ts';
import { sameTree } from '../storage/copy.ts';
import { apiServicePrefix, asApiService } from './api-service.ts';
import { ApiServiceWriter } from './api-service-writer.ts';
import { Availability, type Loss } from './availability.ts';
import { type ProxyTls, RemoteServer } from './remote.ts';

const retryMs = 500;
const mostRetryMs = 5_000;
/** After a change that may make a server reachable: its APIService, its Service or its endpoints. */
const settleMs = 50;
const stopMs = 500;
const path = /^\/(?:openapi\/v3\/)?apis\/([^/]+)\/([^/]+)(?:\/|$)/;
/** The one key of the queue of what this server serves itself. */
const own = 'own';

export class Aggregator {
  readonly #server: JudgingServer;
  readonly #tls: ProxyTls;
  readonly #writer: ApiServiceWriter;
  readonly #remotes = new Map<string, RemoteServer>();
  readonly #availability: Availability;
  /** Keeps the APIServices of what this server serves itself. */
  readonly #publishing: WorkQueue;
  readonly #stop = new AbortController();
  #unfollow: (() => void)[] = [];
  #generation = 0;
  #hasPublished = false;

  constructor(server: JudgingServer, tls: ProxyTls) {
    this.#server = server;
    this.#tls = tls;
    this.#writer = new ApiServiceWriter(server);
    this.#availability = new Availability({
      server,
      writer: this.#writer,
      remote: (name) => this.#remotes.get(name),
      changed: () => this.#changed(),
    });
    this.#publishing = new WorkQueue({
      name: 'autoregister',
      concurrency: 1,
      process: async () => {
        if (this.#hasPublished && server.duty.holds()) await this.publishLocal();
      },
      baseDelayMs: retryMs,
      maxDelayMs: mostRetryMs,
      onError: (_, error) => server.log.warn({ reason: String(error) }, 'could not keep the APIServices'),
    });
  }

  start(): void {
    const { cache, duty, registry } = this.#server;
    const off = [
      cache.onReset(() => this.#follow()),
      registry.onChange(() => this.#publishing.addAfter(own, settleMs)),
      duty.onChange(() => {
        this.#publishing.addAfter(own, retryMs);
        for (const name of this.#remotes.keys()) this.#availability.due(name, retryMs);
      }),
    ];
    this.#follow();
    this.#stop.signal.addEventListener('abort', () => {
      for (const stop of [...off, ...this.#unfollow]) stop();
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#availability.stop(), this.#publishing.stop(stopMs)]);
    for (const remote of this.#remotes.values()) remote.close();
  }

  /** Grows whenever what secondary servers contribute to documents may have changed. */
  get generation(): number {
    return this.#generation;
  }

  /** The secondary servers, in the order of their names. */
  get remotes(): readonly RemoteServer[] {
    return [...this.#remotes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The secondary server that answers for a path; undefined when this server does itself. */
  remoteFor(pathname: string): RemoteServer | undefined {
    if (this.#remotes.size === 0) return undefined;
    const match = path.exec(pathname);
    return match === null ? undefined : this.#remotes.get(`${match[2]}.${match[1]}`);
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
        for (const name of this.#remotes.keys()) this.#availability.due(name, settleMs);
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
      this.#availability.due(name, settleMs);
      const before = this.#remotes.get(name);
      // Conditions change often and mean nothing to how it is reached.
      if (before !== undefined && sameTree(before.service.spec, service.spec)) continue;
      before?.close();
      const remote = new RemoteServer(this.#server, service, this.#tls);
      remote.resources = before?.resources;
      this.#remotes.set(name, remote);
      this.#changed();
    }
    for (const [name, remote] of this.#remotes) {
      if (present.has(name)) continue;
      remote.close();
      this.#remotes.delete(name);
      this.#changed();
    }
    this.#publishing.addAfter(own, settleMs);
  }

  #changed(): void {
    this.#generation++;
  }

  get losses(): readonly Loss[] {
    return this.#availability.losses;
  }

  /** Makes the APIServices of what this server serves itself; from then on keeps them. Throws when it cannot. */
  async publishLocal(): Promise<void> {
    const local: GroupVersion[] = this.#server.registry
      .groups()
      .flatMap(({ group, versions }) => versions.map((version) => ({ group, version })));
    await this.#writer.keepLocal(local, (name) => this.#remotes.has(name));
    this.#hasPublished = true;
  }
}
