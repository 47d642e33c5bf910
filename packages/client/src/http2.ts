/**
 * HTTP/2: one connection per endpoint for all requests and watches. While requests are open the connection is pinged,
 * and one on which nothing arrives for some seconds is ended with all that is open on it: a server that lost its power
 * or its link sends no reset, and TCP alone would wait for minutes.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  type Endpoint,
  type Patience,
  serverNameOf,
  type TlsIdentity,
  type TransportRequest,
  type TransportResponse,
} from './endpoint.ts';
import { ConnectionError } from './errors.ts';

const pingEveryMs = 1_000;
/** Pings in a row without an answer or any other byte. Counted, not timed: time passes while we ourselves are stopped. */
const maxUnanswered = 4;
/** Window for list bodies; Node's default of 64 KiB costs a round trip each. */
const windowBytes = 4 * 1024 * 1024;

interface Link {
  readonly session: ClientHttp2Session;
  readonly socket: TLSSocket;
  open: number;
  unanswered: number;
  bytesRead: number;
  timer: NodeJS.Timeout | undefined;
}

export class Http2Transport {
  readonly #identity: TlsIdentity;
  readonly #patience: Patience;
  readonly #links = new Map<string, Promise<Link | 'http1'>>();
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
        (connected) => connected === 'http1' || connected.session.destroy(),
        () => undefined,
      );
    }
    this.#links.clear();
  }

  async #connect(endpoint: Endpoint, where: string): Promise<Link | 'http1'> {
    const socket = await this.#handshake(endpoint, where);
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return 'http1';
    }
    const session = connectHttp2(endpoint.url, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    session.setLocalWindowSize(windowBytes);
    const link: Link = { session, socket, open: 0, unanswered: 0, bytesRead: 0, timer: undefined };
    const forget = (): void => {
      clearInterval(link.timer);
      this.#links.delete(where);
    };
    session.on('error', forget);
    session.on('close', forget);
    session.on('goaway', forget);
    if (this.#closed) session.destroy();
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
        socket.setNoDelay(true);
        resolve(socket);
      });
    });
  }
}

function exchange(
  link: Link,
  endpoint: Endpoint,
  request: TransportRequest,
  where: string,
): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    let stream: ClientHttp2Stream;
    try {
      stream = link.session.request(
        {
          ...request.headers,
          [constants.HTTP2_HEADER_METHOD]: request.method,
          [constants.HTTP2_HEADER_PATH]: request.path,
          [constants.HTTP2_HEADER_AUTHORITY]: endpoint.url.host,
        },
        { endStream: request.body === undefined },
      );
    } catch (error) {
      // The session ended between looking it up and using it.
      const reason = error instanceof Error ? error.message : String(error);
      reject(new ConnectionError(`${request.method} ${where}: ${reason}`, false, error));
      return;
    }
    let done = false;
    const settle = (): void => {
      done = true;
      clearTimeout(deadline);
      request.signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: ConnectionError): void => {
      if (done) return;
      settle();
      stream.close(constants.NGHTTP2_CANCEL);
      reject(error);
    };
    const deadline = setTimeout(
      () =>
        fail(
          new ConnectionError(`${request.method} ${where}: no answer within ${request.timeoutMs} ms`, true),
        ),
      request.timeoutMs,
    );
    const onAbort = (): void => fail(abortedError(request, where));
    request.signal?.addEventListener('abort', onAbort, { once: true });
    stream.on('error', (error) =>
      fail(new ConnectionError(`${request.method} ${where}: ${error.message}`, true, error)),
    );
    stream.on('close', () => {
      fail(new ConnectionError(`${request.method} ${where}: the connection ended without an answer`, true));
      released(link);
    });
    stream.on('response', (headers: IncomingHttpHeaders) => {
      if (done) return;
      settle();
      resolve({ status: Number(headers[':status'] ?? 0), headers, body: stream });
    });
    held(link);
    if (request.body !== undefined) stream.end(request.body);
  });
}

/** Pings go on while anything is open; an idle connection costs nothing. */
function held(link: Link): void {
  link.open += 1;
  if (link.open > 1 || link.timer !== undefined) return;
  link.unanswered = 0;
  link.timer = setInterval(() => {
    const { bytesRead } = link.socket;
    if (bytesRead !== link.bytesRead) link.unanswered = 0;
    link.bytesRead = bytesRead;
    if (link.unanswered >= maxUnanswered) {
      link.session.destroy(new Error(`${link.unanswered} pings were not answered`));
      return;
    }
    link.unanswered += 1;
    if (!link.session.destroyed) link.session.ping(() => (link.unanswered = 0));
  }, pingEveryMs);
}

function released(link: Link): void {
  link.open -= 1;
  if (link.open > 0) return;
  clearInterval(link.timer);
  link.timer = undefined;
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
