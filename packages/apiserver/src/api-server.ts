/**
 * An API server as one object: built from what the command line says, started, and stopped in order. Everything is
 * created here and handed down; nothing below reads flags, files or the environment.
 */
import { pacedExposition } from '@timonier/component';
import type { Socket } from 'node:net';
import type { ApiServerOptions } from './api-server-options.ts';
import { Admission } from './admission/admission.ts';
import { PolicyStatusKeeper } from './admission/policies/status-keeper.ts';
import { Allocations } from './allocation/allocations.ts';
import { type Authentication, startAuthentication } from './authentication/options.ts';
import { startAuthorization } from './authorization/start.ts';
import { FreshReads } from './cache/fresh-reads.ts';
import { WatchCache } from './cache/watch-cache.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { AuthenticationConfigKeeper } from './aggregation/authentication-config-keeper.ts';
import type { Auditor } from './audit/auditor.ts';
import { startAuditor } from './audit/start.ts';
import { KeyFollower } from './encryption/key-follower.ts';
import { Sealer } from './encryption/sealer.ts';
import { Appointment, dutyOf } from './duty.ts';
import { type DebugOptions, DebugPages } from './debug/pages.ts';
import { Extensions } from './extensions/manager.ts';
import { FlowControl } from './flow-control/flow-control.ts';
import { InFlight } from './flow-control/in-flight.ts';
import { FlowControlKeeper } from './flow-control/keeper.ts';
import { exposeFlowControl } from './flow-control/metrics.ts';
import { Documents } from './http/documents.ts';
import { Front } from './http/front.ts';
import { Router } from './http/router.ts';
import { Masters } from './http/masters.ts';
import { TlsServer } from './http/tls-server.ts';
import { exposeApiServices } from './metrics/api-service-metrics.ts';
import { ApiServerMetrics, exposeHeldWrites, exposeWaitingRequests } from './metrics/api-server-metrics.ts';
import { exposeCache } from './metrics/cache-metrics.ts';
import { exposePages } from './metrics/store-metrics.ts';
import { NodeProxy } from './node-proxy/node-proxy.ts';
import type { Limiter } from './pipeline/limit.ts';
import { Turns } from './pipeline/turns.ts';
import { ClusterPreparation } from './preparation.ts';
import { rehearse } from './rehearsal.ts';
import { servedRegistry } from './served.ts';
import type { JudgingServer } from './request-context.ts';
import { Leases } from './storage/leases.ts';
import { startCompactor } from './storage/compactor.ts';
import { StoreClient } from './storage/store-client.ts';
import { selfWriter } from './self-writer.ts';
import { LastUse, withLastUse } from './tokens/last-use.ts';
import { TokenAuthenticator } from './tokens/token-authenticator.ts';

const noDebug: DebugOptions = { configuration: {}, logFolder: undefined, profiling: false };
const drainMs = 1_000;
/** Watches and streams that are held at once. */
const maxLongRunning = 20_000;
/** How long a request may wait for its turn: a quarter of what a request may take, as upstream. */
const waitLimitMs = 15_000;

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #server: JudgingServer;
  readonly #front: Front;
  readonly #tls: TlsServer;
  readonly #extensions: Extensions;
  readonly #policies: PolicyStatusKeeper;
  readonly #aggregator: Aggregator;
  readonly #stop = new AbortController();
  readonly #tasks: Promise<void>[] = [];
  #stopFollowing: (() => void) | undefined;
  #stopCompacting: (() => void) | undefined;
  readonly #preparation: ClusterPreparation;
  readonly #flowControl: FlowControl | undefined;
  readonly #keeper: FlowControlKeeper | undefined;
  readonly #configKeeper: AuthenticationConfigKeeper | undefined;
  readonly #auditor: Auditor | undefined;
  readonly #authentication: Authentication;
  readonly #stopAuthorization: () => void;
  readonly #keys: KeyFollower | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    const { office, log, root, metrics: metricsRegistry, health, failpoints, tokenSigner } = options;
    const registry = servedRegistry();
    const { encryption } = options;
    const sealer = encryption && new Sealer(root, registry, encryption.configuration);
    const store = new StoreClient({ ...options.store, codec: sealer });
    const allocations = new Allocations(options.allocation);
    const prefixes = registry.all().flatMap(({ storagePrefix }) => storagePrefix ?? []);
    const cache = new WatchCache({
      store,
      root,
      prefixes,
      log,
      onForeignKey: (key, value) => allocations.observe(key, value !== undefined),
      onForeignLoad: (phase) => allocations.loading(phase),
    });
    const lastUse = new LastUse(
      (namespace, name, day) =>
        selfWriter(this.#server).update('secrets', namespace, name, (secret) => withLastUse(secret, day)),
      Date.now,
    );
    const tokens = tokenSigner && new TokenAuthenticator(tokenSigner, cache, root, Date.now, lastUse);
    const { authenticationConfig } = options;
    const requestHeader = authenticationConfig?.requestHeader && {
      ...authenticationConfig.requestHeader,
      clientCa: authenticationConfig.clientCa,
    };
    this.#authentication = startAuthentication(options.authentication ?? {}, {
      serviceAccounts: tokens,
      cache,
      root,
      requestHeader,
      log,
      metrics: metricsRegistry,
    });
    const authorization = startAuthorization(options.authorization, {
      cache,
      root,
      log,
      metrics: metricsRegistry,
    });
    this.#stopAuthorization = authorization.stop;
    const metrics = new ApiServerMetrics(metricsRegistry);
    this.#server = {
      registry,
      store,
      leases: new Leases(store, Date.now),
      cache,
      turns: new Turns(),
      reads: new FreshReads(store, cache),
      office,
      duty: dutyOf(office, options.shared?.appointment ?? new Appointment(true)),
      metrics,
      failpoints,
      allocations,
      nodes: new NodeProxy(options.kubeletTls),
      masters: new Set(options.masters.map(({ name }) => name)),
      authorizer: authorization.authorizer,
      admission: new Admission(options.admissionPlugins, metrics.admission),
      tokens,
      bearerTokens: this.#authentication.bearerTokens,
      log,
      root,
      now: () => Date.now(),
    };
    exposeCache(metricsRegistry, registry, cache);
    exposePages(metricsRegistry, store.pageCounts);
    if (encryption !== undefined && sealer !== undefined)
      this.#keys = new KeyFollower(this.#server, sealer, encryption, { metrics: metricsRegistry, log });
    if (failpoints.enabled) exposeHeldWrites(metricsRegistry, () => failpoints.held);
    this.#extensions = new Extensions(this.#server);
    this.#policies = new PolicyStatusKeeper(this.#server);
    this.#aggregator = new Aggregator(this.#server, options.proxyTls ?? {});
    const aggregator = this.#aggregator;
    exposeApiServices(metricsRegistry, cache, aggregator);
    const processes = options.shared?.processes ?? 1;
    const { fair } = options.limits;
    const readOnly = Math.ceil(options.limits.maxRequestsInflight / processes);
    const mutating = Math.ceil(options.limits.maxMutatingRequestsInflight / processes);
    this.#flowControl = fair
      ? new FlowControl({ cache, seats: readOnly + mutating, waitLimitMs })
      : undefined;
    this.#keeper = this.#flowControl && new FlowControlKeeper(this.#server, this.#flowControl);
    if (this.#flowControl !== undefined) exposeFlowControl(metricsRegistry, this.#flowControl);
    this.#configKeeper =
      authenticationConfig && new AuthenticationConfigKeeper(this.#server, authenticationConfig);
    this.#preparation = new ClusterPreparation(this.#server, options, this.#stop.signal, {
      first: async () => {
        await this.#configKeeper?.keep();
        await aggregator.publishLocal();
      },
      last: async () => this.#keeper?.keep(),
    });
    const address = `${options.advertiseAddress}:${options.securePort}`;
    const documents = new Documents(registry, address, aggregator);
    const limiter: Limiter =
      this.#flowControl === undefined
        ? { kind: 'plain', inFlight: new InFlight({ readOnly, mutating }) }
        : { kind: 'fair', control: this.#flowControl };
    this.#auditor =
      options.audit && startAuditor(options.audit, metricsRegistry, log, options.shared?.openAuditSink);
    const router = new Router({
      server: this.#server,
      documents,
      address,
      aggregator,
      health,
      exposition: options.shared?.metrics ?? pacedExposition(metricsRegistry),
      limiter,
      debug: new DebugPages(options.debug ?? noDebug, this.#flowControl),
      maxLongRunning: Math.ceil(maxLongRunning / processes),
      auditor: this.#auditor,
      authenticator: this.#authentication.requests,
    });
    const { tls } = options;
    const clientCa = requestHeader === undefined ? tls.clientCa : [tls.clientCa, requestHeader.ca].flat();
    this.#tls = new TlsServer({ ...tls, clientCa }, router);
    exposeWaitingRequests(metricsRegistry, () => this.#tls.waiting);
    this.#front = new Front({
      office,
      internalPort: options.internalPort ?? 0,
      masters: new Masters(options.masters.map((master) => master.address)),
      accept: (socket, { remoteAddress }) => this.#tls.accept(socket, remoteAddress),
    });
    health.addReady('watch-cache', () => {
      if (cache.revision === 0) throw new Error('the store has not been loaded yet');
      if (!cache.following) throw new Error('the watch over the store is broken');
    });
    health.addReady('bootstrap', () => {
      if (!this.#preparation.isReady) throw new Error('not done yet');
    });
  }

  /** Listens and begins to follow store and office. Returns the secure port. */
  async start(): Promise<number> {
    const port = await this.#listen();
    this.#extensions.start();
    this.#policies.start();
    this.#aggregator.start();
    this.#flowControl?.start();
    this.#keeper?.start();
    this.#configKeeper?.start();
    this.#keys?.start();
    this.#tasks.push(this.#server.cache.run(this.#stop.signal));
    this.#preparation.port = port;
    this.#stopFollowing = this.#server.duty.onChange(() => this.#preparation.begin());
    this.#preparation.begin();
    this.#tasks.push(this.#rehearse());
    this.#startCompacting();
    return port;
  }

  /** Resolves once the store was loaded. */
  async loaded(): Promise<void> {
    while (!(await this.#server.cache.waitFor(1, 60_000)));
  }

  /** Stops accepting, lets requests under way finish for a moment, then ends every connection. */
  async stop(): Promise<void> {
    this.#stopFollowing?.();
    this.#stopCompacting?.();
    this.#flowControl?.stop();
    this.#authentication.stop();
    this.#stopAuthorization();
    this.#front.stopAccepting();
    this.#tls.close();
    this.#stop.abort();
    const deadline = Date.now() + drainMs;
    while (this.#front.connections > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    this.#front.reset();
    await Promise.all([
      ...this.#tasks,
      this.#extensions.stop(),
      this.#policies.stop(),
      this.#aggregator.stop(),
      this.#preparation.ended(),
      this.#keeper?.stop(),
      this.#configKeeper?.stop(),
      this.#keys?.stop(),
    ]);
    await this.#auditor?.close();
    this.#server.store.close();
  }

  /** Writes that a failpoint holds at this moment. */
  get heldWrites(): number {
    return this.#server.failpoints.held;
  }

  /** Only where it has an identity to be its own client with. */
  async #rehearse(): Promise<void> {
    const { kubeletTls: identity } = this.#options;
    if (identity.cert === undefined || identity.key === undefined) return;
    const accept = (socket: Socket): void => this.#tls.accept(socket);
    await rehearse({ server: this.#server, accept, identity, stop: this.#stop.signal });
  }

  async #listen(): Promise<number> {
    const { bindAddress, securePort, internalPort, privateSocket, shared } = this.#options;
    if (shared !== undefined) {
      shared.takeConnections((name, socket) => this.#front.take(name, socket));
      return securePort;
    }
    const port = await this.#front.listenPublic(bindAddress, securePort);
    if (internalPort !== undefined) await this.#front.listenInternal(bindAddress, internalPort);
    if (privateSocket !== '') await this.#front.listenPrivate(privateSocket);
    return port;
  }

  #startCompacting(): void {
    const { compactionIntervalMs: intervalMs, log } = this.#options;
    const { store, cache, duty } = this.#server;
    if (intervalMs === 0) return;
    this.#stopCompacting = startCompactor({
      store,
      intervalMs,
      isActive: () => duty.holds(),
      revision: () => cache.revision,
      log,
    });
  }
}
