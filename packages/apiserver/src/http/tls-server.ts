/**
 * The HTTPS server behind a front: HTTP/2, on the engine of our gRPC, and HTTP/1.1, by Node's server, as each client
 * chooses. Client certificates are asked for but not demanded, so that health and version stay open to everyone.
 */
import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type Server as Http1Server,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { WebConnections } from '@timonier/grpc/web';
import { endWith } from '@timonier/streaming';
import { Doorway } from './doorway.ts';
import { maxFields, refusalOf } from './head-refusal.ts';
import { Http1Request, Http1Response } from './http1.ts';
import { Http2Request, Http2Response } from './http2.ts';
import { Origins } from './origin.ts';
import { OwedAnswers } from './owed-answers.ts';
import { StartQueue } from './start-queue.ts';
import type { Router } from './router.ts';

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
  /** How long a client over HTTP/1.1 may take nothing of what there is for it. */
  readonly stall: number;
  /** How often all of these are looked at. */
  readonly checking: number;
}

const handshakeTimeoutMs = 10_000;
/**
 * A client that is stopped for a while, or whose user reads page by page, goes on where it was. One that is gone the
 * kernel tells by itself.
 */
const stallMs = 300_000;
/** Upstream's, but for a request whose body does not end, and for a client that takes nothing, which have no limit there. */
const defaultLimits: ConnectionLimits = {
  head: 32_000,
  request: 300_000,
  idle: 90_000,
  stall: stallMs,
  checking: 5_000,
};
/** As upstream. */
const maxHeadBytes = 1 << 20;
const http2 = {
  maxConcurrentStreams: 1_000,
  /** Of bodies that no handler reads yet; all streams of a connection together hold 64 MiB at most. */
  streamWindow: 64 * 1024,
  maxHeaderListBytes: maxHeadBytes,
  maxHeaderBlockBytes: maxHeadBytes,
  maxContinuations: 64,
  /**
   * How many streams a client may reset at once, and how many a second in the long run: more are an attack, and end the
   * connection. A client that stops all its watches resets as many as it has; one of Go resets each stream whose answer
   * comes before the end of its body.
   */
  idleFrames: 4_000,
  idleFramesPerSecond: 1_000,
  stallMs,
  keepaliveTimeoutMs: 300_000,
  requestMs: 300_000,
};

export class TlsServer {
  readonly #tls: Server;
  readonly #http1: Http1Server;
  readonly #http2: WebConnections;
  readonly #doorway = new Doorway();
  readonly #origins = new Origins();
  readonly #owed = new OwedAnswers();
  readonly #starts: StartQueue;

  constructor(tls: ServerTls, router: Router, starts = new StartQueue()) {
    const limits = { ...defaultLimits, ...tls.limits };
    this.#starts = starts;
    this.#http1 = http1Server(router, limits, starts, this.#owed);
    this.#http2 = new WebConnections(
      (call, socket) => {
        const came = performance.now();
        const serve = (): Promise<void> => {
          const request = new Http2Request(call, socket);
          return router.serve(request, new Http2Response(call, request.method), came);
        };
        if (starts.admits()) return serve();
        return new Promise((resolve) => {
          const waiting = starts.wait(socket, () => resolve(serve()));
          // Whoever gives up while it waits is not waited for, and gets no answer.
          call.onGone(() => {
            starts.leave(waiting);
            resolve();
          });
        });
      },
      { ...http2, idleMs: limits.idle, tickMs: limits.checking },
    );
    this.#tls = createServer(
      {
        cert: tls.cert,
        key: tls.key,
        ca: tls.clientCa,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        handshakeTimeout: handshakeTimeoutMs,
        ALPNProtocols: ['h2', 'http/1.1'],
      },
      (socket: TLSSocket) => {
        this.#origins.recognize(socket);
        if (socket.alpnProtocol === 'h2') this.#http2.accept(socket);
        else this.#speakHttp1(socket);
      },
    );
    // Failed handshakes are the client's affair.
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  #speakHttp1(socket: TLSSocket): void {
    this.#http1.emit('connection', socket);
    this.#owed.follow(socket);
    socket.once('close', () => this.#starts.leaveAll(socket));
  }

  /** How many requests have come and have not begun. */
  get waiting(): number {
    return this.#starts.length;
  }

  /** `origin` is the address of the connection's client, where somebody else has passed it on. */
  accept(socket: Socket, origin = ''): void {
    this.#origins.tell(socket, origin);
    const leave = this.#doorway.enter(() => {
      if (!socket.destroyed) this.#tls.emit('connection', socket);
    });
    socket.once('close', leave);
  }

  /** Takes no new requests; those under way go on. */
  close(): void {
    this.#doorway.close();
    this.#http2.leave();
    this.#http1.close();
  }
}

function http1Server(
  router: Router,
  limits: ConnectionLimits,
  starts: StartQueue,
  owed: OwedAnswers,
): Http1Server {
  const server = createHttp1Server({
    headersTimeout: limits.head,
    requestTimeout: limits.request,
    keepAliveTimeout: limits.idle,
    connectionsCheckingInterval: limits.checking,
    maxHeaderSize: maxHeadBytes,
    // Of everything else the wish is not heard (RFC 9110, 7.8), and the request is one like others.
    shouldUpgradeCallback: (request) => router.switches(request),
  });
  // Node begins to watch over slow requests when a server listens; this one is handed its connections.
  server.emit('listening');
  server.maxHeadersCount = maxFields;
  server.timeout = limits.stall;
  server.on('timeout', (socket) => {
    if (owed.isUnneeded(socket)) socket.destroy();
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    // A client that goes away is seen as the end of its exchange; as an error it would end the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    // Node's parser leaves off behind a wish to switch protocols, heard or not, and what has come behind it is lost: its client
    // must know that it is asked again for that.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    const came = performance.now();
    const serve = (): void => {
      // It may have been given up in this very turn, before its connection is seen to close.
      if (response.destroyed) return;
      void router.serve(new Http1Request(request), new Http1Response(request, response), came);
    };
    owed.add(socket, response, () => {
      const refusal = refusalOf(request);
      if (refusal !== undefined) {
        response.shouldKeepAlive = false;
        response.writeHead(refusal).end();
      } else if (starts.admits()) serve();
      else starts.wait(socket, serve);
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    if (!owed.release(socket)) return;
    const refusal = refusalOf(request);
    if (refusal !== undefined)
      endWith(
        socket,
        `HTTP/1.1 ${refusal} ${STATUS_CODES[refusal]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
    else void router.serveUpgrade(request, socket, head);
  });
  return server;
}
