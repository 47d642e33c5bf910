/** HTTP/1.1 over a keep-alive agent, for servers that do not speak HTTP/2. */
import { Agent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import {
  type Endpoint,
  type Patience,
  serverNameOf,
  type TlsIdentity,
  type TransportRequest,
  type TransportResponse,
} from './endpoint.ts';
import { ConnectionError } from './errors.ts';

export class Http1Transport {
  readonly #identity: TlsIdentity;
  readonly #patience: Patience;
  readonly #agent = newAgent();

  constructor(identity: TlsIdentity, patience: Patience) {
    this.#identity = identity;
    this.#patience = patience;
  }

  send(endpoint: Endpoint, request: TransportRequest): Promise<TransportResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    const { url, socketPath } = endpoint;
    const { ca, cert, key, insecureSkipVerify } = this.#identity;
    const hostName = serverNameOf(url, this.#identity);
    let connected = false;
    let done = false;
    const outgoing = httpsRequest({
      agent: this.#agent,
      ...(socketPath === undefined
        ? { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) }
        : { socketPath }),
      ...(hostName === undefined ? {} : { servername: hostName }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      rejectUnauthorized: insecureSkipVerify !== true,
      method: request.method,
      path: request.path,
      headers: {
        ...request.headers,
        host: url.host,
        ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
      },
    });
    const where = socketPath ?? url.host;
    const fail = (reason: string, cause?: unknown): void => {
      if (done) return;
      done = true;
      settle();
      outgoing.destroy();
      reject(new ConnectionError(`${request.method} ${where}: ${reason}`, connected, cause));
    };
    const deadline = setTimeout(
      () => fail(`no answer within ${request.timeoutMs} ms`),
      Math.min(request.timeoutMs, 2 ** 31 - 1),
    );
    const within = (ms: number): NodeJS.Timeout =>
      setTimeout(() => connected || fail(`no connection within ${ms} ms`), ms);
    let connectDeadline = within(this.#patience.answerMs);
    const onAbort = (): void => fail('aborted', request.signal?.reason);
    const settle = (): void => {
      clearTimeout(deadline);
      clearTimeout(connectDeadline);
      request.signal?.removeEventListener('abort', onAbort);
    };
    outgoing.on('socket', (socket: Socket) => {
      if (outgoing.reusedSocket) connected = true;
      else {
        socket.once('connect', () => {
          clearTimeout(connectDeadline);
          connectDeadline = within(this.#patience.handshakeMs);
        });
        socket.once('secureConnect', () => (connected = true));
      }
    });
    outgoing.on('error', (error: Error) => fail(error.message, error));
    outgoing.on('response', (incoming) => {
      if (done) {
        incoming.destroy();
        return;
      }
      done = true;
      settle();
      resolve({
        status: incoming.statusCode ?? 0,
        header: (name) => {
          const value = incoming.headers[name];
          return typeof value === 'string' ? value : value?.[0];
        },
        body: incoming,
      });
    });
    if (request.signal?.aborted === true) onAbort();
    else request.signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.end(request.body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function newAgent(): Agent {
  return new Agent({
    keepAlive: true,
    keepAliveMsecs: 1_000,
    maxFreeSockets: 4,
    timeout: 0,
    scheduling: 'lifo',
  });
}
