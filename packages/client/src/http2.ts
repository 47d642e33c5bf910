/**
 * HTTP/2: one connection per endpoint for all requests and watches, on the engine of our own (`@timonier/grpc/web-client`),
 * which also finds out when a server is gone. A connection is opened when a request needs it, and again when it was lost
 * or the server asked to go elsewhere.
 */
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebClientConnection } from '@timonier/grpc/web-client';
import {
  type Endpoint,
  type Patience,
  serverNameOf,
  type TlsIdentity,
  type TransportRequest,
  type TransportResponse,
} from './endpoint.ts';
import { ConnectionError } from './errors.ts';

type Link = WebClientConnection | 'http1';

export class Http2Transport {
  readonly #identity: TlsIdentity;
  readonly #patience: Patience;
  readonly #links = new Map<string, Promise<Link>>();
  #closed = false;

  constructor(identity: TlsIdentity, patience: Patience) {
    this.#identity = identity;
    this.#patience = patience;
  }

  /** `'http1'` when the server does not speak HTTP/2; nothing was sent then. */
  async send(endpoint: Endpoint, request: TransportRequest): Promise<TransportResponse | 'http1'> {
    const where = endpoint.socketPath ?? endpoint.url.host;
    if (this.#closed) throw new ConnectionError(`${request.method} ${where}: the client is closed`, false);
    if (request.signal?.aborted === true) throw abortedError(request, where);
    let link = this.#links.get(where);
    if (link === undefined) {
      link = this.#connect(endpoint, where);
      this.#links.set(where, link);
      link.catch(() => this.#links.delete(where));
    }
    const connected = await unlessAborted(link, request, where);
    return connected === 'http1' ? 'http1' : exchange(connected, endpoint, request, where);
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) {
      link.then(
        (connected) => connected === 'http1' || connected.destroy('the client is closed'),
        () => undefined,
      );
    }
    this.#links.clear();
  }

  async #connect(endpoint: Endpoint, where: string): Promise<Link> {
    const socket = await this.#handshake(endpoint, where);
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return 'http1';
    }
    const link = new WebClientConnection(socket, () => this.#links.delete(where));
    if (this.#closed) link.destroy('the client is closed');
    return link;
  }

  #handshake({ url, socketPath }: Endpoint, where: string): Promise<TLSSocket> {
    const { ca, cert, key, insecureSkipVerify } = this.#identity;
    const servername = serverNameOf(url, this.#identity);
    return new Promise((resolve, reject) => {
      const socket = connectTls({
        ...(socketPath === undefined
          ? { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) }
          : { path: socketPath }),
        ...(servername === undefined ? {} : { servername }),
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        rejectUnauthorized: insecureSkipVerify !== true,
        ALPNProtocols: ['h2', 'http/1.1'],
      });
      const fail = (reason: string, cause?: unknown): void => {
        clearTimeout(deadline);
        socket.destroy();
        reject(new ConnectionError(`cannot connect to ${where}: ${reason}`, false, cause));
      };
      const { answerMs, handshakeMs } = this.#patience;
      const within = (ms: number): NodeJS.Timeout =>
        setTimeout(() => fail(`no connection within ${ms} ms`), ms);
      let deadline = within(answerMs);
      socket.once('connect', () => {
        clearTimeout(deadline);
        deadline = within(handshakeMs);
      });
      socket.once('error', (error) => fail(error.message, error));
      socket.once('close', () => fail('the server closed the connection'));
      socket.once('secureConnect', () => {
        clearTimeout(deadline);
        socket.removeAllListeners('error');
        socket.removeAllListeners('close');
        // Whatever becomes of it before somebody listens again is seen when it is used.
        socket.on('error', () => undefined);
        socket.setNoDelay(true);
        resolve(socket);
      });
    });
  }
}

function exchange(
  link: WebClientConnection,
  endpoint: Endpoint,
  request: TransportRequest,
  where: string,
): Promise<TransportResponse> {
  const { method, path, headers, body, signal, timeoutMs } = request;
  return new Promise((resolve, reject) => {
    let cancel = (_why: string): void => undefined;
    const fail = (reason: string, sent: boolean, cause?: unknown): void => {
      settle();
      reject(new ConnectionError(`${method} ${where}: ${reason}`, sent, cause));
    };
    let last: NodeJS.Immediate | undefined;
    const deadline = setTimeout(() => {
      // A busy process hears of the time before it reads what has come meanwhile: an answer that is there counts.
      last = setImmediate(() => {
        fail(`no answer within ${timeoutMs} ms`, true);
        cancel('no answer in time');
      });
    }, timeoutMs);
    const onAbort = (): void => {
      settle();
      reject(abortedError(request, where));
      cancel('the request was given up');
    };
    const settle = (): void => {
      clearTimeout(deadline);
      clearImmediate(last);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      cancel = link.request(
        {
          method,
          path,
          authority: endpoint.url.host,
          headers,
          body: typeof body === 'string' ? Buffer.from(body) : body,
        },
        {
          answered: (answer) => {
            settle();
            resolve(answer);
          },
          failed: (error, unseen) => fail(error.message, !unseen, error),
        },
      );
    } catch (error) {
      // What no header can carry: no server will take it, now or later.
      settle();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function unlessAborted<T>(work: Promise<T>, request: TransportRequest, where: string): Promise<T> {
  const { signal } = request;
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(request, where));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function abortedError(request: TransportRequest, where: string): ConnectionError {
  return new ConnectionError(`${request.method} ${where}: aborted`, true, request.signal?.reason);
}
