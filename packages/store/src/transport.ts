/**
 * Connections between members. Each member opens one connection to every other and sends over it; what it receives
 * comes over the connections others opened. A closed connection is reported at once: it is the fastest sign that a
 * process died.
 *
 * Invariant: frames from a member arrive only after its hello named the same cluster. A connection whose send queue
 * is full drops frames (the consensus core tolerates loss) and says so.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as tlsConnect, createServer as createTlsServer } from 'node:tls';
import { portHolder } from '@timonier/component';
import type { NodeId } from '@timonier/raft';
import { BulkReader, framePieces } from './bulk-frames.ts';
import { giveBack } from './give-back.ts';
import { Outgoing } from './outgoing.ts';
import {
  encodeFrame,
  FrameReader,
  type Hello,
  type PeerFrame,
  peerProtocol,
  type Roster,
} from './peer-wire.ts';

export interface PeerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

export interface TransportLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A connection opened for one snapshot. */
export interface BulkReceiver {
  /** Nothing in the frame may be used once this resolved. */
  frame(frame: PeerFrame): Promise<void>;
  closed(): void;
}

export interface TransportOptions {
  readonly cluster: string;
  readonly member: NodeId;
  readonly tls: PeerTls | undefined;
  readonly log: TransportLog;
  readonly onFrame: (from: NodeId, frame: PeerFrame) => void;
  /** A connection that was established is gone. */
  readonly onClosed: (peer: NodeId) => void;
  readonly onConnected: (peer: NodeId) => void;
  readonly onBulk: (from: NodeId) => BulkReceiver;
  /** Where this member is reached, told to everyone it calls. */
  readonly urls?: readonly string[];
  /** A member called, and said where it is reached. */
  readonly onCalled?: (from: NodeId, urls: readonly string[]) => void;
  /** Whether a member was taken out of the group for good: it is refused and told why. */
  readonly isRemoved?: (member: NodeId) => boolean;
  /** Another member says that this one was. */
  readonly onRemoved?: (by: NodeId) => void;
  /** The answer to somebody who wants to join. */
  readonly roster?: () => Roster;
  readonly onBytes?: (peer: NodeId, direction: 'sent' | 'received', bytes: number) => void;
}

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

const helloTimeoutMs = 3_000;
const maxEarly = 64;
/** After so long without a byte a sender of bulk is given up. */
const bulkIdleMs = 60_000;

export class Transport {
  readonly #options: TransportOptions;
  readonly #outgoing = new Map<NodeId, Outgoing>();
  /** By whom each was opened, once it said so. */
  readonly #incoming = new Map<Socket, NodeId | undefined>();
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
    for (const [socket, from] of this.#incoming) if (from === id) socket.destroy();
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
    const socket = this.#open(address);
    const timer = setTimeout(() => socket.destroy(new Error(`no progress in ${idleMs} ms`)), idleMs);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once(this.#options.tls === undefined ? 'connect' : 'secureConnect', resolve);
        socket.once('error', reject);
      });
      const { cluster, member } = this.#options;
      socket.write(encodeFrame({ hello: { cluster, member, protocol: peerProtocol, bulk: true } }));
      const ended = new Promise<void>((resolve, reject) => {
        let confirmed = false;
        const reader = new FrameReader();
        socket.on('data', (chunk) => {
          for (const frame of reader.push(chunk)) {
            if (frame.hello?.refusal) reject(new Error(frame.hello.refusal));
            if (frame.snapshotEnd !== undefined) confirmed = true;
          }
          if (confirmed) resolve();
        });
        socket.once('close', () => reject(new Error('connection closed before the end was confirmed')));
        socket.once('error', reject);
      });
      // A member may confirm too early: what has not left is not its sender's to give back.
      const broken = ended.then(() => new Promise<never>(() => undefined));
      broken.catch(() => undefined);
      for await (const frame of frames) {
        if (socket.destroyed) break;
        const pieces = framePieces(frame);
        let bytes = 0;
        for (const piece of pieces) bytes += piece.length;
        this.#options.onBytes?.(to, 'sent', bytes);
        await Promise.race([writeAll(socket, pieces), broken]);
        for (const value of frame.snapshotChunk?.values ?? []) giveBack(value);
        timer.refresh();
      }
      await ended;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const peer of this.#outgoing.values()) peer.close();
    for (const socket of [...this.#incoming.keys(), ...(this.#early ?? [])]) socket.destroy();
    for (const server of this.#servers.splice(0))
      await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #open(address: PeerAddress): Socket {
    return openPeerSocket(address, this.#options.tls);
  }

  #accept(socket: Socket): void {
    const { cluster, member, log, onFrame, onClosed, onBulk, onBytes, isRemoved } = this.#options;
    if (this.#early !== undefined) {
      // Nothing is read before a listener for data is there; a peer that gives up connects again.
      socket.on('error', () => undefined);
      if (this.#early.length < maxEarly) this.#early.push(socket);
      else socket.destroy();
      return;
    }
    this.#incoming.set(socket, undefined);
    socket.setNoDelay(true);
    const reader = new FrameReader();
    let from: NodeId | undefined;
    let bulk: BulkReceiver | undefined;
    const bulkReader = new BulkReader();
    let tail = Promise.resolve();
    let waiting = 0;
    const timer = setTimeout(() => socket.destroy(), helloTimeoutMs);
    const welcome = (hello: Hello | undefined): void => {
      clearTimeout(timer);
      const refusal =
        hello === undefined
          ? 'the first frame must be a hello'
          : hello.cluster !== cluster
            ? `member ${hello.member} belongs to cluster ${hello.cluster}, this is cluster ${cluster}`
            : hello.protocol !== peerProtocol
              ? `peer protocol ${hello.protocol} is not spoken here`
              : hello.member === member
                ? // A replaced member's address is its successor's now, which may read of it in an old log.
                  `this is member ${member} itself, called at the address of another`
                : isRemoved?.(hello.member) === true
                  ? `member ${hello.member} was removed from the cluster`
                  : '';
      const removed = refusal !== '' && hello?.cluster === cluster && isRemoved?.(hello.member) === true;
      socket.write(encodeFrame({ hello: { cluster, member, protocol: peerProtocol, refusal, removed } }));
      if (hello === undefined || refusal !== '') {
        log.warn({ refusal }, 'refused a peer connection');
        socket.end();
        return;
      }
      from = hello.member;
      this.#incoming.set(socket, from);
      this.#options.onCalled?.(from, hello.urls ?? []);
      if (hello.bulk === true) {
        bulk = onBulk(from);
        socket.setTimeout(bulkIdleMs, () => socket.destroy());
      }
    };
    const takeBulk = (receiver: BulkReceiver, chunk: Buffer): void => {
      for (const { frame, release } of bulkReader.push(chunk)) {
        socket.pause();
        waiting += 1;
        tail = tail
          .then(() => receiver.frame(frame))
          .then(() => {
            release();
            if (frame.snapshotEnd !== undefined)
              socket.write(encodeFrame({ snapshotEnd: frame.snapshotEnd }));
            waiting -= 1;
            // Nothing more is read until all that came is worked off, however many frames a read brought.
            if (waiting === 0) socket.resume();
          })
          .catch((error: unknown) => {
            log.warn({ err: error }, 'snapshot refused');
            socket.destroy();
          });
      }
      giveBack(chunk);
    };
    socket.on('data', (chunk) => {
      try {
        if (from !== undefined) onBytes?.(from, 'received', chunk.length);
        if (bulk !== undefined) {
          takeBulk(bulk, chunk);
          return;
        }
        for (const frame of reader.push(chunk)) {
          if (from === undefined) {
            if (frame.rosterCall !== undefined) {
              clearTimeout(timer);
              const roster = this.#options.roster?.();
              if (roster !== undefined) socket.write(encodeFrame({ roster }));
              socket.end();
              return;
            }
            welcome(frame.hello);
            if (from === undefined) return;
            if (bulk !== undefined) {
              takeBulk(bulk, reader.takeRest());
              return;
            }
          } else onFrame(from, frame);
        }
      } catch (error) {
        log.error({ err: error, peer: from }, 'peer connection ended by an error');
        socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#incoming.delete(socket);
      if (bulk !== undefined) {
        const receiver = bulk;
        void tail.finally(() => receiver.closed());
      } else if (from !== undefined && !this.#closed) onClosed(from);
    });
  }
}

/** Resolves when all of them were handed to the system, in one go where it can. */
async function writeAll(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.cork();
    for (const [i, piece] of pieces.entries())
      if (i < pieces.length - 1) socket.write(piece);
      else socket.write(piece, (error) => (error == null ? resolve() : reject(error)));
    socket.uncork();
  });
}

/** A connection to a member, which its caller must watch for errors. */
export function openPeerSocket(address: PeerAddress, tls: PeerTls | undefined): Socket {
  if (tls === undefined) return connect({ host: address.host, port: address.port, noDelay: true });
  const socket = tlsConnect({
    host: address.host,
    port: address.port,
    cert: tls.cert,
    key: tls.key,
    ...(tls.ca === undefined ? { rejectUnauthorized: false } : { ca: tls.ca }),
    // Members are known by the authority that signed them and by the cluster's id, not by their host's name:
    // addresses change, and a certificate need not list them.
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  return socket;
}
