/**
 * The HTTPS server behind a front: HTTP/1.1 and HTTP/2 on the same connections, client certificates asked for but not
 * demanded, so that health and version stay open to everyone.
 */
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { IncomingMessage, ServerOptions as HttpServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { Doorway } from './doorway.ts';
import type { HttpRequest, HttpResponse } from './exchange.ts';
import type { Router } from './router.ts';
import { forgetListeners, forgetStreams } from './stream-memory.ts';

export interface ServerTls {
  readonly cert: Buffer | string;
  readonly key: Buffer | string;
  /** Authorities that may sign client certificates. */
  readonly clientCa: Buffer | string | (Buffer | string)[];
  readonly limits?: Partial<ConnectionLimits>;
}

/** All in milliseconds. */
export interface ConnectionLimits {
  /** For the head of a request over HTTP/1.1. */
  readonly head: number;
  /** For a whole request over HTTP/1.1, also when nobody reads its body. */
  readonly request: number;
  /** How long a connection may have nothing to do. */
  readonly idle: number;
  /** How often the first two are looked at. */
  readonly checking: number;
}

const handshakeTimeoutMs = 10_000;
const maxStreams = 1_000;
/** Upstream's, but for a request whose body nobody reads, which has no limit there. */
const defaultLimits: ConnectionLimits = { head: 32_000, request: 65_000, idle: 90_000, checking: 5_000 };
/**
 * How many streams a client may reset at once, and how many a second in the long run: more are an attack, and end the
 * connection. A client that stops all its watches resets as many as it has; one of Go resets each stream whose answer
 * comes before the end of its body.
 */
const resets = { burst: 4 * maxStreams, rate: maxStreams };
/** As upstream. */
const maxHeadBytes = 1 << 20;

export class TlsServer {
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<{ close(): void }>();
  readonly #doorway = new Doorway();

  constructor(tls: ServerTls, router: Router) {
    const limits = { ...defaultLimits, ...tls.limits };
    // Node's HTTP/2 server takes these as its HTTP/1.1 server does; its types do not say so.
    const http1: HttpServerOptions = {
      headersTimeout: limits.head,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: limits.checking,
      maxHeaderSize: maxHeadBytes,
    };
    this.#server = createSecureServer({
      allowHTTP1: true,
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeTimeoutMs,
      settings: { maxConcurrentStreams: maxStreams, initialWindowSize: 256 * 1024 },
      maxSessionMemory: 64,
      streamResetBurst: resets.burst,
      streamResetRate: resets.rate,
      ...http1,
    });
    // Node begins to watch over slow requests when a server listens; this one is handed its connections.
    this.#server.emit('listening');
    this.#server.on('request', (request, response) => {
      // A client that goes away is seen as the end of its exchange; as an error it would end the process.
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      // Both have what an exchange needs; their own types disagree in the details.
      void router.serve(request as unknown as HttpRequest, response as unknown as HttpResponse).then(() => {
        if (request.httpVersionMajor === 2) forgetListeners(request, response);
      });
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void router.serveUpgrade(request, socket, head);
    });
    this.#server.on('session', (session) => {
      forgetStreams(session);
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
      closeWhenIdle(session, limits.idle);
    });
    // Failed handshakes and broken connections are the client's affair.
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('sessionError', () => undefined);
  }

  accept(socket: Socket): void {
    const leave = this.#doorway.enter(() => {
      if (!socket.destroyed) this.#server.emit('connection', socket);
    });
    socket.once('close', leave);
  }

  /** Takes no new requests; those under way go on. */
  close(): void {
    this.#doorway.close();
    for (const session of this.#sessions) session.close();
    this.#server.close();
  }
}

/** A session without streams is ended after a while, as is one that never says anything. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  session.on('stream', (stream) => {
    open++;
    stream.once('close', () => {
      open--;
    });
  });
  session.setTimeout(idleMs, () => {
    if (open === 0) session.close();
  });
}
