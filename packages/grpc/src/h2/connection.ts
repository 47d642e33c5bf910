/**
 * The receiving half of a connection: an HTTP/2 server's state machine (RFC 9113), fed with bytes.
 *
 * In: chunks from the socket, in order. Out: streams that run handlers, and frames through the sender. A peer that
 * breaks the protocol or a bound gets GOAWAY with the code that says so and is disconnected; what concerns one
 * stream only resets that stream. After `dead` nothing is read any more and every stream has been ended.
 */
import { GrpcError, Status } from '../error.ts';
import { BlockCache } from './block-cache.ts';
import { IdleBudget } from './budget.ts';
import { Deadlines } from './deadlines.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlocks, unpadded } from './header-blocks.ts';
import { areTrailers, type Head, readHead } from './head.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { errorTrailers, okTrailers } from './hpack-encoder.ts';
import type { Limits } from './limits.ts';
import type { Transport } from './output.ts';
import {
  ConnectionError,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  maxStreamId,
  maxWindow,
} from './protocol.ts';
import { ReceiveCredit } from './receive-credit.ts';
import { ourSettings, readInitialWindow } from './settings.ts';
import { RecentStreams } from './recent-streams.ts';
import { Sender } from './sender.ts';
import { type Carrier, type Route, Stream } from './stream.ts';
import { Watchdog } from './watchdog.ts';

const headerTableBytes = 4096;
const none = Buffer.alloc(0);
/** Streams we ended before the client did, whose late frames are no fault. */
const lingeringStreams = 1_000;

function broken(code: ErrorCode, message: string): ConnectionError {
  return new ConnectionError(code, message);
}

export class Connection implements Carrier {
  readonly peer: string;
  readonly clientName: string | undefined;
  readonly maxReceiveBytes: number;
  readonly streamQueueBytes: number;
  dead = false;
  readonly #transport: Transport;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #limits: Limits;
  readonly #sender: Sender;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #heads = new BlockCache<Head<Route>>();
  readonly #budget: IdleBudget;
  readonly #credit: ReceiveCredit;
  readonly #watchdog: Watchdog;
  readonly #streams = new Map<number, Stream>();
  readonly #deadlines = new Deadlines<Stream>(
    () => this.#streams.values(),
    (stream) => this.#expired(stream),
  );
  readonly #lingering = new RecentStreams(lingeringStreams);
  #lastStream = 0;
  #settled = false;
  /** Streams that are gone while their handlers still run. */
  #abandoned = 0;
  readonly #blocks: HeaderBlocks;
  #state: 'open' | 'leaving' | 'left' = 'open';
  #leftAt = maxStreamId;

  constructor(
    transport: Transport,
    routes: ReadonlyMap<string, Route>,
    limits: Limits,
    peer: string,
    clientName?: string,
  ) {
    this.peer = peer;
    this.clientName = clientName;
    this.#transport = transport;
    this.#routes = routes;
    this.#limits = limits;
    this.maxReceiveBytes = limits.maxReceiveBytes;
    this.streamQueueBytes = limits.streamQueueBytes;
    this.#watchdog = new Watchdog(limits, performance.now());
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
    this.#budget = new IdleBudget(limits.idleFrames, limits.idleFramesPerSecond, performance.now());
    this.#sender = new Sender(
      transport,
      limits,
      (stream) => this.#answered(stream),
      () => this.#budget.earn(),
    );
    this.#credit = new ReceiveCredit(limits, (id, bytes) =>
      this.#sender.number(FrameType.WINDOW_UPDATE, id, bytes),
    );
    this.#blocks = new HeaderBlocks(limits, (bytes, start, end, id, endStream) =>
      this.#headerBlock(bytes, start, end, id, endStream),
    );
    this.#reader = new FrameReader((bytes, at, length) => this.#frame(bytes, at, length));
    this.#greet();
  }

  #greet(): void {
    this.#sender.frame(FrameType.SETTINGS, 0, 0, ourSettings(this.#limits));
    if (this.#limits.connectionWindow > defaultWindow)
      this.#sender.number(FrameType.WINDOW_UPDATE, 0, this.#limits.connectionWindow - defaultWindow);
  }

  /** Streams that have not ended. */
  get open(): number {
    return this.#streams.size;
  }

  /** Takes what the socket read. */
  feed(chunk: Buffer): void {
    if (this.dead) return;
    this.#watchdog.heard(performance.now());
    try {
      this.#reader.feed(chunk, () => this.dead);
    } catch (error) {
      if (error instanceof ConnectionError) this.#fail(error.code, error.message);
      else {
        // A fault of ours: seen in the log, and the end of this connection only.
        this.#fail(ErrorCode.INTERNAL_ERROR, 'internal error');
        process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** The socket has room again. */
  drained(): void {
    if (!this.dead) this.#sender.drained();
  }

  /** The socket is closed. */
  closed(): void {
    if (this.dead) return;
    this.dead = true;
    this.#deadlines.stop();
    this.#sender.close();
    for (const stream of this.#streams.values()) this.#drop(stream);
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
        this.#windowUpdate(bytes, start, length, id);
        return;
      case FrameType.RST_STREAM:
        this.#rstStream(length, id);
        return;
      case FrameType.PUSH_PROMISE:
        throw broken(ErrorCode.PROTOCOL_ERROR, 'clients cannot push');
    }
    this.#spend();
    if (type === FrameType.SETTINGS) this.#settings(bytes, start, length, flags, id);
    else if (type === FrameType.PING) this.#ping(bytes, start, length, flags, id);
    else if (type === FrameType.GOAWAY) this.#goaway(length, id);
    else if (type === FrameType.PRIORITY) {
      if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0');
      if (length !== 5) this.#streamError(id, ErrorCode.FRAME_SIZE_ERROR);
      else if ((bytes.readUInt32BE(start) & maxStreamId) === id)
        this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
    }
  }

  #spend(): void {
    if (!this.#budget.spend(performance.now()))
      throw broken(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing');
  }

  #data(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
    this.#idle(id, 'DATA');
    const counted = end - start;
    this.#credit.received(counted);
    const stop = unpadded(bytes, start, end, flags);
    const from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    const stream = this.#streams.get(id);
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined) {
      if (this.#lingering.has(id)) {
        if (endStream) this.#lingering.delete(id);
      } else this.#streamError(id, ErrorCode.STREAM_CLOSED);
      if (stop === from) this.#spend();
      return;
    }
    if (stream.remoteClosed) {
      this.#streamError(id, ErrorCode.STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= counted;
    if (stream.receiveWindow < 0) {
      this.#streamError(id, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    stream.received += stop - from;
    if (endStream) this.#endOfRequest(stream);
    if (stop > from && !stream.gone) {
      stream.receive(bytes, from, stop, counted);
      this.#credit.held(stream);
    } else if (endStream) stream.halfClosed();
    else {
      this.#spend();
      if (counted > 0) this.credit(stream, counted);
    }
  }

  /** The client has said everything; also checks what it announced. */
  #endOfRequest(stream: Stream): void {
    stream.remoteClosed = true;
    const { contentLength } = stream.head;
    if (contentLength !== undefined && contentLength !== stream.received)
      this.#streamError(stream.id, ErrorCode.PROTOCOL_ERROR);
  }

  /** Frames on streams that never were are errors. */
  #idle(id: number, frame: string): void {
    if (id > this.#lastStream || id % 2 === 0)
      throw broken(ErrorCode.PROTOCOL_ERROR, `${frame} on a stream that was not opened`);
  }

  #headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void {
    const decoder = this.#decoder;
    if (id > this.#lastStream) {
      let head = this.#heads.get(bytes, start, end, decoder.generation);
      if (head === undefined) {
        const before = decoder.generation;
        const fields = decoder.decode(bytes, start, end);
        this.#lastStream = id;
        if (decoder.listBytes > this.#limits.maxHeaderListBytes) {
          this.#streamError(id, ErrorCode.ENHANCE_YOUR_CALM);
          return;
        }
        head = readHead(fields, this.#routes);
        if (head === undefined) {
          this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
          return;
        }
        this.#heads.keep(bytes, start, end, before, decoder.generation, head);
      } else this.#lastStream = id;
      this.#open(id, head, endStream);
      return;
    }
    // The block is decoded whatever becomes of its stream: it may change the table.
    const fields = decoder.decode(bytes, start, end);
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (!this.#lingering.has(id))
        throw broken(ErrorCode.STREAM_CLOSED, `HEADERS on stream ${id}, which is closed`);
      if (endStream) this.#lingering.delete(id);
      this.#spend();
    } else if (stream.remoteClosed) this.#streamError(id, ErrorCode.STREAM_CLOSED);
    else if (!endStream || !areTrailers(fields)) this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
    else {
      this.#endOfRequest(stream);
      if (!stream.gone) stream.halfClosed();
    }
  }

  #open(id: number, head: Head<Route>, endStream: boolean): void {
    const limits = this.#limits;
    if (
      id > this.#leftAt ||
      this.#streams.size + this.#abandoned >= limits.maxConcurrentStreams ||
      this.#sender.queuedBytes > limits.connectionQueueBytes
    ) {
      this.#streamError(id, ErrorCode.REFUSED_STREAM);
      return;
    }
    const { refusal, route } = head;
    if (refusal !== undefined || route === undefined) {
      this.#spend();
      this.#sender.frame(
        FrameType.HEADERS,
        Flag.END_HEADERS | Flag.END_STREAM,
        id,
        refusal ?? errorTrailers(Status.UNIMPLEMENTED, '', true),
      );
      if (!endStream) this.#stop(id, ErrorCode.NO_ERROR);
      return;
    }
    const stream = new Stream(id, head, route, this, {
      send: this.#sender.initialWindow,
      receive: limits.streamWindow,
      now: this.#watchdog.heardAt,
    });
    this.#streams.set(id, stream);
    if (head.timeoutMs !== undefined) this.#deadlines.expect(stream, this.#watchdog.heardAt + head.timeoutMs);
    if (endStream) this.#endOfRequest(stream);
    if (stream.gone) return;
    stream.begin();
    if (endStream && !stream.gone) stream.halfClosed();
  }

  // What streams ask.

  answer(stream: Stream, message: Buffer): void {
    if (stream.over) return;
    stream.end(false);
    this.#sender.answer(stream, message);
  }

  send(stream: Stream, message: Buffer): void {
    this.#sender.message(stream, message);
  }

  finish(stream: Stream, error: GrpcError | undefined): void {
    if (stream.over) return;
    stream.end(stream.running);
    if (!stream.headersSent && error === undefined) {
      // No message at all, and OK: headers and trailers in one.
      stream.headersSent = true;
      this.#sender.finish(stream, errorTrailers(Status.OK, '', true));
    } else
      this.#sender.finish(
        stream,
        error === undefined ? okTrailers : errorTrailers(error.code, error.details, !stream.headersSent),
      );
  }

  credit(stream: Stream, bytes: number): void {
    if (!stream.gone && !stream.remoteClosed) this.#credit.give(stream, bytes);
  }

  settled(): void {
    this.#abandoned--;
  }

  /** The stream's last frame is written. */
  #answered(stream: Stream): void {
    this.#budget.earn();
    if (!stream.remoteClosed) this.#stop(stream.id, ErrorCode.NO_ERROR);
    this.#remove(stream);
  }

  #remove(stream: Stream): void {
    stream.gone = true;
    if (stream.running) this.#abandoned++;
    this.#streams.delete(stream.id);
    this.#credit.released(stream);
    if (this.#state !== 'open') this.#leaveIfIdle();
  }

  /** Ends a stream without an answer; its handler is told. */
  #drop(stream: Stream): void {
    this.#sender.forget(stream);
    stream.end(true);
    this.#remove(stream);
  }

  #streamError(id: number, code: ErrorCode): void {
    this.#spend();
    this.#stop(id, code);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#drop(stream);
  }

  /** RST_STREAM; what the client had sent already may still arrive. */
  #stop(id: number, code: ErrorCode): void {
    this.#sender.number(FrameType.RST_STREAM, id, code);
    this.#lingering.add(id);
  }

  // Frames of the connection.

  #windowUpdate(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${length} bytes`);
    const increment = bytes.readUInt32BE(start) & maxWindow;
    this.#spend();
    if (id === 0) {
      if (increment === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.#sender.widen(increment);
      return;
    }
    this.#idle(id, 'WINDOW_UPDATE');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
    else if (!this.#sender.widenStream(stream, increment))
      this.#streamError(id, ErrorCode.FLOW_CONTROL_ERROR);
  }

  #rstStream(length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `RST_STREAM of ${length} bytes`);
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on stream 0');
    this.#idle(id, 'RST_STREAM');
    this.#spend();
    this.#lingering.delete(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#drop(stream);
  }

  #settings(bytes: Buffer, start: number, length: number, flags: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `SETTINGS on stream ${id}`);
    if ((flags & Flag.ACK) !== 0) {
      if (length !== 0) throw broken(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS acknowledgement with a payload');
      return;
    }
    const sender = this.#sender;
    const initialWindow = readInitialWindow(bytes, start, length) ?? sender.initialWindow;
    const change = initialWindow - sender.initialWindow;
    sender.initialWindow = initialWindow;
    sender.frame(FrameType.SETTINGS, Flag.ACK, 0, none);
    // Once, whatever the frame says how often: each change visits every stream.
    if (change !== 0)
      for (const stream of this.#streams.values())
        if (!sender.widenStream(stream, change))
          throw broken(ErrorCode.FLOW_CONTROL_ERROR, 'a stream window is wider than 2^31 - 1');
  }

  #ping(bytes: Buffer, start: number, length: number, flags: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `PING on stream ${id}`);
    if (length !== 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `PING of ${length} bytes`);
    if ((flags & Flag.ACK) !== 0) {
      if (this.#state === 'leaving') this.#lastGoaway();
      return;
    }
    this.#sender.frame(FrameType.PING, Flag.ACK, 0, Buffer.from(bytes.subarray(start, start + 8)));
  }

  #goaway(length: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `GOAWAY on stream ${id}`);
    if (length < 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `GOAWAY of ${length} bytes`);
  }

  // The end.

  #sendGoaway(last: number, code: ErrorCode, message: string): void {
    const payload = Buffer.concat([Buffer.alloc(8), Buffer.from(message)]);
    payload.writeUInt32BE(last, 0);
    payload.writeUInt32BE(code, 4);
    this.#sender.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  /** Says why, ends all streams and the connection. */
  #fail(code: ErrorCode, message: string): void {
    this.#sendGoaway(this.#lastStream, code, message);
    this.#hangUp();
  }

  #hangUp(): void {
    this.#sender.flush();
    this.closed();
    this.#transport.end();
    // A peer that does not read its GOAWAY does not keep the socket either.
    setTimeout(() => this.#transport.destroy(), 1_000).unref();
  }

  /** Asks the client to go elsewhere; running calls go on, and the connection ends with the last of them. */
  leave(): void {
    if (this.dead || this.#state !== 'open') return;
    this.#state = 'leaving';
    // Requests on their way must still be served: the last stream is named only when this has been answered.
    this.#sendGoaway(maxStreamId, ErrorCode.NO_ERROR, 'the server is shutting down');
    this.#sender.frame(FrameType.PING, 0, 0, Buffer.from('goodbye!'));
    setTimeout(() => this.#lastGoaway(), 100);
  }

  #lastGoaway(): void {
    if (this.dead || this.#state === 'left') return;
    this.#state = 'left';
    this.#leftAt = this.#lastStream;
    this.#sendGoaway(this.#lastStream, ErrorCode.NO_ERROR, 'the server is shutting down');
    this.#leaveIfIdle();
  }

  #leaveIfIdle(): void {
    if (this.#state === 'left' && this.#streams.size === 0 && !this.dead) this.#hangUp();
  }

  /** Ends what still runs with UNAVAILABLE, and the connection. */
  abandon(): void {
    if (this.dead) return;
    for (const stream of this.#streams.values())
      this.finish(stream, new GrpcError(Status.UNAVAILABLE, 'the server is shutting down'));
    this.#sendGoaway(this.#lastStream, ErrorCode.NO_ERROR, 'the server is shutting down');
    this.#hangUp();
  }

  // Time.

  #expired(stream: Stream): void {
    if (stream.over) {
      this.#sender.number(FrameType.RST_STREAM, stream.id, ErrorCode.CANCEL);
      this.#drop(stream);
    } else this.finish(stream, new GrpcError(Status.DEADLINE_EXCEEDED, 'the deadline has passed'));
  }

  /** Called every few seconds: notices peers that are silent, stuck or slow on purpose. */
  tick(now: number): void {
    if (this.dead) return;
    const verdict = this.#watchdog.check(now, {
      handed: this.#sender.handed,
      backlog: this.#transport.writableLength,
      midway: !this.#settled || this.#blocks.open,
    });
    if (verdict === 'dead') {
      this.closed();
      this.#transport.destroy();
      return;
    }
    if (verdict === 'ask') this.#sender.frame(FrameType.PING, 0, 0, Buffer.from('anyone??'));
    const limits = this.#limits;
    for (const stream of this.#streams.values())
      if (
        now - stream.since > limits.requestMs &&
        ((stream.waitsForRequest && !stream.over) || (stream.over && stream.stuck(now, limits.requestMs)))
      ) {
        this.#sender.number(FrameType.RST_STREAM, stream.id, ErrorCode.CANCEL);
        this.#drop(stream);
      }
  }
}
