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
import { FrameReader } from './frame-reader.ts';
import { areTrailers, type Head, readHead } from './head.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { errorTrailers, okTrailers } from './hpack-encoder.ts';
import type { Limits } from './limits.ts';
import type { Transport } from './output.ts';
import {
  ConnectionError,
  defaultMaxFrame,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  maxStreamId,
  maxWindow,
  Setting,
} from './protocol.ts';
import { ReceiveCredit } from './receive-credit.ts';
import { Sender } from './sender.ts';
import { type Carrier, type Route, Stream } from './stream.ts';

const headerTableBytes = 4096;
const none = Buffer.alloc(0);
/** Streams we ended before the client did, whose late frames are no fault. */
const lingeringStreams = 1_000;

function broken(code: ErrorCode, message: string): ConnectionError {
  return new ConnectionError(code, message);
}

export class Connection implements Carrier {
  readonly peer: string;
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
  readonly #streams = new Map<number, Stream>();
  readonly #lingering = new Set<number>();
  #lastStream = 0;
  #settled = false;
  /** Streams that are gone while their handlers still run. */
  #abandoned = 0;
  /** A header block whose CONTINUATION frames are still to come. */
  #block: { id: number; endStream: boolean; parts: Buffer[]; bytes: number } | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #nextDeadline = Number.POSITIVE_INFINITY;
  #state: 'open' | 'leaving' | 'left' = 'open';
  #leftAt = maxStreamId;
  readonly #began = Date.now();
  #heardAt = Date.now();
  #pingedAt = 0;
  #taken = 0;
  #takenAt = Date.now();

  constructor(transport: Transport, routes: ReadonlyMap<string, Route>, limits: Limits, peer: string) {
    this.peer = peer;
    this.#transport = transport;
    this.#routes = routes;
    this.#limits = limits;
    this.maxReceiveBytes = limits.maxReceiveBytes;
    this.streamQueueBytes = limits.streamQueueBytes;
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
    this.#budget = new IdleBudget(limits.idleFrames, limits.idleFramesPerSecond, Date.now());
    this.#sender = new Sender(
      transport,
      limits,
      (stream) => this.#answered(stream),
      () => this.#budget.earn(),
    );
    this.#credit = new ReceiveCredit(limits, (id, bytes) =>
      this.#sender.number(FrameType.WINDOW_UPDATE, id, bytes),
    );
    this.#reader = new FrameReader((bytes, at, length) => this.#frame(bytes, at, length));
    this.#greet();
  }

  #greet(): void {
    const settings: [number, number][] = [
      [Setting.MAX_CONCURRENT_STREAMS, this.#limits.maxConcurrentStreams],
      [Setting.INITIAL_WINDOW_SIZE, this.#limits.streamWindow],
      [Setting.MAX_HEADER_LIST_SIZE, this.#limits.maxHeaderListBytes],
    ];
    const payload = Buffer.alloc(settings.length * 6);
    settings.forEach(([name, value], i) => {
      payload.writeUInt16BE(name, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    });
    this.#sender.frame(FrameType.SETTINGS, 0, 0, payload);
    if (this.#limits.connectionWindow > defaultWindow)
      this.#sender.number(FrameType.WINDOW_UPDATE, 0, this.#limits.connectionWindow - defaultWindow);
  }

  /** Takes what the socket read. */
  feed(chunk: Buffer): void {
    if (this.dead) return;
    this.#heardAt = Date.now();
    this.#pingedAt = 0;
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
    clearTimeout(this.#deadlineTimer);
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
    if (this.#block !== undefined && type !== FrameType.CONTINUATION)
      throw broken(ErrorCode.PROTOCOL_ERROR, 'a header block is interrupted');
    switch (type) {
      case FrameType.DATA:
        this.#data(bytes, start, end, flags, id);
        return;
      case FrameType.HEADERS:
        this.#headers(bytes, start, end, flags, id);
        return;
      case FrameType.CONTINUATION:
        this.#continuation(bytes, start, end, flags, id);
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
    if (!this.#budget.spend(Date.now()))
      throw broken(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing');
  }

  /** Where a padded payload ends. */
  #unpadded(bytes: Buffer, start: number, end: number, flags: number): number {
    if ((flags & Flag.PADDED) === 0) return end;
    const padding = bytes[start] ?? 0;
    if (start >= end || start + 1 + padding > end)
      throw broken(ErrorCode.PROTOCOL_ERROR, 'padding is longer than its frame');
    return end - padding;
  }

  #data(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
    this.#idle(id, 'DATA');
    const counted = end - start;
    this.#credit.received(counted);
    const stop = this.#unpadded(bytes, start, end, flags);
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

  #headers(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    if (id === 0 || id % 2 === 0) throw broken(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}`);
    const stop = this.#unpadded(bytes, start, end, flags);
    let from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (from + 5 > stop) throw broken(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS is too short for its priority');
      if ((bytes.readUInt32BE(from) & maxStreamId) === id)
        throw broken(ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
      from += 5;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) this.#headerBlock(bytes, from, stop, id, endStream);
    else
      this.#block = { id, endStream, parts: [Buffer.from(bytes.subarray(from, stop))], bytes: stop - from };
  }

  #continuation(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    const block = this.#block;
    if (block === undefined || block.id !== id)
      throw broken(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without a header block');
    block.parts.push(Buffer.from(bytes.subarray(start, end)));
    block.bytes += end - start;
    if (block.bytes > this.#limits.maxHeaderBlockBytes || block.parts.length > this.#limits.maxContinuations)
      throw broken(ErrorCode.ENHANCE_YOUR_CALM, 'a header block is too long');
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#headerBlock(Buffer.concat(block.parts), 0, block.bytes, id, block.endStream);
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
      now: this.#heardAt,
    });
    this.#streams.set(id, stream);
    if (head.timeoutMs !== undefined) this.#expect(stream, this.#heardAt + head.timeoutMs);
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
    if (this.#lingering.size > lingeringStreams)
      for (const oldest of this.#lingering) {
        this.#lingering.delete(oldest);
        break;
      }
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
    if (length % 6 !== 0) throw broken(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${length} bytes`);
    const sender = this.#sender;
    let initialWindow = sender.initialWindow;
    for (let at = start; at < start + length; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      switch (bytes.readUInt16BE(at)) {
        case Setting.ENABLE_PUSH:
          if (value > 1) throw broken(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH is ${value}`);
          break;
        case Setting.INITIAL_WINDOW_SIZE:
          if (value > maxWindow)
            throw broken(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE is ${value}`);
          initialWindow = value;
          break;
        case Setting.MAX_FRAME_SIZE:
          if (value < defaultMaxFrame || value > 0xff_ffff)
            throw broken(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE is ${value}`);
          // Larger frames would only let one stream hold up the others.
          break;
      }
    }
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

  #expect(stream: Stream, deadline: number): void {
    stream.deadline = deadline;
    if (deadline < this.#nextDeadline) this.#arm(deadline);
  }

  // One timer for all: most calls are over long before their deadline, and their timer then finds nothing to do.
  #arm(deadline: number): void {
    clearTimeout(this.#deadlineTimer);
    this.#nextDeadline = deadline;
    const wait = Math.max(1, Math.min(Math.ceil(deadline - Date.now()), maxWindow));
    this.#deadlineTimer = setTimeout(() => this.#expire(), wait);
    this.#deadlineTimer.unref();
  }

  #expire(): void {
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    const now = Date.now();
    // Later deadlines wait at least so long: a thousand different ones must not cost a million visits.
    let next = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams.values()) {
      if (stream.deadline > now) next = Math.min(next, stream.deadline);
      else if (stream.over) {
        this.#sender.number(FrameType.RST_STREAM, stream.id, ErrorCode.CANCEL);
        this.#drop(stream);
      } else {
        stream.deadline = Number.POSITIVE_INFINITY;
        this.finish(stream, new GrpcError(Status.DEADLINE_EXCEEDED, 'the deadline has passed'));
      }
    }
    if (next < this.#nextDeadline) this.#arm(Math.max(next, now + 5));
  }

  /** Called every few seconds: notices peers that are silent, stuck or slow on purpose. */
  tick(now: number): void {
    if (this.dead) return;
    const limits = this.#limits;
    const backlog = this.#transport.writableLength;
    const taken = this.#sender.handed - backlog;
    if (backlog === 0 || taken !== this.#taken) {
      this.#taken = taken;
      this.#takenAt = now;
    }
    const silent = now - this.#heardAt;
    if (
      now - this.#takenAt > limits.stallMs ||
      (!this.#settled && now - this.#began > limits.handshakeMs) ||
      (this.#block !== undefined && silent > limits.handshakeMs) ||
      (this.#pingedAt !== 0 && now - this.#pingedAt > limits.keepaliveTimeoutMs)
    ) {
      this.closed();
      this.#transport.destroy();
      return;
    }
    if (silent > limits.keepaliveMs && this.#pingedAt === 0) {
      this.#pingedAt = now;
      this.#sender.frame(FrameType.PING, 0, 0, Buffer.from('anyone??'));
    }
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
