/**
 * Requests to switch protocols: exec, attach, port-forward and what is proxied to are joined with a connection to somebody
 * else, and not looked into from then on; watches and logs over WebSockets are served like any others, and only their answers go
 * out in messages.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pathNotFound, StatusError } from '@timonier/api/statuses';
import type { Aggregator } from '../aggregation/aggregator.ts';
import { upstreamFor } from '../aggregation/proxy.ts';
import { identityHeaders, type RemoteServer } from '../aggregation/remote.ts';
import { contextOf } from '../pipeline/context.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { Identifier } from '../pipeline/identify.ts';
import type { LimitStage } from '../pipeline/limit.ts';
import { respondError, statusOf } from '../pipeline/respond.ts';
import type { JudgingServer } from '../request-context.ts';
import { upgrades } from '../verbs/index.ts';
import { Exchange } from './exchange.ts';
import { Http1Request } from './http1.ts';
import { knownRequestInfo } from './known-request-info.ts';
import { isLongRunning, isWatch, type LongRunning } from './long-running.ts';
import { relayUpgrade, type Switching } from './relay-upgrade.ts';
import { readRequestInfo, type RequestInfo } from './request-info.ts';
import { parseTarget } from './request-target.ts';
import { SocketResponse } from './socket-response.ts';
import { byteMessages, type ChooseForm, eventMessages } from './web-socket-forms.ts';
import { isWebSocketRequest } from './web-socket-request.ts';
import { WebSocketResponse } from './web-socket-response.ts';

export interface UpgradeRouterOptions {
  readonly server: JudgingServer;
  readonly aggregator: Aggregator;
  readonly identifier: Identifier;
  readonly limit: LimitStage;
  readonly longRunning: LongRunning;
  /** Serves what is answered in messages like a request that switches nothing; never rejects. */
  readonly serve: (exchange: Exchange, info: RequestInfo, started: number) => Promise<void>;
}

export class UpgradeRouter {
  readonly #options: UpgradeRouterOptions;

  constructor(options: UpgradeRouterOptions) {
    this.#options = options;
  }

  /** Whether there is something behind a request that can switch protocols. */
  switches({ method = '', url = '', headers }: IncomingMessage): boolean {
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

  /** Serves one to its end; never rejects. `head` is what has come of the connection behind the request. */
  async serve(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
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
      await this.#options.serve(new Exchange(new Http1Request(request), messages), info, started);
      return;
    }
    try {
      const onAnswer = (statusCode: number): void => {
        exchange.statusCode = statusCode;
        exchange.audit?.started();
      };
      const isIdentity = (name: string): boolean => exchange.isIdentity?.(name) === true;
      await this.#join(exchange, info, { request, socket, head, onAnswer, isIdentity });
    } catch (error) {
      exchange.audit?.failed(statusOf(error));
      await respondError(exchange, error).catch(() => undefined);
      response.end();
    } finally {
      exchange.audit?.stage('ResponseComplete');
    }
  }

  /** Resolves when a connection that switched protocols has ended. */
  async #join(exchange: Exchange, info: RequestInfo, switching: Switching): Promise<void> {
    const { aggregator, identifier, longRunning } = this.#options;
    const user = await identifier.identify(exchange, info, true);
    const ended = longRunning.hold(user, () => this.#countRefusal(exchange, info));
    try {
      const remote = aggregator.remoteFor(info.path);
      if (remote === undefined) await this.#joinOwn(exchange, info, user, switching);
      else await this.#joinRemote(exchange, info, user, remote, switching);
    } finally {
      ended();
    }
  }

  /** A seat is held until both sides speak with each other: before that it costs what any request does. */
  async #joinRemote(
    exchange: Exchange,
    info: RequestInfo,
    user: User,
    remote: RemoteServer,
    switching: Switching,
  ): Promise<void> {
    const { aggregator, identifier, limit } = this.#options;
    const leave = await limit.enter(exchange, user, info);
    if (leave === undefined) {
      this.#countRefusal(exchange, info);
      return;
    }
    let hasLeft = false;
    const leaveOnce = (): void => {
      if (!hasLeft) leave();
      hasLeft = true;
    };
    const onAnswer = (statusCode: number): void => {
      switching.onAnswer(statusCode);
      if (statusCode === 101) leaveOnce();
    };
    try {
      await identifier.authorize(exchange, user, info);
      if (info.isNowhere === true) throw new StatusError(pathNotFound());
      aggregator.checkAvailable(remote);
      // As it was authorized, and not as it was written.
      const path = `${exchange.url.pathname}${exchange.url.search}`;
      const upstream = upstreamFor(remote, isLongRunning(info));
      await relayUpgrade({ ...switching, onAnswer }, upstream, path, identityHeaders(user));
    } finally {
      leaveOnce();
    }
  }

  #countRefusal(exchange: Exchange, { served }: RequestInfo): void {
    this.#options.server.metrics.requests.refused(exchange, served);
  }

  async #joinOwn(exchange: Exchange, info: RequestInfo, user: User, switching: Switching): Promise<void> {
    const { server, identifier } = this.#options;
    await identifier.authorize(exchange, user, info);
    if (info.isNowhere === true) throw new StatusError(pathNotFound());
    const target = info.served;
    const handler = target === undefined ? undefined : upgrades[target.subresource];
    if (target === undefined || handler === undefined) throw new StatusError(pathNotFound());
    const { requests } = server.metrics;
    const series = requests.seriesOf(exchange, target);
    exchange.handledAs(series);
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
}
