/**
 * From a request to its handler, and from whatever a handler throws to an answer: the order of the pipeline's stages
 * is here. authenticate → audit → impersonate → limit → authorize → fence gate → the verb, which decodes, mutates, commits and
 * encodes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Exposition, handleOps, type Health } from '@timonier/component';
import { methodNotAllowed, pathNotFound, StatusError, verbNotAllowed } from '@timonier/api/statuses';
import type { Status } from '@timonier/api';
import type { Aggregator } from '../aggregation/aggregator.ts';
import { upstreamFor } from '../aggregation/proxy.ts';
import { identityHeaders } from '../aggregation/remote.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { DebugPages } from '../debug/pages.ts';
import { isDebugPath } from '../debug/paths.ts';
import type { RequestAuthenticator } from '../authentication/request-authenticator.ts';
import type { User } from '../pipeline/authenticate.ts';
import { contextOf } from '../pipeline/context.ts';
import { deprecationOf } from '../pipeline/deprecation.ts';
import { Identifier } from '../pipeline/identify.ts';
import { type Limiter, LimitStage } from '../pipeline/limit.ts';
import { checkParameters } from '../pipeline/query.ts';
import { respondError, statusOf } from '../pipeline/respond.ts';
import type { JudgingServer } from '../request-context.ts';
import { handlerOf } from '../verbs/index.ts';
import { answerIssuer, isIssuerPath } from '../tokens/issuer-discovery.ts';
import { isOfNoNamespace, isOfNoObject, notServed } from './absent.ts';
import type { Documents } from './documents.ts';
import { Exchange, type HttpRequest, type HttpResponse, uncached } from './exchange.ts';
import { knownRequestInfo } from './known-request-info.ts';
import { checkHead, isLongRunning, isWatch, LongRunning, roomOf } from './long-running.ts';
import { relay } from './relay.ts';
import type { RequestInfo, ResourceRequest } from './request-info.ts';
import { UpgradeRouter } from './upgrade-router.ts';

export interface RouterOptions {
  readonly server: JudgingServer;
  readonly documents: Documents;
  /** Where this server is reached, as host:port. */
  readonly address: string;
  readonly aggregator: Aggregator;
  readonly health: Health;
  /** What `/metrics` shows. */
  readonly exposition: Exposition;
  readonly limiter: Limiter;
  readonly debug: DebugPages;
  /** Watches and streams that are held at once: what users share among them, see `roomOf`. */
  readonly maxLongRunning: number;
  /** Undefined: nothing is recorded. */
  readonly auditor: Auditor | undefined;
  readonly authenticator: RequestAuthenticator;
}

const operational = /^\/(metrics|healthz|livez|readyz)(\/|$)/;
const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
/** What else is passed on to pods, services and nodes, as upstream. */
const proxiedMethods: ReadonlySet<string> = new Set(['HEAD', 'OPTIONS']);
const mutating: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export class Router {
  readonly #options: RouterOptions;
  readonly #limit: LimitStage;
  readonly #identifier: Identifier;
  readonly #longRunning: LongRunning;
  readonly #upgrades: UpgradeRouter;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#limit = new LimitStage(options.limiter, options.server.cache);
    this.#identifier = new Identifier(options);
    this.#longRunning = new LongRunning(roomOf(options.maxLongRunning));
    this.#upgrades = new UpgradeRouter({
      server: options.server,
      aggregator: options.aggregator,
      identifier: this.#identifier,
      limit: this.#limit,
      longRunning: this.#longRunning,
      serve: (exchange, info, started) => this.#serveKnown(exchange, info, started),
    });
  }

  /** Serves one request, which came at the time `started`, to its end; never rejects. */
  async serve(request: HttpRequest, response: HttpResponse, started: number): Promise<void> {
    const { server, aggregator } = this.#options;
    let exchange: Exchange;
    try {
      exchange = new Exchange(request, response);
    } catch (error) {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
      return;
    }
    await this.#serveKnown(exchange, await knownRequestInfo(exchange, server, aggregator), started);
  }

  async #serveKnown(exchange: Exchange, info: RequestInfo, started: number): Promise<void> {
    const { server } = this.#options;
    const kind = mutating.has(info.verb) ? 'mutating' : 'readOnly';
    const isLong = isLongRunning(info);
    if (!isLong) server.metrics.requests.inFlight[kind]++;
    try {
      await this.#answer(exchange, info, isLong);
      exchange.audit?.stage('ResponseComplete');
    } catch (error) {
      await this.#fail(exchange, error);
      exchange.audit?.stage(isExpected(error) ? 'ResponseComplete' : 'Panic');
    } finally {
      if (!isLong) server.metrics.requests.inFlight[kind]--;
      const { series } = exchange;
      if (series !== undefined) {
        const now = performance.now();
        const handled = isLong ? undefined : now - exchange.handledSince - exchange.waitedMs;
        server.metrics.requests.count(series, exchange, now - started, handled);
      }
    }
  }

  /** Whether there is something behind a request that can switch protocols. */
  switches(request: IncomingMessage): boolean {
    return this.#upgrades.switches(request);
  }

  /** Serves a request to switch protocols to its end; never rejects. */
  serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return this.#upgrades.serve(request, socket, head);
  }

  async #answer(exchange: Exchange, info: RequestInfo, isLong: boolean): Promise<void> {
    const user = await this.#identifier.identify(exchange, info, isLong);
    if (isWatch(info)) checkHead(exchange.request);
    const onRefused = (): void => this.#countRefusal(exchange, info);
    const ended = isLong ? this.#longRunning.hold(user, onRefused) : undefined;
    try {
      const leave = await this.#limit.enter(exchange, user, info);
      if (leave === undefined) {
        onRefused();
        return;
      }
      try {
        await this.#identifier.authorize(exchange, user, info);
        await this.#dispatch(exchange, info, user, isLong);
      } finally {
        leave();
      }
    } finally {
      ended?.();
    }
  }

  #countRefusal(exchange: Exchange, { served }: RequestInfo): void {
    this.#options.server.metrics.requests.refused(exchange, served);
  }

  async #dispatch(exchange: Exchange, info: RequestInfo, user: User, isLong: boolean): Promise<void> {
    const { server, documents, aggregator } = this.#options;
    const { requests } = server.metrics;
    if (info.isNowhere === true) throw new StatusError(pathNotFound());
    const remote = aggregator.remoteFor(info.path);
    if (remote !== undefined) {
      aggregator.checkAvailable(remote);
      const path = `${exchange.url.pathname}${exchange.url.search}`;
      await relay(exchange, upstreamFor(remote, isLong), path, identityHeaders(user));
      return;
    }
    if (info.resource === undefined || info.resource === '') {
      if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw new StatusError(verbNotAllowed());
      if (exchange.method === 'GET') exchange.handledAs(requests.seriesOfPath(info.path));
      if (operational.test(info.path)) await this.#operate(exchange);
      else if (isDebugPath(info.path)) await this.#options.debug.answer(exchange);
      else if (isIssuerPath(info.path))
        await answerIssuer(exchange, server.tokens?.signer, this.#options.address);
      else await documents.answer(exchange);
      return;
    }
    const target = info.served;
    if (target === undefined) throw notServed(server.registry, info);
    const isServed =
      methods.has(exchange.method) || (proxiedMethods.has(exchange.method) && isProxied(target));
    const handler = isServed ? handlerOf(target) : undefined;
    if (isOfNoObject(target)) throw new StatusError(pathNotFound());
    if (handler === undefined || isOfNoNamespace(target)) throw new StatusError(notAllowed(target));
    const series = requests.seriesOf(exchange, target);
    exchange.handledAs(series);
    checkParameters(target, exchange.query, exchange.header('content-type'));
    const warning = deprecationOf(target.info);
    if (warning !== undefined) {
      exchange.warn(warning);
      requests.deprecated(target);
    }
    const isMutating = mutating.has(target.verb);
    // The body must still be read, or the connection could not be used again; the gate comes first all the same.
    const context = contextOf(server, exchange, user, target, isMutating);
    if (isLong) {
      const ended = requests.longRunning.begin(series, info);
      await handler(context).finally(ended);
    } else await handler(context);
    if (isMutating) server.log.trace({ user: user.name, verb: target.verb, path: info.path }, 'mutated');
  }

  async #operate(exchange: Exchange): Promise<void> {
    const { health, exposition } = this.#options;
    const { url, response, headers: ownHeaders } = exchange;
    const writeHead = (status: number, headers: Record<string, string>): void => {
      exchange.statusCode = status;
      response.writeHead(status, { ...uncached, ...headers, ...ownHeaders });
    };
    const end = (body?: string): unknown => response.end(body);
    // As it was judged, and not as it could be read.
    const asked = { url: `${url.pathname}${url.search}` };
    if (!(await handleOps(asked, { writeHead, end }, health, exposition)))
      throw new StatusError(pathNotFound());
  }

  async #fail(exchange: Exchange, error: unknown): Promise<void> {
    const { log } = this.#options.server;
    const status = statusOf(error);
    exchange.audit?.failed(status);
    if (exchange.isOver) return;
    if (!isExpected(error)) {
      if (exchange.series !== undefined)
        this.#options.server.metrics.requests.terminated(exchange.series, status.code ?? 500);
      log.error({ err: error, method: exchange.method, path: exchange.url.pathname }, 'request failed');
    }
    try {
      if (exchange.response.headersSent) exchange.response.destroy();
      else await respondError(exchange, error);
    } catch (failure) {
      log.debug({ err: failure }, 'could not answer');
      // Whoever asked learns at once that no answer comes.
      exchange.response.destroy();
    }
  }
}

/** What is passed on to a node takes every method. */
function isProxied({ subresource }: ResourceRequest): boolean {
  return subresource === 'proxy' || subresource.startsWith('proxy/');
}

/** Of parts of custom resources it is said what they are of. */
function notAllowed({ info, subresource, verb }: ResourceRequest): Status {
  return info.custom !== undefined && subresource !== '' ? methodNotAllowed(info, verb) : verbNotAllowed();
}

/** False for what nobody meant to answer. */
function isExpected(error: unknown): boolean {
  return error instanceof StatusError || (statusOf(error).code ?? 500) < 500;
}
