/**
 * What both ends of an HTTP/2 connection (RFC 9113) do alike: takes bytes from the socket apart into frames, holds each
 * to the rules, and hands it to whom it concerns. Server and client differ in what they do with their streams, which is
 * behind `StreamTable` and `Payloads`, and in what the other side's words about the connection mean to them
 * (`PeerNews`).
 *
 * A peer that breaks the protocol or a bound gets GOAWAY with the code that says so and is disconnected; what concerns
 * one stream only resets that stream. After `dead` nothing is read any more.
 */
import { mustBeOpened, type Payloads, type PeerNews, type StreamTable } from './connection-side.ts';
import { ConnectionWindow } from './connection-window.ts';
import { ControlFrames } from './control-frames.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlocks, unpadded } from './header-blocks.ts';
import { atLeast, type Limits } from './limits.ts';
import type { Transport } from './output.ts';
import {
  broken,
  ConnectionError,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  maxStreamId,
} from './protocol.ts';
import type { Sender } from './sender.ts';
import type { Sending } from './sending.ts';

export interface EngineOptions<S extends Sending> {
  /** On which side this engine is. */
  readonly side: 'server' | 'client';
  readonly transport: Transport;
  readonly limits: Limits;
  readonly sender: Sender<S>;
  readonly streams: StreamTable<S>;
  readonly payloads: Payloads;
  readonly news: PeerNews;
  /** The connection is dead: called once, to end all streams. */
  readonly closed: (reason: string) => void;
}

/** For a peer that does not read its GOAWAY. */
const lingerMs = 1_000;

export class FrameEngine<S extends Sending> {
  dead = false;
  readonly #o: EngineOptions<S>;
  readonly #streams: StreamTable<S>;
  readonly #payloads: Payloads;
  readonly #news: PeerNews;
  readonly #sender: Sender<S>;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #window: ConnectionWindow;
  readonly #control: ControlFrames<S>;
  #settled = false;

  constructor(options: EngineOptions<S>) {
    const { limits, sender, streams, payloads, news } = options;
    atLeast(limits, 'connectionWindow', defaultWindow);
    this.#o = options;
    this.#streams = streams;
    this.#payloads = payloads;
    this.#news = news;
    this.#sender = sender;
    this.#window = new ConnectionWindow(limits.connectionWindow, (bytes) =>
      sender.number(FrameType.WINDOW_UPDATE, 0, bytes),
    );
    this.#control = new ControlFrames(sender, streams, news);
    this.#blocks = new HeaderBlocks(limits, payloads);
    this.#reader = new FrameReader((bytes, at, length) => this.#frame(bytes, at, length), {
      fromServer: options.side === 'client',
    });
  }

  /** Says first what is allowed to the peer; `settings` is the payload of SETTINGS. */
  greet(settings: Buffer): void {
    const { connectionWindow } = this.#o.limits;
    this.#sender.frame(FrameType.SETTINGS, 0, 0, settings);
    if (connectionWindow > defaultWindow)
      this.#sender.number(FrameType.WINDOW_UPDATE, 0, connectionWindow - defaultWindow);
  }

  /** Whether the peer is in the middle of something that it must go on with. */
  get midway(): boolean {
    return !this.#settled || this.#blocks.open;
  }

  /** Takes what the socket read. */
  feed(chunk: Buffer): void {
    if (this.dead) return;
    try {
      this.#reader.feed(chunk, () => this.dead);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The socket has room again. */
  drained(): void {
    if (!this.dead) this.#sender.drained();
  }

  #frame(bytes: Buffer, at: number, length: number): void {
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    const id = bytes.readUInt32BE(at + 5) & maxStreamId;
    const start = at + 9;
    const end = start + length;
    if (!this.#settled) {
      if (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)
        throw broken(ErrorCode.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
      this.#settled = true;
    }
    if (this.#blocks.open && type !== FrameType.CONTINUATION)
      throw broken(ErrorCode.PROTOCOL_ERROR, 'a header block is interrupted');
    switch (type) {
      case FrameType.DATA:
        this.#data(bytes, start, end, flags, id);
        return;
      case FrameType.HEADERS:
        this.#blocks.headers(bytes, start, end, flags, id);
        return;
      case FrameType.CONTINUATION:
        this.#blocks.continuation(bytes, start, end, flags, id);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#control.windowUpdate(bytes, start, length, id);
        return;
      case FrameType.RST_STREAM:
        this.#control.rstStream(bytes, start, length, id);
        return;
      case FrameType.PUSH_PROMISE:
        throw broken(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, which nobody was allowed to send');
    }
    this.#news.idle();
    const control = this.#control;
    if (type === FrameType.SETTINGS) control.settings(bytes, start, length, flags, id);
    else if (type === FrameType.PING) control.ping(bytes, start, length, flags, id);
    else if (type === FrameType.GOAWAY) control.goaway(bytes, start, length, id);
    else if (type === FrameType.PRIORITY) control.priority(bytes, start, length, id);
  }

  #data(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    mustBeOpened(this.#streams, id, 'DATA');
    const counted = end - start;
    this.#window.received(counted);
    const stop = unpadded(bytes, start, end, flags);
    const from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    this.#payloads.data(bytes, from, stop, counted, id, (flags & Flag.END_STREAM) !== 0);
  }

  /** Says why, ends all streams and the connection. */
  #fail(error: unknown): void {
    const { side, streams } = this.#o;
    // GOAWAY names the last stream that the other side opened, which no server ever does.
    const last = side === 'server' ? streams.last : 0;
    if (error instanceof ConnectionError) {
      this.#sender.goaway(last, error.code, error.message);
      this.hangUp(`the ${side === 'server' ? 'client' : 'server'} broke the protocol: ${error.message}`);
      return;
    }
    // A fault of ours: seen in the log, and the end of this connection only.
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
    this.#sender.goaway(last, ErrorCode.INTERNAL_ERROR, 'internal error');
    this.hangUp('internal error');
  }

  /** Sends what is still to be sent and ends the connection. */
  hangUp(reason: string): void {
    if (this.dead) return;
    this.#sender.last();
    // The last of its streams may have ended with this, and the connection with that.
    if (this.dead) return;
    this.close(reason);
    const { transport } = this.#o;
    transport.end();
    setTimeout(() => transport.destroy(), lingerMs).unref();
  }

  /** The socket is closed, or about to be. */
  close(reason: string): void {
    if (this.dead) return;
    this.dead = true;
    this.#sender.close();
    this.#o.closed(reason);
  }
}
