/**
 * One WebSocket seen as channels, from either end: readable channels that stop the socket while nobody reads them,
 * writable channels that finish a write when the bytes have left the process, and a heartbeat that ends a connection
 * whose other end has vanished.
 *
 * Invariant: at most one high-water mark per readable channel, in a bounded number of messages, and one message per writable
 * channel are buffered here; a slow reader slows the sender through TCP.
 */
import { Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { channel, type ChannelProtocol, frame } from './protocol.ts';
import { fitToWait } from './waiting.ts';

const highWaterMark = 256 * 1024;
/** That wait to be read: each takes memory beside its bytes, of which it may have one. */
const maxMessages = 4_096;
const heartbeatMs = 20_000;

/** What comes on one channel. */
class ChannelReader extends Readable {
  readonly #onRoom: () => void;
  /** Since there was nothing to read. */
  #messages = 0;

  constructor(onRoom: () => void, onDestroy: () => void) {
    super({
      highWaterMark,
      read: onRoom,
      destroy: (error, done) => {
        onDestroy();
        done(error);
      },
    });
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    if (this.readableLength === 0) this.#messages = 0;
    return this.readableLength >= highWaterMark || this.#messages >= maxMessages;
  }

  override read(size?: number): unknown {
    const taken: unknown = super.read(size);
    this.#onRoom();
    return taken;
  }

  receive(payload: Buffer): void {
    this.#messages++;
    this.push(fitToWait(this, payload));
  }
}

export class Link {
  readonly protocol: ChannelProtocol;
  readonly #socket: WebSocket;
  readonly #readers = new Map<number, ChannelReader>();
  readonly #listeners = new Map<number, (payload: Buffer) => void>();
  readonly #full = new Set<number>();
  readonly #closed = new AbortController();

  constructor(socket: WebSocket, protocol: ChannelProtocol) {
    this.#socket = socket;
    this.protocol = protocol;
    socket.on('message', (data, binary) => this.#receive(data, binary));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.#end());
    this.#startHeartbeat();
  }

  /** Aborted when the connection has ended, from whichever side. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  reader(number: number): Readable {
    const reader = new ChannelReader(
      () => this.#drained(number),
      () => {
        this.#readers.delete(number);
        this.#drained(number);
      },
    );
    // Without a listener, destroying the stream with an error would end the process.
    reader.on('error', () => undefined);
    this.#readers.set(number, reader);
    return reader;
  }

  writer(number: number, options: { readonly closes: boolean }): Writable {
    const writer = new Writable({
      highWaterMark,
      write: (chunk: Buffer, _encoding, done) => this.#send(frame(number, chunk), done),
      final: (done) => {
        if (options.closes && this.protocol === 'v5.channel.k8s.io' && !this.closed.aborted) {
          this.#send(Buffer.from([channel.close, number]), done);
        } else {
          done();
        }
      },
    });
    writer.on('error', () => undefined);
    this.closed.addEventListener('abort', () => writer.destroy(), { once: true });
    return writer;
  }

  /** Calls `listener` with every message on a channel that carries messages and not bytes. */
  listen(number: number, listener: (payload: Buffer) => void): void {
    this.#listeners.set(number, listener);
  }

  /** Sends one message; resolves when it has left the process or the connection is gone. */
  send(number: number, payload: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#send(frame(number, payload), () => resolve()));
  }

  close(code = 1000, reason = ''): void {
    this.#full.clear();
    this.#socket.resume();
    this.#socket.close(code, reason.slice(0, 120));
    // The other end has a bounded time to answer the close frame.
    const timer = setTimeout(() => this.#socket.terminate(), 3_000);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #send(message: Buffer, done: (error?: Error | null) => void): void {
    if (this.closed.aborted) done(new Error('the connection has ended'));
    else this.#socket.send(message, { binary: true }, (error) => done(error));
  }

  #receive(data: RawData, binary: boolean): void {
    const message = Array.isArray(data)
      ? Buffer.concat(data)
      : Buffer.isBuffer(data)
        ? data
        : Buffer.from(data);
    const number = message[0];
    if (number === undefined || !binary) return;
    const payload = message.subarray(1);
    if (number === channel.close && this.protocol === 'v5.channel.k8s.io') {
      const ended = payload[0];
      if (ended !== undefined) this.#finish(ended);
      return;
    }
    this.#listeners.get(number)?.(payload);
    const reader = this.#readers.get(number);
    if (reader === undefined || payload.length === 0) return;
    reader.receive(payload);
    if (!reader.isFull) return;
    this.#full.add(number);
    this.#socket.pause();
  }

  #drained(number: number): void {
    if (this.#readers.get(number)?.isFull === true) return;
    if (this.#full.delete(number) && this.#full.size === 0) this.#socket.resume();
  }

  #finish(number: number): void {
    this.#readers.get(number)?.push(null);
    this.#readers.delete(number);
  }

  #end(): void {
    this.#closed.abort();
    for (const number of this.#readers.keys()) this.#finish(number);
  }

  #startHeartbeat(): void {
    let answered = true;
    const beat = setInterval(() => {
      // A socket that we paused ourselves cannot hear the answer.
      if (!answered && this.#full.size === 0) this.#socket.terminate();
      answered = false;
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
    }, heartbeatMs);
    beat.unref();
    const heard = (): void => {
      answered = true;
    };
    this.#socket.on('pong', heard);
    this.#socket.on('message', heard);
    this.#socket.on('close', () => clearInterval(beat));
  }
}
