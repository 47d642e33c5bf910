/**
 * The way to one server: a connection that is opened when the first call needs it and again when it is lost.
 *
 * Calls wait while a connection is being opened. When that fails they fail, and so does every call that comes within
 * the pause before the next try, so that a server that is away costs its callers no time. A call is repeated only if
 * the server certainly did not look at it, and once.
 */
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { GrpcError, Status } from '../error.ts';
import type { ClientCall } from './client-call.ts';
import { ClientConnection } from './client-connection.ts';
import { Keepalive, type KeepaliveOptions, Pace } from './keepalive.ts';

export interface ChannelTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly serverName?: string | undefined;
}

const firstPauseMs = 100;
const lastPauseMs = 1_000;
const connectTimeoutMs = 10_000;
const maxWaiting = 10_000;
/** As much as Node reads at once where it allocates by itself. */
const readBytes = 64 * 1024;

type Waiter = { readonly resolve: () => void; readonly reject: (error: GrpcError) => void };

export class ClientChannel {
  readonly #target: string;
  readonly #tls: ChannelTls | undefined;
  readonly #pace: Pace | undefined;
  #keepalive: Keepalive | undefined;
  #connection: ClientConnection | undefined;
  /** Being opened; undefined when none is. */
  #opening: Socket | undefined;
  readonly #sockets = new Set<Socket>();
  /** Calls that wait for the connection that is being opened. */
  #waiting = new Set<ClientCall>();
  readonly #repeated = new WeakSet<ClientCall>();
  #waiters: Waiter[] = [];
  #pauseMs = firstPauseMs;
  #pausedUntil = 0;
  #problem = '';
  #closed = false;

  /** `target`: `host:port` or `unix:/path`. Without `keepalive` a server that falls silent is found out by deadlines alone. */
  constructor(target: string, tls: ChannelTls | undefined, keepalive?: KeepaliveOptions) {
    this.#target = target;
    this.#tls = tls;
    if (keepalive !== undefined) this.#pace = new Pace(keepalive);
  }

  start(call: ClientCall): void {
    if (this.#closed) {
      call.finish(new GrpcError(Status.UNAVAILABLE, 'the client is closed'));
      return;
    }
    const connection = this.#connection;
    if (connection !== undefined) {
      this.#keepalive?.used();
      connection.start(call);
      return;
    }
    if (this.#opening === undefined && performance.now() < this.#pausedUntil) {
      call.finish(this.#unreachable());
      return;
    }
    if (this.#waiting.size >= maxWaiting) {
      call.finish(new GrpcError(Status.RESOURCE_EXHAUSTED, `${maxWaiting} calls wait for ${this.#target}`));
      return;
    }
    this.#waiting.add(call);
    if (this.#opening === undefined) this.#open();
  }

  /** Ends a call with an error from this side. */
  cancel(call: ClientCall, error: GrpcError): void {
    if (call.over) return;
    if (this.#waiting.delete(call) || call.carrier === undefined) call.finish(error);
    else call.carrier.cancel(call, error);
  }

  /** Resolves when there is a connection. Tries until it is closed; the caller bounds the time. */
  ready(): Promise<void> {
    if (this.#connection !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#opening === undefined) this.#openAfterPause();
    });
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy(new Error('the client is closed'));
    this.#connection?.closed('the client is closed');
    this.#fail(new GrpcError(Status.UNAVAILABLE, 'the client is closed'));
  }

  #openAfterPause(): void {
    const pause = Math.max(0, this.#pausedUntil - performance.now());
    setTimeout(() => {
      if (!this.#closed && this.#opening === undefined && this.#connection === undefined) this.#open();
    }, pause);
  }

  #open(): void {
    let feed: ((chunk: Buffer) => void) | undefined;
    const socket = dial(this.#target, this.#tls, (chunk) => feed?.(chunk));
    this.#opening = socket;
    this.#sockets.add(socket);
    let problem = 'closed';
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    socket.on('error', (error) => (problem = error.message));
    socket.once(this.#tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      const { alpnProtocol } = socket as Partial<TLSSocket>;
      if (this.#tls !== undefined && alpnProtocol !== 'h2')
        socket.destroy(new Error('the server does not speak HTTP/2 over TLS'));
      else feed = this.#connected(socket, () => problem);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      if (this.#opening !== socket) return;
      this.#opening = undefined;
      this.#problem = problem;
      this.#pausedUntil = performance.now() + this.#pauseMs * (0.8 + Math.random() * 0.4);
      this.#pauseMs = Math.min(lastPauseMs, this.#pauseMs * 1.6);
      this.#fail(this.#unreachable());
      if (this.#waiters.length > 0) this.#openAfterPause();
    });
  }

  /** Returns what takes what is read. */
  #connected(socket: Socket, problem: () => string): (chunk: Buffer) => void {
    this.#opening = undefined;
    this.#pauseMs = firstPauseMs;
    this.#pausedUntil = 0;
    let isBusy = false;
    const keepalive =
      this.#pace &&
      new Keepalive(this.#pace, {
        isBusy: () => isBusy,
        ask: () => connection.ping(),
        lost: () => socket.destroy(new Error('the server answered nothing, not even a PING')),
      });
    const connection: ClientConnection = new ClientConnection(socket, {
      retired: () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#keepalive = undefined;
      },
      unserved: (call) => this.#again(call),
      busy: (busy) => {
        isBusy = busy;
        // A connection that carries nothing does not keep the process alive.
        if (busy) socket.ref();
        else socket.unref();
      },
      flooded: () => this.#pace?.slowDown(),
    });
    const feed = (chunk: Buffer): void => {
      keepalive?.heard();
      connection.feed(chunk);
    };
    this.#keepalive = keepalive;
    this.#connection = connection;
    // Not before: what comes with the end of TLS's handshake waits for somebody to listen.
    if (this.#tls !== undefined) socket.on('data', feed);
    socket.on('drain', () => connection.drained());
    socket.once('close', () => {
      keepalive?.stop();
      connection.closed(problem());
    });
    socket.unref();
    const calls = [...this.#waiting];
    this.#waiting.clear();
    if (calls.length > 0) keepalive?.used();
    for (const call of calls) connection.start(call);
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    return feed;
  }

  /** A call that the server did not look at. */
  #again(call: ClientCall): void {
    if (call.over) return;
    if (this.#repeated.has(call) || !call.restart()) {
      call.finish(
        new GrpcError(Status.UNAVAILABLE, 'No connection established: the server refused the call'),
      );
      return;
    }
    this.#repeated.add(call);
    // Behind what the connection is doing.
    queueMicrotask(() => {
      if (!call.over) this.start(call);
    });
  }

  #unreachable(): GrpcError {
    return new GrpcError(
      Status.UNAVAILABLE,
      `No connection established to ${this.#target}: ${this.#problem}`,
    );
  }

  #fail(error: GrpcError): void {
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) call.finish(error);
    if (!this.#closed) return;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

/** Without TLS `read` is given what was read once there is a connection, and may keep nothing of it. */
function dial(target: string, tls: ChannelTls | undefined, read: (chunk: Buffer) => void): Socket {
  const where = target.startsWith('unix:')
    ? { path: target.slice('unix:'.length).replace(/^\/\/(?=\/)/, '') }
    : hostAndPort(target);
  const socket =
    tls === undefined
      ? connectSocket({ ...where, onread: readingInto(Buffer.allocUnsafeSlow(readBytes), read) })
      : connectTls({
          ...where,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          ...serverNameOf(tls, 'host' in where ? where.host : ''),
          ALPNProtocols: ['h2'],
        });
  socket.setNoDelay(true);
  return socket;
}

/** The same memory for everything that is read: a store that is loaded is hundreds of megabytes of chunks otherwise. */
function readingInto(
  memory: Buffer,
  read: (chunk: Buffer) => void,
): { buffer: Buffer; callback: (bytes: number) => boolean } {
  return {
    buffer: memory,
    callback: (bytes) => {
      read(memory.subarray(0, bytes));
      return true;
    },
  };
}

/** What the certificate must be for. Addresses are checked too, and are no names that TLS can ask for. */
function serverNameOf(tls: ChannelTls, host: string): Partial<ConnectionOptions> {
  const name = tls.serverName ?? host;
  return {
    ...(name === '' || isIP(name) !== 0 ? {} : { servername: name }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

function hostAndPort(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(':');
  return { host: target.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(target.slice(colon + 1)) };
}
