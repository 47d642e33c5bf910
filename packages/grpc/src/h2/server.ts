/**
 * The lean gRPC server: sockets in, connections out, services looked up by path.
 *
 * Speaks HTTP/2 with prior knowledge on plain sockets and by ALPN on TLS. A connection that speaks HTTP/1 instead is
 * handed to whoever wants it, told by its first bytes, or on TLS by what it offers; requests over HTTP/2 that are no
 * gRPC go to one handler for all. Stopping tells every client to go
 * elsewhere, waits for running calls within the grace given, and then ends what is left.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type {
  BidiHandler,
  ServerImplementation,
  ServerStreamHandler,
  ServerTls,
  UnaryHandler,
  WebHandler,
} from '../calls.ts';
import type { MethodDefinition } from '../proto.ts';
import { Connections } from './connections.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Route } from './stream.ts';
import { webRoute } from './web.ts';

/** Takes over a connection that speaks HTTP/1; its first bytes were put back. */
export type Http1Acceptor = (socket: Socket) => void;

const prefaceStart = Buffer.from('PRI * HTTP/2.0');

export class LeanServer implements ServerImplementation {
  readonly #limits: Limits;
  readonly #http1: Http1Acceptor | undefined;
  /** Where requests over HTTP/2 go that are no gRPC. */
  readonly #web: Route | undefined;
  readonly #secureWeb: Route | undefined;
  /** Connections that were handed over. */
  readonly #others = new Set<Socket>();
  readonly #routes = new Map<string, Route>();
  readonly #listeners: Server[] = [];
  readonly #connections: Connections;

  constructor(limits: Partial<Limits> = {}, http1?: Http1Acceptor, web?: WebHandler) {
    if (web !== undefined) {
      this.#web = webRoute(web, false);
      this.#secureWeb = webRoute(web, true);
    }
    this.#limits = { ...defaultLimits, ...limits };
    this.#http1 = http1;
    this.#connections = new Connections(this.#limits);
  }

  add(methods: readonly (readonly [MethodDefinition, unknown])[]): void {
    for (const [method, handler] of methods) this.#routes.set(method.path, route(method, handler));
  }

  bind(address: string, tls: ServerTls | undefined): Promise<number> {
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, (socket) => this.#sniff(socket))
        : this.#secure(tls);
    server.maxConnections = this.#limits.maxConnections;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(listenOptions(address), () => {
        server.off('error', reject);
        // Such as EMFILE on accept: the client is refused, the listener goes on.
        server.on('error', () => undefined);
        this.#listeners.push(server);
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  }

  #secure(tls: ServerTls): Server {
    const required = tls.requireClientCertificate === true;
    const server = createTlsServer(
      {
        cert: tls.cert,
        key: tls.key,
        ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
        requestCert: required,
        rejectUnauthorized: required,
        ALPNProtocols: this.#protocols(),
        minVersion: tls.minVersion ?? 'TLSv1.2',
        ...(tls.crl === undefined ? {} : { crl: tls.crl }),
        ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
        noDelay: true,
        handshakeTimeout: this.#limits.handshakeMs,
      },
      (socket: TLSSocket) => {
        if (socket.alpnProtocol === 'h2') this.#accept(socket);
        else if (this.#http1 === undefined) socket.destroy();
        else this.#handOver(socket, this.#http1);
      },
    );
    // A failed handshake concerns that client only.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  /** In our order of preference. Without a handler for more, HTTP/2 is for gRPC clients, which offer nothing else. */
  #protocols(): string[] {
    if (this.#http1 === undefined) return ['h2'];
    return this.#web === undefined ? ['http/1.1', 'h2'] : ['h2', 'http/1.1'];
  }

  /** Waits for the bytes that tell HTTP/2 from HTTP/1. */
  #sniff(socket: Socket): void {
    const http1 = this.#http1;
    if (http1 === undefined) {
      this.#accept(socket);
      return;
    }
    let seen: Buffer = Buffer.alloc(0);
    const late = setTimeout(() => socket.destroy(), this.#limits.handshakeMs);
    const fail = (): void => void socket.destroy();
    const look = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const compared = Math.min(seen.length, prefaceStart.length);
      const same = seen.compare(prefaceStart, 0, compared, 0, compared) === 0;
      if (same && compared < prefaceStart.length) return;
      leave();
      if (same) {
        this.#accept(socket, seen);
        return;
      }
      socket.pause();
      socket.unshift(seen);
      this.#handOver(socket, http1);
    };
    const leave = (): void => {
      clearTimeout(late);
      socket.off('data', look);
      socket.off('error', fail);
      socket.off('end', fail);
      socket.off('close', leave);
      this.#others.delete(socket);
    };
    this.#others.add(socket);
    socket.on('data', look);
    socket.on('error', fail);
    socket.on('end', fail);
    socket.on('close', leave);
  }

  #handOver(socket: Socket, http1: Http1Acceptor): void {
    this.#others.add(socket);
    socket.once('close', () => this.#others.delete(socket));
    http1(socket);
  }

  #accept(socket: Socket, first?: Buffer): void {
    const web = socket instanceof TLSSocket ? this.#secureWeb : this.#web;
    this.#connections.accept(socket, this.#routes, web, first);
  }

  async shutdown(graceMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    // What was handed over is ended by whoever took it, or here when that does not happen in time.
    setTimeout(() => {
      for (const socket of this.#others) socket.destroy();
    }, graceMs).unref();
    await this.#connections.shutdown(graceMs);
  }
}

function route(method: MethodDefinition, handler: unknown): Route {
  if (method.requestStream && !method.responseStream)
    throw new TypeError(`${method.path}: client-streaming methods are not supported`);
  // The shapes of the handlers were checked where the service was added.
  return {
    method,
    unary: method.responseStream ? undefined : (handler as UnaryHandler<object, object>),
    serverStream:
      method.responseStream && !method.requestStream
        ? (handler as ServerStreamHandler<object, object>)
        : undefined,
    bidi: method.requestStream ? (handler as BidiHandler<object, object>) : undefined,
  };
}

function listenOptions(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
