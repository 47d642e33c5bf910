/**
 * Connections between members. Each member opens one connection to every other (outgoing.ts) and sends over it; what it
 * receives comes over the connections others opened (incoming.ts). A closed connection is reported at once: it is the
 * fastest sign that a process died.
 *
 * A connection whose send queue is full drops frames (the consensus core tolerates loss) and says so.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { portHolder } from '@timonier/component';
import type { NodeId } from '@timonier/raft';
import { sendBulk } from './bulk-sending.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import { openPeerSocket, type PeerAddress } from './peer-socket.ts';
import { encodeFrame, type PeerFrame } from './peer-wire.ts';
import type { TransportOptions } from './transport-options.ts';

/** Connections that wait for `begin`; others are refused, and their members try again. */
const maxEarly = 64;

export class Transport {
  readonly #options: TransportOptions;
  readonly #outgoing = new Map<NodeId, Outgoing>();
  readonly #incoming = new Set<Incoming>();
  readonly #servers: Server[] = [];
  /** Connections that came before `begin`; undefined once it was called. */
  #early: Socket[] | undefined = [];
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Listens on each address. Rejects with one sentence when one cannot be had. */
  async listen(address: PeerAddress): Promise<number> {
    const { tls } = this.#options;
    const accept = (socket: Socket): void => this.#accept(socket);
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, accept)
        : createTlsServer(
            {
              cert: tls.cert,
              key: tls.key,
              ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
            },
            accept,
          );
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? portHolder(address.port) : error.message;
        reject(
          new Error(`cannot listen for peers on ${address.host}:${address.port}: ${why}`, { cause: error }),
        );
      });
      server.listen(address.port, address.host, resolve);
    });
    server.on('error', (error) => this.#options.log.error({ err: error }, 'peer listener failed'));
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : address.port;
  }

  /** Takes frames from now on. The port is claimed earlier, so that a conflict shows before data is touched. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const socket of early) if (!socket.destroyed) this.#accept(socket);
  }

  /** Keeps a connection to a member from now on, at this address. */
  addPeer(id: NodeId, address: PeerAddress): void {
    if (this.#closed) return;
    const known = this.#outgoing.get(id);
    if (known !== undefined) known.moveTo(address);
    else this.#outgoing.set(id, new Outgoing(id, address, this.#options, (at) => this.#open(at)));
  }

  /** Ends the connection to a member; one that was removed for good also loses its own. */
  removePeer(id: NodeId): void {
    this.#outgoing.get(id)?.close();
    this.#outgoing.delete(id);
    if (this.#options.isRemoved?.(id) !== true) return;
    for (const incoming of this.#incoming) if (incoming.from === id) incoming.destroy();
  }

  /** Whether a connection to the member stands. */
  connected(id: NodeId): boolean {
    return this.#outgoing.get(id)?.ready === true;
  }

  /** Queues a frame; false when it was dropped because there is no connection or no room. */
  send(to: NodeId, frame: PeerFrame): boolean {
    return this.sendEncoded(to, encodeFrame(frame));
  }

  /** The same for a frame that `encodeFrame` made, which may go to several members. */
  sendEncoded(to: NodeId, bytes: Buffer): boolean {
    return this.#outgoing.get(to)?.send(bytes) ?? false;
  }

  /** Lets go at once what was queued in this turn. */
  flush(): void {
    for (const peer of this.#outgoing.values()) peer.flush();
  }

  /**
   * Sends frames over a connection of their own and resolves when the member has confirmed the last one. The next
   * frame is asked for when the one before has left; rejects when nothing moves for `idleMs`. Values of chunks are given
   * away: their memory is somebody else's afterwards.
   */
  async sendBulk(to: NodeId, frames: AsyncIterable<PeerFrame>, idleMs: number): Promise<void> {
    const address = this.#outgoing.get(to)?.address;
    if (address === undefined) throw new Error(`member ${to} has no address`);
    const { cluster, member, tls, onBytes } = this.#options;
    await sendBulk(this.#open(address), frames, {
      cluster,
      member,
      tls,
      onSent: (bytes) => onBytes?.(to, 'sent', bytes),
      idleMs,
    });
  }

  /** Ends all connections, and resolves when nothing listens any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const peer of this.#outgoing.values()) peer.close();
    for (const one of [...this.#incoming, ...(this.#early ?? [])]) one.destroy();
    for (const server of this.#servers.splice(0))
      await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #open(address: PeerAddress): Socket {
    return openPeerSocket(address, this.#options.tls);
  }

  #accept(socket: Socket): void {
    if (this.#early !== undefined) {
      // Nothing is read before a listener for data is there; a peer that gives up connects again.
      socket.on('error', () => undefined);
      if (this.#early.length < maxEarly) this.#early.push(socket);
      else socket.destroy();
      return;
    }
    const incoming = new Incoming(socket, this.#options, {
      joined: () => this.#supersede(incoming),
      closed: ({ from, isBulk }) => {
        const isKnown = this.#incoming.delete(incoming);
        if (isKnown && from !== undefined && !isBulk && !this.#closed) this.#options.onClosed(from);
      },
    });
    this.#incoming.add(incoming);
  }

  /**
   * A member has one connection for its frames. When it opens another one it has given the last one up, which this side, where
   * nothing is sent on it, would not learn; nobody is told that it is closed, for the member is there.
   */
  #supersede(by: Incoming): void {
    for (const one of this.#incoming) {
      if (one === by || one.from !== by.from || one.isBulk) continue;
      this.#incoming.delete(one);
      one.destroy();
    }
  }
}
