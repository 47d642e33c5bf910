/**
 * A connection that another member opened to this one: the hello that says who calls, and then either the frames of the
 * group or those of one snapshot (bulk).
 *
 * Invariant: nothing is handed on, and little is kept, before a hello named the same cluster. A byte that cannot be read,
 * and an error of whoever takes a frame, end the connection; so does time, for whoever says nothing or does not hang up.
 */
import type { Socket } from 'node:net';
import type { NodeId } from '@timonier/raft';
import { BulkReader } from './bulk-frames.ts';
import { giveBack } from '@timonier/component/give-back';
import { encodeFrame, FrameReader, type Hello, type PeerFrame, peerProtocol } from './peer-wire.ts';
import type { BulkReceiver, TransportOptions } from './transport-options.ts';

const helloTimeoutMs = 3_000;
/** After so long without a byte a sender of bulk is given up. */
const bulkIdleMs = 60_000;

export class Incoming {
  readonly #socket: Socket;
  readonly #options: TransportOptions;
  readonly #reader = FrameReader.ofStranger();
  readonly #timer: NodeJS.Timeout;
  readonly #joined: (incoming: Incoming) => void;
  /** Everything was said, and the other side is to hang up. */
  #isOver = false;
  #from: NodeId | undefined;
  #bulk: BulkIntake | undefined;

  /** `closed` is called once, when the connection is gone; `joined` when it turned out to be for the frames of a member. */
  constructor(
    socket: Socket,
    options: TransportOptions,
    { joined, closed }: { joined: (incoming: Incoming) => void; closed: (incoming: Incoming) => void },
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#joined = joined;
    this.#timer = setTimeout(() => socket.destroy(), helloTimeoutMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#timer);
      this.#bulk?.close();
      closed(this);
    });
  }

  /** Who opened it, once it said so. */
  get from(): NodeId | undefined {
    return this.#from;
  }

  /** Whether it is for one snapshot. */
  get isBulk(): boolean {
    return this.#bulk !== undefined;
  }

  /** Ends it at once; `closed` follows. */
  destroy(): void {
    this.#socket.destroy();
  }

  #data(chunk: Buffer): void {
    if (this.#isOver) return;
    const { log, onBytes } = this.#options;
    try {
      if (this.#from !== undefined) onBytes?.(this.#from, 'received', chunk.length);
      if (this.#bulk !== undefined) this.#bulk.take(chunk);
      else this.#frames(chunk);
    } catch (error) {
      log.error({ err: error, peer: this.#from }, 'peer connection ended by an error');
      this.#socket.destroy();
    }
  }

  #frames(chunk: Buffer): void {
    for (const frame of this.#reader.push(chunk)) {
      if (this.#from !== undefined) {
        this.#options.onFrame(this.#from, frame);
        continue;
      }
      this.#first(frame);
      if (this.#from === undefined) return;
      if (this.#bulk !== undefined) {
        this.#bulk.take(this.#reader.takeRest());
        return;
      }
    }
  }

  /** A member says hello; somebody who wants to become one asks who the members are. */
  #first(frame: PeerFrame): void {
    if (frame.rosterCall === undefined) {
      this.#welcome(frame.hello);
      return;
    }
    const roster = this.#options.roster?.();
    if (roster !== undefined) this.#socket.write(encodeFrame({ roster }));
    this.#hangUp();
  }

  #hangUp(): void {
    this.#isOver = true;
    this.#socket.end();
  }

  #welcome(hello: Hello | undefined): void {
    const { cluster, member, log, onCalled, onBulk, isRemoved } = this.#options;
    const socket = this.#socket;
    const refusal = refusalOf(hello, this.#options);
    const removed = refusal !== '' && hello?.cluster === cluster && isRemoved?.(hello.member) === true;
    socket.write(encodeFrame({ hello: { cluster, member, protocol: peerProtocol, refusal, removed } }));
    if (hello === undefined || refusal !== '') {
      log.warn({ refusal }, 'refused a peer connection');
      this.#hangUp();
      return;
    }
    clearTimeout(this.#timer);
    this.#reader.trust();
    this.#from = hello.member;
    onCalled?.(hello.member, hello.urls ?? []);
    if (hello.bulk !== true) {
      this.#joined(this);
      return;
    }
    this.#bulk = new BulkIntake(socket, onBulk(hello.member), log);
    socket.setTimeout(bulkIdleMs, () => socket.destroy());
  }
}

/** Why whoever says this is not let in; empty for a member. */
function refusalOf(
  hello: Hello | undefined,
  { cluster, member, isRemoved }: Pick<TransportOptions, 'cluster' | 'member' | 'isRemoved'>,
): string {
  if (hello === undefined) return 'the first frame must be a hello';
  if (hello.cluster !== cluster)
    return `member ${hello.member} belongs to cluster ${hello.cluster}, this is cluster ${cluster}`;
  if (hello.protocol !== peerProtocol) return `peer protocol ${hello.protocol} is not spoken here`;
  // A replaced member's address is its successor's now, which may read of it in an old log.
  if (hello.member === member) return `this is member ${member} itself, called at the address of another`;
  if (isRemoved?.(hello.member) === true) return `member ${hello.member} was removed from the cluster`;
  return '';
}

/** Hands the frames of one snapshot on, one after the other, and reads no further until they are worked off. */
class BulkIntake {
  readonly #socket: Socket;
  readonly #receiver: BulkReceiver;
  readonly #log: TransportOptions['log'];
  readonly #reader = new BulkReader();
  #tail = Promise.resolve();
  #waiting = 0;

  constructor(socket: Socket, receiver: BulkReceiver, log: TransportOptions['log']) {
    this.#socket = socket;
    this.#receiver = receiver;
    this.#log = log;
  }

  /** Takes what the socket read, whose memory is somebody else's afterwards. */
  take(chunk: Buffer): void {
    const socket = this.#socket;
    for (const { frame, release } of this.#reader.push(chunk)) {
      socket.pause();
      this.#waiting += 1;
      this.#tail = this.#tail
        .then(() => this.#receiver.frame(frame))
        .then(() => {
          release();
          if (frame.snapshotEnd !== undefined) socket.write(encodeFrame({ snapshotEnd: frame.snapshotEnd }));
          this.#waiting -= 1;
          // Nothing more is read until all that came is worked off, however many frames a read brought.
          if (this.#waiting === 0) socket.resume();
        })
        .catch((error: unknown) => {
          this.#log.warn({ err: error }, 'snapshot refused');
          socket.destroy();
        });
    }
    giveBack(chunk);
  }

  /** The connection is gone. */
  close(): void {
    void this.#tail.finally(() => this.#receiver.closed());
  }
}
