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
import { ControlFrames } from './control-frames.ts';
import { Departure, sendGoaway } from './departure.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlocks, unpadded } from './header-blocks.ts';
import { areTrailers, type Head, readHead } from './head.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import type { Limits } from './limits.ts';
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
import { ReceiveCredit } from './receive-credit.ts';
import { ourSettings } from './settings.ts';
import { Sender } from './sender.ts';
import type { Route } from './stream.ts';
import { Streams } from './streams.ts';
import { Watchdog } from './watchdog.ts';

const headerTableBytes = 4096;
/** For a peer that does not read its GOAWAY. */
const lingerMs = 1_000;

export class Connection {
  dead = false;
  readonly #transport: Transport;
  readonly #routes: ReadonlyMap<string, Route>;
  /** For requests that are no gRPC. */
  readonly #web: Route | undefined;
  readonly #limits: Limits;
  readonly #sender: Sender;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #heads = new BlockCache<Head<Route>>();
  readonly #budget: IdleBudget;
  readonly #credit: ReceiveCredit;
  readonly #watchdog: Watchdog;
  readonly #streams: Streams;
  readonly #blocks: HeaderBlocks;
  readonly #departure: Departure;
  readonly #control: ControlFrames;
  #settled = false;

  constructor(
    transport: Transport,
    routes: ReadonlyMap<string, Route>,
    limits: Limits,
    peer: string,
    clientName?: string,
    web?: Route,
  ) {
    this.#web = web;
    this.#transport = transport;
    this.#routes = routes;
    this.#limits = limits;
    this.#watchdog = new Watchdog(limits, performance.now());
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
    this.#budget = new IdleBudget(limits.idleFrames, limits.idleFramesPerSecond, performance.now());
    this.#sender = new Sender(
      transport,
      limits,
      (stream) => {
        this.#budget.earn();
        this.#streams.answered(stream);
      },
      () => this.#budget.earn(),
    );
    this.#credit = new ReceiveCredit(limits, (id, bytes) =>
      this.#sender.number(FrameType.WINDOW_UPDATE, id, bytes),
    );
    this.#departure = new Departure(
      this.#sender,
      () => this.#streams,
      () => this.#hangUp(),
    );
    this.#streams = new Streams({
      peer,
      clientName,
      limits,
      sender: this.#sender,
      credit: this.#credit,
      spend: () => this.#spend(),
      removed: () => this.#departure.ifIdle(),
    });
    this.#control = new ControlFrames(this.#sender, this.#streams, this.#departure, () => this.#spend());
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
    this.#sender.close();
    this.#streams.close();
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
        this.#control.rstStream(length, id);
        return;
      case FrameType.PUSH_PROMISE:
        throw broken(ErrorCode.PROTOCOL_ERROR, 'clients cannot push');
    }
    this.#spend();
    const control = this.#control;
    if (type === FrameType.SETTINGS) control.settings(bytes, start, length, flags, id);
    else if (type === FrameType.PING) control.ping(bytes, start, length, flags, id);
    else if (type === FrameType.GOAWAY) control.goaway(length, id);
    else if (type === FrameType.PRIORITY) control.priority(bytes, start, length, id);
  }

  #spend(): void {
    if (!this.#budget.spend(performance.now()))
      throw broken(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing');
  }

  #data(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
    this.#streams.mustHaveBeen(id, 'DATA');
    const counted = end - start;
    this.#credit.received(counted);
    const stop = unpadded(bytes, start, end, flags);
    const from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    const stream = this.#streams.get(id);
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined) {
      if (this.#streams.lingers(id)) {
        if (endStream) this.#streams.forget(id);
      } else this.#streams.reset(id, ErrorCode.STREAM_CLOSED);
      if (stop === from) this.#spend();
      return;
    }
    if (stream.remoteClosed) {
      this.#streams.reset(id, ErrorCode.STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= counted;
    if (stream.receiveWindow < 0) {
      this.#streams.reset(id, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    stream.received += stop - from;
    if (endStream) this.#streams.endOfRequest(stream);
    if (stop > from && !stream.gone) {
      stream.receive(bytes, from, stop, counted);
      this.#credit.held(stream);
    } else if (endStream) stream.halfClosed();
    else {
      this.#spend();
      if (counted > 0) this.#streams.credit(stream, counted);
    }
  }

  #headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void {
    const decoder = this.#decoder;
    if (id > this.#streams.last) {
      let head = this.#heads.get(bytes, start, end, decoder.generation);
      if (head === undefined) {
        const before = decoder.generation;
        const fields = decoder.decode(bytes, start, end);
        this.#streams.last = id;
        if (decoder.listBytes > this.#limits.maxHeaderListBytes) {
          this.#streams.reset(id, ErrorCode.ENHANCE_YOUR_CALM);
          return;
        }
        head = readHead(fields, this.#routes, this.#web);
        if (head === undefined) {
          this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
          return;
        }
        this.#heads.keep(bytes, start, end, before, decoder.generation, head);
      } else this.#streams.last = id;
      this.#open(id, head, endStream);
      return;
    }
    // The block is decoded whatever becomes of its stream: it may change the table.
    const fields = decoder.decode(bytes, start, end);
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (!this.#streams.lingers(id))
        throw broken(ErrorCode.STREAM_CLOSED, `HEADERS on stream ${id}, which is closed`);
      if (endStream) this.#streams.forget(id);
      this.#spend();
    } else if (stream.remoteClosed) this.#streams.reset(id, ErrorCode.STREAM_CLOSED);
    else if (!endStream || !areTrailers(fields)) this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
    else {
      this.#streams.endOfRequest(stream);
      if (!stream.gone) stream.halfClosed();
    }
  }

  #open(id: number, head: Head<Route>, endStream: boolean): void {
    if (id > this.#departure.lastServed) this.#streams.reset(id, ErrorCode.REFUSED_STREAM);
    else this.#streams.open(id, head, endStream, this.#watchdog.heardAt);
  }

  // The end.

  /** Says why, ends all streams and the connection. */
  #fail(code: ErrorCode, message: string): void {
    sendGoaway(this.#sender, this.#streams.last, code, message);
    this.#hangUp();
  }

  #hangUp(): void {
    if (this.dead) return;
    this.#sender.flush();
    this.closed();
    this.#transport.end();
    setTimeout(() => this.#transport.destroy(), lingerMs).unref();
  }

  /** Asks the client to go elsewhere; running calls go on, and the connection ends with the last of them. */
  leave(): void {
    if (!this.dead) this.#departure.begin();
  }

  /** Ends what still runs with UNAVAILABLE, and the connection. */
  abandon(): void {
    if (this.dead) return;
    for (const stream of this.#streams.values())
      this.#streams.finish(stream, new GrpcError(Status.UNAVAILABLE, 'the server is shutting down'));
    this.#departure.now();
    this.#hangUp();
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
    this.#streams.tick(now);
  }
}
