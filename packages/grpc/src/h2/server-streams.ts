/**
 * The streams of one connection, from the request that opens one to its last frame, and the ones that ended before
 * the client knew it.
 *
 * In: what the connection received and what handlers answer. Out: frames through the sender. Invariant: a stream in
 * the table has not ended; one that is removed is never heard of again, and its handler, if it still runs, counts
 * until it returns.
 */
import { PassingMap } from '@timonier/component/passing';
import { GrpcError, Status } from '../error.ts';
import type { StreamTable } from './connection-side.ts';
import { Deadlines } from './deadlines.ts';
import type { Head } from './head.ts';
import { errorTrailers, okTrailers } from './hpack-encoder.ts';
import type { Limits } from './limits.ts';
import { ErrorCode, Flag, FrameType } from './protocol.ts';
import { Partings } from './partings.ts';
import type { ReceiveCredit } from './receive-credit.ts';
import { RecentStreams } from './recent-streams.ts';
import type { Sender } from './sender.ts';
import { type Carrier, type Route, Stream, unanswered } from './stream.ts';

/** Streams we ended before the client did, whose late frames are no fault. */
const lingeringStreams = 1_000;
/** For a client that is still sending what is no gRPC; clients of gRPC read their answer whatever ends the stream. */
const partingMs = 1_000;
const nothing = Buffer.alloc(0);

export interface ServerStreamsOptions {
  readonly peer: string;
  /** Asked by few, and not for nothing: it takes the client's certificate apart. */
  readonly clientName: () => string | undefined;
  readonly limits: Limits;
  readonly sender: Sender<Stream>;
  readonly credit: ReceiveCredit;
  /** Takes from the client's budget of frames that carry nothing; throws when it is used up. */
  readonly spend: () => void;
  /** A stream has ended. */
  readonly removed: () => void;
}

export class ServerStreams implements Carrier, StreamTable<Stream> {
  readonly peer: string;
  readonly maxReceiveBytes: number;
  readonly streamQueueBytes: number;
  /** The highest id that a request was opened with. */
  last = 0;
  readonly #o: ServerStreamsOptions;
  readonly #limits: Limits;
  readonly #sender: Sender<Stream>;
  readonly #credit: ReceiveCredit;
  readonly #byId = new PassingMap<number, Stream>();
  readonly #deadlines = new Deadlines<Stream>(
    () => this.#byId.values(),
    (stream) => this.#expired(stream),
  );
  readonly #lingering = new RecentStreams(lingeringStreams);
  readonly #partings = new Partings(partingMs, lingeringStreams, (id) => this.stop(id, ErrorCode.NO_ERROR));
  /** Streams that are gone while their handlers still run. */
  #abandoned = 0;

  constructor(options: ServerStreamsOptions) {
    this.peer = options.peer;
    this.maxReceiveBytes = options.limits.maxReceiveBytes;
    this.streamQueueBytes = options.limits.streamQueueBytes;
    this.#o = options;
    this.#limits = options.limits;
    this.#sender = options.sender;
    this.#credit = options.credit;
  }

  get clientName(): string | undefined {
    return this.#o.clientName();
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): Stream | undefined {
    return this.#byId.get(id);
  }

  values(): Iterable<Stream> {
    return this.#byId.values();
  }

  /** Whether frames may still come for a stream that is not in the table. */
  lingers(id: number): boolean {
    return this.#lingering.has(id);
  }

  /** No more frames will come for it. */
  forget(id: number): void {
    this.#lingering.delete(id);
    this.#partings.delete(id);
  }

  /** Starts what a request asks for, unless there is too much already or it asks for nothing we have. */
  open(id: number, head: Head<Route>, endStream: boolean, now: number): void {
    const limits = this.#limits;
    if (
      this.#byId.size + this.#abandoned >= limits.maxConcurrentStreams ||
      this.#sender.waitingBytes > limits.connectionQueueBytes
    ) {
      this.reset(id, ErrorCode.REFUSED_STREAM);
      return;
    }
    const { refusal, route } = head;
    if (refusal !== undefined || route === undefined) {
      this.#o.spend();
      this.#sender.frame(
        FrameType.HEADERS,
        Flag.END_HEADERS | Flag.END_STREAM,
        id,
        refusal ?? errorTrailers(Status.UNIMPLEMENTED, '', true),
      );
      if (!endStream) this.stop(id, ErrorCode.NO_ERROR);
      return;
    }
    const stream = new Stream(id, head, route, this, {
      send: this.#sender.initialWindow,
      receive: limits.streamWindow,
      now,
    });
    this.#byId.set(id, stream);
    if (head.timeoutMs !== undefined) this.#deadlines.expect(stream, now + head.timeoutMs);
    if (endStream) this.endOfRequest(stream);
    if (stream.gone) return;
    stream.begin();
    if (endStream && !stream.gone) stream.halfClosed();
  }

  /** The client has said everything; also checks what it announced. */
  endOfRequest(stream: Stream): void {
    stream.remoteClosed = true;
    const { contentLength } = stream.head;
    if (contentLength !== undefined && contentLength !== stream.received)
      this.reset(stream.id, ErrorCode.PROTOCOL_ERROR);
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

  lend(stream: Stream): void {
    this.#sender.lend(stream);
  }

  finish(stream: Stream, error: GrpcError | undefined): void {
    if (stream.over) return;
    if (stream.isWeb) {
      // Its handler answers its own errors; one that is thrown came too late for that, or is a fault of ours.
      if (error !== undefined && stream.headersSent) {
        this.cancel(stream);
        return;
      }
      if (error !== undefined) stream.opening = unanswered;
      stream.end(stream.running);
      this.#sender.finish(stream, nothing);
      return;
    }
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

  conclude(stream: Stream, bytes: Buffer): void {
    stream.end(false);
    this.#sender.conclude(stream, bytes);
  }

  head(stream: Stream, block?: Buffer): void {
    if (block === undefined) this.#sender.head(stream, 0);
    else if (!stream.headersSent) this.#sender.frame(FrameType.HEADERS, Flag.END_HEADERS, stream.id, block);
  }

  credit(stream: Stream, bytes: number): void {
    if (!stream.gone && !stream.remoteClosed) this.#credit.give(stream, bytes);
  }

  cancel(stream: Stream): void {
    this.#cancel(stream);
  }

  settled(): void {
    this.#abandoned--;
  }

  // How streams end.

  /** The stream's last frame is written. */
  answered(stream: Stream): void {
    if (!stream.remoteClosed) {
      if (stream.isWeb) {
        this.#lingering.add(stream.id);
        this.#partings.add(stream.id);
      } else this.stop(stream.id, ErrorCode.NO_ERROR);
    }
    this.#remove(stream);
  }

  #remove(stream: Stream): void {
    stream.gone = true;
    if (stream.running) this.#abandoned++;
    this.#byId.delete(stream.id);
    this.#credit.released(stream);
    stream.onGone?.();
    this.#o.removed();
  }

  /** Ends a stream without an answer; its handler is told. */
  drop(stream: Stream): void {
    this.#sender.forget(stream);
    stream.end(true);
    this.#remove(stream);
  }

  /** The client broke a rule that concerns this stream alone. */
  reset(id: number, code: ErrorCode): void {
    this.#o.spend();
    this.stop(id, code);
    const stream = this.#byId.get(id);
    if (stream !== undefined) this.drop(stream);
  }

  /** The client has ended a stream. */
  ended(id: number): void {
    this.forget(id);
    const stream = this.#byId.get(id);
    if (stream !== undefined) this.drop(stream);
  }

  /** RST_STREAM; what the client had sent already may still arrive. */
  stop(id: number, code: ErrorCode): void {
    this.#sender.number(FrameType.RST_STREAM, id, code);
    this.#lingering.add(id);
  }

  /** The connection is gone. */
  close(): void {
    this.#deadlines.stop();
    this.#partings.stop();
    for (const stream of this.#byId.values()) this.drop(stream);
  }

  // Time.

  #expired(stream: Stream): void {
    if (stream.over) this.#cancel(stream);
    else this.finish(stream, new GrpcError(Status.DEADLINE_EXCEEDED, 'the deadline has passed'));
  }

  #cancel(stream: Stream): void {
    this.#sender.number(FrameType.RST_STREAM, stream.id, ErrorCode.CANCEL);
    this.drop(stream);
  }

  /** Cancels those whose client neither goes on asking nor reads what it asked for. */
  tick(now: number): void {
    const { requestMs } = this.#limits;
    for (const stream of this.#byId.values()) {
      if (now - stream.since <= requestMs) continue;
      const silent = stream.waitsForRequest && !stream.over;
      if (silent || (stream.over && stream.stuck(now, requestMs))) this.#cancel(stream);
    }
  }
}
