/**
 * From a request to its handler, and from whatever a handler throws to an answer: the order of the pipeline's stages
 * is here. authenticate → audit → impersonate → limit → authorize → fence gate → the verb, which decodes, mutates, commits and
 * encodes.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Exposition, handleOps, type Health } from '@timonier/component';
import { notFound, pathNotFound, StatusError, tooManyRequests, verbNotAllowed } from '@timonier/api/statuses';
import type { Aggregator } from '../aggregation/aggregator.ts';
import { upstreamOf } from '../aggregation/proxy.ts';
import { identityHeaders } from '../aggregation/remote.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { DebugPages } from '../debug/pages.ts';
import { isDebugPath } from '../debug/paths.ts';
import type { RequestAuthenticator } from '../authentication/request-authenticator.ts';
import type { RequestSeries } from '../metrics/request-series.ts';
import type { User } from '../pipeline/authenticate.ts';
import { contextOf } from '../pipeline/context.ts';
import { deprecationOf } from '../pipeline/deprecation.ts';
import { Identifier } from '../pipeline/identify.ts';
import { isStream, type Limiter, LimitStage } from '../pipeline/limit.ts';
import { checkParameters } from '../pipeline/query.ts';
import { respondError, statusOf } from '../pipeline/respond.ts';
import type { JudgingServer } from '../request-context.ts';
import { handlerOf, upgrades } from '../verbs/index.ts';
import { answerIssuer, isIssuerPath } from '../tokens/issuer-discovery.ts';
import type { Documents } from './documents.ts';
import { Exchange, type HttpRequest, type HttpResponse } from './exchange.ts';
import { Http1Request } from './http1.ts';
import { knownRequestInfo } from './known-request-info.ts';
import { parseTarget } from './request-target.ts';
import { SocketResponse } from './socket-response.ts';
import { relay, relayUpgrade, type Switching } from './relay.ts';
import { byteMessages, type ChooseForm, eventMessages } from './web-socket-forms.ts';
import { WebSocketResponse } from './web-socket-response.ts';
import { isWebSocketRequest } from './web-socket-request.ts';
import { readRequestInfo, type RequestInfo, type ResourceRequest } from './request-info.ts';

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
  /** Watches and streams that are held at once. */
  readonly maxLongRunning: number;
  /** Undefined: nothing is recorded. */
  readonly auditor: Auditor | undefined;
  readonly authenticator: RequestAuthenticator;
}

const operational = /^\/(metrics|healthz|livez|readyz)(\/|$)/;
const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const mutating: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export class Router {
  readonly #options: RouterOptions;
  readonly #limit: LimitStage;
  readonly #identifier: Identifier;
  #long = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#limit = new LimitStage(options.limiter, options.server.cache);
    this.#identifier = new Identifier(options);
  }

  /** Serves one request, which came at the time `started`, to its end; never rejects. */
  async serve(request: HttpRequest, response: HttpResponse, started: number): Promise<void> {
    const { server, aggregator } = this.#options;
    let exchange: Exchange;
    try {
      exchange = new Exchange(request, response);
    } catch {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end('the request target is not a URL\n');
      return;
    }
    await this.#serveKnown(exchange, await knownRequestInfo(exchange, server, aggregator), started);
  }

  async #serveKnown(exchange: Exchange, info: RequestInfo, started: number): Promise<void> {
    const { server } = this.#options;
    const kind = mutating.has(info.verb) ? 'mutating' : 'readOnly';
    const isLong = isWatch(info) || isStream(info);
    if (isLong) this.#long++;
    else server.metrics.requests.inFlight[kind]++;
    try {
      if (this.#long > this.#options.maxLongRunning) {
        this.#countRefusal(exchange, info);
        throw tooManyLong();
      }
      await this.#answer(exchange, info, isLong);
      exchange.audit?.stage('ResponseComplete');
    } catch (error) {
      await this.#fail(exchange, error);
      exchange.audit?.stage(isExpected(error) ? 'ResponseComplete' : 'Panic');
    } finally {
      if (isLong) this.#long--;
      else server.metrics.requests.inFlight[kind]--;
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
    const { method = '', url = '', headers } = request;
    try {
      const info = readRequestInfo(method, parseTarget(url), this.#options.server.registry);
      // A watch may be of a kind that this process is still to be told of.
      return this.#switchOf(info, headers) !== undefined;
    } catch {
      // What is no request target is told so like any other.
      return false;
    }
  }

  /** To what a request can switch: to a connection with somebody else, or to messages of a WebSocket in some form. */
  #switchOf(info: RequestInfo, headers: IncomingHttpHeaders): 'joined' | ChooseForm | undefined {
    if (this.#options.aggregator.remoteFor(info.path) !== undefined) return 'joined';
    if (info.served !== undefined && upgrades[info.served.subresource] !== undefined) return 'joined';
    if (!isWebSocketRequest(headers)) return undefined;
    if (isWatch(info)) return eventMessages;
    return info.served?.subresource === 'log' && info.verb === 'get' ? byteMessages : undefined;
  }

  /** Serves a request to switch protocols: watches, logs, exec, attach, port-forward and what is proxied to. */
  async serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const started = performance.now();
    const { server, aggregator } = this.#options;
    socket.on('error', () => undefined);
    const response = new SocketResponse(socket);
    let exchange: Exchange;
    try {
      exchange = new Exchange(new Http1Request(request), response);
    } catch {
      // The request target is no URL.
      response.writeHead(400);
      response.end();
      return;
    }
    const info = await knownRequestInfo(exchange, server, aggregator);
    const form = this.#switchOf(info, request.headers);
    if (typeof form === 'function') {
      const messages = new WebSocketResponse(request, socket, head, form);
      await this.#serveKnown(new Exchange(new Http1Request(request), messages), info, started);
      return;
    }
    this.#long++;
    try {
      if (this.#long > this.#options.maxLongRunning) {
        this.#countRefusal(exchange, info);
        throw tooManyLong();
      }
      const onAnswer = (statusCode: number): void => {
        exchange.statusCode = statusCode;
        exchange.audit?.started();
      };
      await this.#join(exchange, info, { request, socket, head, onAnswer });
    } catch (error) {
      exchange.audit?.failed(statusOf(error));
      await respondError(exchange, error).catch(() => undefined);
      response.end();
    } finally {
      this.#long--;
      exchange.audit?.stage('ResponseComplete');
    }
  }

  /** Resolves when a connection that switched protocols has ended. */
  async #join(exchange: Exchange, info: RequestInfo, switching: Switching): Promise<void> {
    const { server, aggregator } = this.#options;
    const user = await this.#identifier.identify(exchange, info, true);
    await this.#identifier.authorize(exchange, user, info);
    if (info.isNowhere === true) throw new StatusError(pathNotFound());
    const remote = aggregator.remoteFor(info.path);
    if (remote !== undefined) {
      aggregator.checkAvailable(remote);
      // As it was authorized, and not as it was written.
      const path = `${exchange.url.pathname}${exchange.url.search}`;
      await relayUpgrade(switching, upstreamOf(remote), path, identityHeaders(user));
      return;
    }
    const target = info.served;
    const handler = target === undefined ? undefined : upgrades[target.subresource];
    if (target === undefined || handler === undefined) throw new StatusError(pathNotFound());
    const { requests } = server.metrics;
    const series = requests.seriesOf(exchange, target);
    this.#handled(exchange, series);
    const ended = requests.longRunning.begin(series, target);
    try {
      await handler(contextOf(server, exchange, user, target, false), switching);
    } catch (error) {
      exchange.statusCode ||= statusOf(error).code ?? 500;
      throw error;
    } finally {
      ended();
      requests.count(series, exchange, performance.now() - exchange.handledSince, undefined);
    }
  }

  async #answer(exchange: Exchange, info: RequestInfo, isLong: boolean): Promise<void> {
    const user = await this.#identifier.identify(exchange, info, isLong);
    const leave = await this.#limit.enter(exchange, user, info);
    if (leave === undefined) {
      this.#countRefusal(exchange, info);
      return;
    }
    try {
      await this.#identifier.authorize(exchange, user, info);
      await this.#dispatch(exchange, info, user, isLong);
    } finally {
      leave();
    }
  }

  #countRefusal(exchange: Exchange, { served }: RequestInfo): void {
    const { requests } = this.#options.server.metrics;
    if (served !== undefined) requests.refused(requests.seriesOf(exchange, served));
  }

  /** From here on its handler answers for it. */
  #handled(exchange: Exchange, series: RequestSeries | undefined): void {
    exchange.series = series;
    exchange.handledSince = performance.now();
  }

  async #dispatch(exchange: Exchange, info: RequestInfo, user: User, isLong: boolean): Promise<void> {
    const { server, documents, aggregator } = this.#options;
    const { requests } = server.metrics;
    if (info.isNowhere === true) throw new StatusError(pathNotFound());
    const remote = aggregator.remoteFor(info.path);
    if (remote !== undefined) {
      aggregator.checkAvailable(remote);
      const path = `${exchange.url.pathname}${exchange.url.search}`;
      await relay(exchange, upstreamOf(remote), path, identityHeaders(user));
      return;
    }
    if (info.resource === undefined || info.resource === '') {
      if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw new StatusError(verbNotAllowed());
      if (exchange.method === 'GET') this.#handled(exchange, requests.seriesOfPath(info.path));
      if (operational.test(info.path)) await this.#operate(exchange);
      else if (isDebugPath(info.path)) await this.#options.debug.answer(exchange);
      else if (isIssuerPath(info.path))
        await answerIssuer(exchange, server.tokens?.signer, this.#options.address);
      else await documents.answer(exchange);
      return;
    }
    const target = info.served;
    if (target === undefined) throw this.#notServed(info);
    const isServed = methods.has(exchange.method) || (exchange.method === 'HEAD' && isProxied(target));
    const handler = isServed ? handlerOf(target) : undefined;
    if (isOfNoObject(target)) throw new StatusError(pathNotFound());
    if (handler === undefined || isOfNoNamespace(target)) throw new StatusError(verbNotAllowed());
    const series = requests.seriesOf(exchange, target);
    this.#handled(exchange, series);
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

  /** What a custom resource has no such part of is answered as if it were not there itself. */
  #notServed({ group = '', version = '', resource = '', name, subresource }: RequestInfo): StatusError {
    const kind = this.#options.server.registry.lookup(group, version, resource);
    const isPart = kind?.custom !== undefined && subresource !== '' && name !== '';
    return new StatusError(isPart ? notFound({ group, resource }, name) : pathNotFound());
  }

  async #operate(exchange: Exchange): Promise<void> {
    const { health, exposition } = this.#options;
    const { request, response, headers: ownHeaders } = exchange;
    const writeHead = (status: number, headers: Record<string, string>): void => {
      exchange.statusCode = status;
      response.writeHead(status, { ...headers, ...ownHeaders });
    };
    const end = (body?: string): unknown => response.end(body);
    if (!(await handleOps(request, { writeHead, end }, health, exposition)))
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

function isWatch({ verb, resource }: RequestInfo): boolean {
  return verb === 'watch' && resource !== undefined;
}

/** What is passed on to a node takes every method. */
function isProxied({ subresource }: ResourceRequest): boolean {
  return subresource === 'proxy' || subresource.startsWith('proxy/');
}

/** Across namespaces, what lies in one can be listed and watched, and nothing else. */
function isOfNoNamespace({ info, namespace, verb, name }: ResourceRequest): boolean {
  if (!info.namespaced || namespace !== '' || name !== '') return false;
  return verb === 'create' || verb === 'deletecollection';
}

const named: readonly string[] = ['get', 'update', 'patch', 'delete'];

/** Whether it names an object of a kind that has none to name, such as a review: there is no such path. */
function isOfNoObject({ info, name, subresource }: ResourceRequest): boolean {
  return name !== '' && subresource === '' && !info.verbs.some((verb) => named.includes(verb));
}

/** False for what nobody meant to answer. */
function isExpected(error: unknown): boolean {
  return error instanceof StatusError || (statusOf(error).code ?? 500) < 500;
}

function tooManyLong(): StatusError {
  return new StatusError(tooManyRequests('Too many requests, please try again later.'));
}
