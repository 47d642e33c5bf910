/**
 * The connection this member keeps open to another one: opened again whenever it ends, with growing pauses. A reason
 * why it cannot be had is logged when it changes, not at every attempt.
 */
import type { Socket } from 'node:net';
import { setUserTimeout } from '@timonier/linux/user-timeout';
import type { NodeId } from '@timonier/raft';
import type { PeerAddress } from './peer-socket.ts';
import { encodeFrame, FrameReader, peerProtocol } from './peer-wire.ts';
import type { TransportOptions } from './transport-options.ts';

const queueBytes = 64 * 1024 * 1024;
const firstBackoffMs = 20;
const lastBackoffMs = 1_000;
const helloTimeoutMs = 3_000;
/**
 * Far longer than an election takes: it is for a host that went silently and comes back, which would otherwise get
 * nothing before the kernel sends again to the connection of its former life.
 */
const defaultSilenceMs = 4_000;

export class Outgoing {
  #address: PeerAddress;
  readonly #id: NodeId;
  readonly #options: TransportOptions;
  readonly #open: (address: PeerAddress) => Socket;
  #socket: Socket | undefined;
  #ready = false;
  #corked = false;
  #backoffMs = firstBackoffMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #lastProblem = '';

  constructor(
    id: NodeId,
    address: PeerAddress,
    options: TransportOptions,
    open: (address: PeerAddress) => Socket,
  ) {
    this.#id = id;
    this.#address = address;
    this.#options = options;
    this.#open = open;
    this.#connect();
  }

  get address(): PeerAddress {
    return this.#address;
  }

  /** Connects there from now on. A connection that stands stays: what ends the member at its old place ends it, too. */
  moveTo(address: PeerAddress): void {
    this.#address = address;
    if (!this.#ready) this.#socket?.destroy();
  }

  /** Whether the other side has said that it is the member that is meant. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Queues bytes; false when they were dropped, because it does not stand or 64 MiB wait already. */
  send(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (!this.#ready || socket === undefined || socket.writableLength > queueBytes) {
      this.#options.onDropped?.(this.#id);
      return false;
    }
    // Frames of one turn leave in one packet.
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => this.flush());
    }
    socket.write(bytes);
    this.#options.onBytes?.(this.#id, 'sent', bytes.length);
    return true;
  }

  /** Lets go what was queued in this turn. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket?.uncork();
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(): void {
    const { cluster, member, tls, log, urls = [], silenceMs = defaultSilenceMs } = this.#options;
    const { onConnected, onClosed, onRemoved } = this.#options;
    const socket = this.#open(this.#address);
    this.#socket = socket;
    // Nothing else than a hello ever comes back.
    const reader = FrameReader.ofStranger();
    const timer = setTimeout(() => socket.destroy(new Error('no hello in time')), helloTimeoutMs);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      // Where the kernel has no such thing, it ends later.
      setUserTimeout(socket, silenceMs);
      socket.write(encodeFrame({ hello: { cluster, member, protocol: peerProtocol, urls } }));
    });
    socket.on('data', (chunk) => {
      try {
        for (const { hello } of reader.push(chunk)) {
          clearTimeout(timer);
          const refusal = hello?.refusal ?? '';
          if (hello?.removed === true) onRemoved?.(this.#id);
          const stranger = hello?.member === this.#id ? '' : `${hello?.member ?? 'nobody'} answered`;
          if (refusal !== '' || stranger !== '') socket.destroy(new Error(refusal || stranger));
          else if (!this.#ready) {
            this.#ready = true;
            this.#backoffMs = firstBackoffMs;
            this.#lastProblem = '';
            log.info({ peer: this.#id }, 'connected to peer');
            onConnected(this.#id);
          }
        }
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', (error) => {
      if (error.message === this.#lastProblem || this.#closed) return;
      this.#lastProblem = error.message;
      log.warn({ peer: this.#id, address: this.#address, reason: error.message }, 'no connection to peer');
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const was = this.#ready;
      this.#ready = false;
      this.#corked = false;
      this.#socket = undefined;
      if (this.#closed) return;
      if (was) onClosed(this.#id);
      this.#timer = setTimeout(() => this.#connect(), this.#backoffMs);
      this.#backoffMs = Math.min(lastBackoffMs, this.#backoffMs * 1.5);
    });
  }
}
