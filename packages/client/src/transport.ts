/**
 * One request to one endpoint over TLS, by a keep-alive agent. An endpoint is an `https://host:port` or a unix
 * socket. It answers as soon as the response's headers are there; the body is a stream.
 *
 * Invariant: every send ends within its deadline, and an error says whether the request may have been seen by a
 * server (`ConnectionError.sent`), which decides whether it may be repeated.
 */
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Socket } from 'node:net';
import { ConnectionError } from './errors.ts';

export interface TlsIdentity {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** For kubeconfigs that ask for it by name; never set by this project. */
  readonly insecureSkipVerify?: boolean;
  readonly serverName?: string;
}

export interface Endpoint {
  readonly url: URL;
  readonly socketPath?: string;
}

export interface TransportRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the response's headers. */
  readonly timeoutMs: number;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

export class Transport {
  readonly #identity: TlsIdentity;
  readonly #connectTimeoutMs: number;
  #agent: Agent;

  constructor(identity: TlsIdentity, connectTimeoutMs: number) {
    this.#identity = identity;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#agent = newAgent();
  }

  send(endpoint: Endpoint, request: TransportRequest): Promise<TransportResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    const { url, socketPath } = endpoint;
    const { ca, cert, key, insecureSkipVerify, serverName } = this.#identity;
    const hostName = serverName ?? (isAddress(url.hostname) ? undefined : url.hostname);
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
    const connectDeadline = setTimeout(() => {
      if (!connected) fail(`no connection within ${this.#connectTimeoutMs} ms`);
    }, this.#connectTimeoutMs);
    const onAbort = (): void => fail('aborted', request.signal?.reason);
    const settle = (): void => {
      clearTimeout(deadline);
      clearTimeout(connectDeadline);
      request.signal?.removeEventListener('abort', onAbort);
    };
    outgoing.on('socket', (socket: Socket) => {
      if (outgoing.reusedSocket) connected = true;
      else socket.once('secureConnect', () => (connected = true));
    });
    outgoing.on('error', (error: Error) => fail(error.message, error));
    outgoing.on('response', (incoming) => {
      if (done) {
        incoming.destroy();
        return;
      }
      done = true;
      settle();
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming });
    });
    if (request.signal?.aborted === true) onAbort();
    else request.signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.end(request.body);
    return promise;
  }

  /** Ends every connection, busy or idle, so that the next request opens a fresh one. */
  reset(): void {
    this.#agent.destroy();
    this.#agent = newAgent();
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

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

/** Reads a whole body within a deadline and a size. Rejects with `ConnectionError` when it breaks. */
export async function readBody(body: Readable, timeoutMs: number, maxBytes: number): Promise<Buffer> {
  const timer = setTimeout(
    () => body.destroy(new Error(`the answer did not end within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ConnectionError(error instanceof Error ? error.message : String(error), true, error);
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks, size);
}
