/**
 * The sending half of a connection: the peer's windows, and what has to wait for them.
 *
 * A message goes straight into the output when nothing of its stream waits, both windows have room and the socket is
 * not backed up; otherwise it queues on its stream, and streams take turns frame by frame. Of a server the heads and ends of
 * answers wait for the socket, too: beyond its bound go only frames of the connection's own, refusals, interim heads and the
 * end behind a stream's last data, all bounded by what a client may cause. A server that stopped reading because of the
 * answers that wait would otherwise wait for a client that reads nothing while it writes.
 */
import { okTrailers } from './hpack-encoder.ts';
import { FrameWriter } from './frame-writer.ts';
import { prefixBytes } from './inbox.ts';
import { LentStreams } from './lent-streams.ts';
import type { Limits } from './limits.ts';
import type { Transport } from './output.ts';
import {
  ConnectionError,
  defaultMaxFrame,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  maxWindow,
} from './protocol.ts';
import { queueBytes, queueMessage, type Sending, takeQueued } from './sending.ts';
import { WaitingHeads } from './waiting-heads.ts';

const nothing = Buffer.alloc(0);

export interface SenderOptions<S> {
  readonly transport: Transport;
  readonly limits: Limits;
  /**
   * Whether heads, and ends behind nothing, wait for the socket. Not those of requests: they open streams, whose ids go up,
   * and a stream that is not open cannot be reset.
   */
  readonly headsWait: boolean;
  /** A stream's last frame is on its way. */
  readonly finished: (stream: S) => void;
  /** So many bytes of DATA are. */
  readonly sentData: (bytes: number) => void;
}

export class Sender<S extends Sending> {
  window = defaultWindow;
  initialWindow = defaultWindow;
  maxFrame = defaultMaxFrame;
  readonly #writer: FrameWriter;
  readonly #limits: Limits;
  readonly #headsWait: boolean;
  readonly #finished: (stream: S) => void;
  readonly #sentData: (bytes: number) => void;
  /** Streams with something to send and room in their own window, in the order of their turns. */
  readonly #ready = new Set<S>();
  /** Streams whose head, or end behind nothing that waits, waits for the socket, in their order. */
  readonly #heads = new WaitingHeads<S>();
  /** Bytes that wait on streams, but for those of heads and ends. */
  #queuedBytes = 0;
  /** Bytes of ends that wait behind these. */
  #trailerBytes = 0;
  /** Streams that wait until the kernel has all they were given. */
  readonly #lent = new LentStreams<S>();

  constructor({ transport, limits, headsWait, finished, sentData }: SenderOptions<S>) {
    this.#writer = new FrameWriter(transport, limits, this);
    this.#limits = limits;
    this.#headsWait = headsWait;
    this.#finished = finished;
    this.#sentData = sentData;
  }

  /** Bytes that wait on streams. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#trailerBytes + this.#heads.bytes;
  }

  /** All bytes ever handed to the socket. */
  get handed(): number {
    return this.#writer.handed;
  }

  /** A frame of the connection's own or with an encoded payload. */
  frame(type: number, flags: number, id: number, payload: Buffer): void {
    this.#writer.frame(type, flags, id, payload);
  }

  /** A frame whose payload is one 32-bit number: RST_STREAM and WINDOW_UPDATE. */
  number(type: number, id: number, value: number): void {
    this.#writer.number(type, id, value);
  }

  goaway(last: number, code: ErrorCode, message: string): void {
    this.#writer.goaway(last, code, message);
  }

  /** Headers, the only message and OK. */
  answer(stream: S, message: Buffer): void {
    const size = message.length + prefixBytes;
    if (stream.headersSent || !this.#fits(stream, size)) {
      this.message(stream, message);
      this.finish(stream, okTrailers);
      return;
    }
    this.#writer.answer(stream.id, message);
    this.window -= size;
    stream.sendWindow -= size;
    this.#finished(stream);
  }

  #fits(stream: S, size: number): boolean {
    return (
      size <= this.window &&
      size <= stream.sendWindow &&
      size <= this.maxFrame &&
      stream.queue === undefined &&
      !this.#isBehind
    );
  }

  /** Whether what is to be sent now has to wait for the socket. */
  get #isBehind(): boolean {
    return this.#writer.congested || this.#heads.size > 0;
  }

  /** One message of a stream. */
  message(stream: S, message: Buffer): void {
    this.head(stream, 0);
    if (stream.isWeb) {
      this.#bytes(stream, message);
      return;
    }
    const size = message.length + prefixBytes;
    if (this.#fits(stream, size)) {
      this.#writer.message(stream.id, message);
      this.window -= size;
      stream.sendWindow -= size;
      this.#sentData(size);
      return;
    }
    queueMessage(stream, message);
    this.#queued(stream, size);
  }

  /** The stream is told once what it is given in this turn, and waits already, has left for the kernel. */
  lend(stream: S): void {
    this.#lent.add(stream);
  }

  /** The last bytes of what is no gRPC: for most answers, head and body in one go. */
  conclude(stream: S, bytes: Buffer): void {
    const size = bytes.length;
    if (!this.#fits(stream, size)) {
      // Before it is pumped, so that its last frame is its end.
      stream.trailers = nothing;
      if (size > 0) this.message(stream, bytes);
      else this.finish(stream, nothing);
      return;
    }
    const hasHead = stream.headersSent;
    this.head(stream, size === 0 ? Flag.END_STREAM : 0);
    if (size > 0 || hasHead) this.frame(FrameType.DATA, Flag.END_STREAM, stream.id, bytes);
    this.window -= size;
    stream.sendWindow -= size;
    if (size > 0) this.#sentData(size);
    this.#finished(stream);
  }

  /** What precedes all messages, unless it was sent already. */
  head(stream: S, flags: number): void {
    if (stream.headersSent) return;
    stream.headersSent = true;
    if (this.#headsWait && this.#isBehind) {
      // Kept as it is now, whatever becomes the stream's head afterwards.
      stream.waitingHead = stream.opening;
      this.#heads.add(stream, stream.opening.length);
    } else this.#writer.block(stream.id, flags, stream.opening, this.maxFrame);
  }

  /** Bytes that are no message. */
  #bytes(stream: S, bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#fits(stream, bytes.length)) {
      this.frame(FrameType.DATA, 0, stream.id, bytes);
      this.window -= bytes.length;
      stream.sendWindow -= bytes.length;
      this.#sentData(bytes.length);
      return;
    }
    queueBytes(stream, bytes);
    this.#queued(stream, bytes.length);
  }

  #queued(stream: S, size: number): void {
    this.#queuedBytes += size;
    this.#enlist(stream);
    this.pump();
  }

  /** The stream's last frame, behind whatever still waits. */
  finish(stream: S, trailers: Buffer): void {
    stream.trailers = trailers;
    if (stream.queue !== undefined) {
      this.#trailerBytes += trailers.length;
      return;
    }
    if (!this.#headsWait || !this.#isBehind) {
      this.#close(stream, trailers);
      return;
    }
    if (stream.isWeb) this.head(stream, 0);
    this.#heads.add(stream, trailers.length);
  }

  #close(stream: S, trailers: Buffer): void {
    stream.trailers = undefined;
    // What is no gRPC has no trailers, and no request has any.
    if (stream.isWeb && !stream.headersSent) {
      stream.headersSent = true;
      this.#writer.block(stream.id, Flag.END_STREAM, stream.opening, this.maxFrame);
    } else if (trailers.length === 0) this.frame(FrameType.DATA, Flag.END_STREAM, stream.id, trailers);
    else this.frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, stream.id, trailers);
    this.#finished(stream);
  }

  /** Drops what waits on a stream that is gone. */
  forget(stream: S): void {
    this.#queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    if (stream.queue !== undefined) this.#trailerBytes -= stream.trailers?.length ?? 0;
    stream.queue = undefined;
    stream.waitingHead = undefined;
    this.#heads.delete(stream);
    this.#ready.delete(stream);
    this.#lent.delete(stream);
  }

  #enlist(stream: S): void {
    if (stream.queue !== undefined && stream.sendWindow > 0) this.#ready.add(stream);
  }

  /** Sends what may be sent now. */
  pump(): void {
    for (const stream of this.#heads.streams()) {
      if (this.#writer.congested) return;
      this.#begin(stream);
    }
    for (const stream of this.#ready) {
      if (this.window <= 0 || this.#writer.congested) return;
      this.#ready.delete(stream);
      if (this.#sendFrame(stream)) {
        stream.trailers = undefined;
        this.#finished(stream);
        continue;
      }
      // Behind the others; the loop comes to it again.
      this.#enlist(stream);
      if (stream.queuedBytes <= this.#limits.streamQueueBytes) stream.drain();
      if (stream.queue !== undefined || stream.trailers === undefined) continue;
      this.#trailerBytes -= stream.trailers.length;
      this.#close(stream, stream.trailers);
    }
  }

  /** The head that waited for the socket, and the end when nothing waits before it. */
  #begin(stream: S): void {
    this.#heads.delete(stream);
    const { waitingHead, trailers } = stream;
    stream.waitingHead = undefined;
    const ends = stream.queue === undefined && trailers !== undefined;
    // A head that is the whole answer, of what is no gRPC.
    const isAll = waitingHead !== undefined && ends && trailers.length === 0;
    if (waitingHead !== undefined)
      this.#writer.block(stream.id, isAll ? Flag.END_STREAM : 0, waitingHead, this.maxFrame);
    if (isAll) {
      stream.trailers = undefined;
      this.#finished(stream);
    } else if (ends) this.#close(stream, trailers);
  }

  /** One DATA frame of what waits; true when it is the stream's last. */
  #sendFrame(stream: S): boolean {
    const size = Math.min(this.window, stream.sendWindow, this.maxFrame, stream.queuedBytes);
    const isLast = size === stream.queuedBytes && stream.trailers?.length === 0;
    this.#writer.beginData(stream.id, size, isLast ? Flag.END_STREAM : 0);
    takeQueued(stream, size, this.#writer);
    this.window -= size;
    stream.sendWindow -= size;
    this.#queuedBytes -= size;
    this.#sentData(size);
    return isLast;
  }

  /** The peer's WINDOW_UPDATE for the connection. */
  widen(bytes: number): void {
    if (this.window + bytes > maxWindow)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window is wider than 2^31 - 1');
    this.window += bytes;
    this.pump();
  }

  /** The same for a stream. False when its window became too wide. */
  widenStream(stream: S, bytes: number): boolean {
    if (stream.sendWindow + bytes > maxWindow) return false;
    stream.sendWindow += bytes;
    // SETTINGS may have made it narrower.
    if (stream.sendWindow <= 0) this.#ready.delete(stream);
    else this.#enlist(stream);
    this.pump();
    return true;
  }

  flush(): void {
    const writer = this.#writer;
    if (writer.closed) return;
    writer.flush(this.#lent.takenWithThis());
    if (this.#ready.size > 0 || this.#heads.size > 0) this.pump();
    writer.holdBack();
  }

  /** The last flush: heads and ends go with it however much waits for the socket, for nothing is sent later. */
  last(): void {
    for (const stream of this.#heads.streams()) this.#begin(stream);
    if (!this.#writer.closed) this.#writer.flush(this.#lent.takenWithThis());
  }

  /** The socket has room again. */
  drained(): void {
    this.#writer.drained();
    this.pump();
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#writer.close();
    this.#heads.clear();
    this.#ready.clear();
    this.#lent.clear();
  }
}
