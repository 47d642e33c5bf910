/**
 * The connections of a server: each socket with the state machine that speaks on it, from the first byte to the last, the
 * clock that all of them are looked at by, and how they end together.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Limits } from './limits.ts';
import { ServerConnection } from './server-connection.ts';
import type { Route } from './stream.ts';

export class Connections {
  readonly #limits: Limits;
  readonly #all = new Map<Socket, ServerConnection>();
  readonly #ticker: NodeJS.Timeout;
  #leaving = false;
  /** Called when the last connection is gone, while stopping. */
  #emptied: (() => void) | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#ticker = setInterval(() => this.#tick(), limits.tickMs);
    this.#ticker.unref();
  }

  /** Speaks HTTP/2 on a socket: gRPC, and for the rest, or without `routes` for all, `web`. `first` was read already. */
  accept(
    socket: Socket,
    routes: ReadonlyMap<string, Route> | undefined,
    web: Route | undefined,
    first?: Buffer,
  ): void {
    const connection = new ServerConnection(
      socket,
      routes,
      this.#limits,
      peerOf(socket),
      clientNameOf(socket),
      web,
    );
    this.#all.set(socket, connection);
    socket.on('data', (chunk: Buffer) => connection.feed(chunk));
    socket.on('drain', () => connection.drained());
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.on('end', () => connection.closed());
    socket.once('close', () => {
      connection.closed();
      this.#all.delete(socket);
      this.#ifEmpty();
    });
    if (first !== undefined) connection.feed(first);
    if (this.#leaving) connection.leave();
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#all.values()) connection.tick(now);
  }

  /** Asks every client to go elsewhere, now and in future; what runs goes on. */
  leave(): void {
    this.#leaving = true;
    for (const connection of this.#all.values()) connection.leave();
    this.#ifEmpty();
  }

  #ifEmpty(): void {
    if (this.#all.size > 0 || !this.#leaving) return;
    clearInterval(this.#ticker);
    this.#emptied?.();
  }

  /** Resolves when all are gone: by themselves, or after the grace because they are ended. */
  async shutdown(graceMs: number): Promise<void> {
    this.leave();
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      const abandon = setTimeout(() => {
        for (const connection of this.#all.values()) connection.abandon();
      }, graceMs);
      const destroy = setTimeout(() => {
        for (const socket of this.#all.keys()) socket.destroy();
      }, graceMs + 200);
      this.#emptied = () => {
        clearTimeout(abandon);
        clearTimeout(destroy);
        resolve();
      };
      // Those without anything to do may have gone at once.
      if (this.#all.size === 0) this.#emptied();
    });
  }
}

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return 'unix';
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** Tells the common name of a client certificate that an authority of ours signed, and reads it once. */
function clientNameOf(socket: Socket): () => string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return () => undefined;
  let known: { readonly name: string | undefined } | undefined;
  return () => (known ??= { name: commonName(socket) }).name;
}

function commonName(socket: TLSSocket): string | undefined {
  // Null, against its type, once the connection is gone.
  const certificate = socket.getPeerCertificate() as ReturnType<TLSSocket['getPeerCertificate']> | null;
  const name: unknown = certificate?.subject?.CN;
  return typeof name === 'string' ? name : undefined;
}
