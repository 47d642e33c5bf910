/**
 * What requests are made of, on their way from frames to the streams that they open or go on with.
 */
import { BlockCache } from './block-cache.ts';
import type { Payloads } from './connection-side.ts';
import type { Departure } from './departure.ts';
import { areTrailers, type Head, readHead } from './head.ts';
import { headerTableBytes, HpackDecoder } from './hpack-decoder.ts';
import type { Limits } from './limits.ts';
import { broken, ErrorCode } from './protocol.ts';
import type { ReceiveCredit } from './receive-credit.ts';
import type { ServerStreams } from './server-streams.ts';
import type { Route } from './stream.ts';

export interface RequestFramesOptions {
  readonly limits: Limits;
  readonly routes: ReadonlyMap<string, Route> | undefined;
  /** For requests that are no gRPC. */
  readonly web: Route | undefined;
  readonly streams: ServerStreams;
  readonly credit: ReceiveCredit;
  readonly departure: Pick<Departure, 'lastServed'>;
  /** Takes from the client's budget of frames that carry nothing; throws when it is used up. */
  readonly spend: () => void;
  /** When the client was last heard, on the clock of `performance.now`. */
  readonly heardAt: () => number;
}

export class RequestFrames implements Payloads {
  readonly #o: RequestFramesOptions;
  readonly #streams: ServerStreams;
  readonly #credit: ReceiveCredit;
  readonly #decoder: HpackDecoder;
  readonly #heads = new BlockCache<Head<Route>>();

  constructor(options: RequestFramesOptions) {
    this.#o = options;
    this.#streams = options.streams;
    this.#credit = options.credit;
    this.#decoder = new HpackDecoder(headerTableBytes, options.limits.maxHeaderListBytes);
  }

  data(bytes: Buffer, start: number, end: number, counted: number, id: number, endStream: boolean): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#streams.lingers(id)) {
        if (endStream) this.#streams.forget(id);
      } else this.#streams.reset(id, ErrorCode.STREAM_CLOSED);
      if (end === start) this.#o.spend();
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
    stream.received += end - start;
    if (stream.received > (stream.head.contentLength ?? Number.POSITIVE_INFINITY)) {
      this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    if (endStream) this.#streams.endOfRequest(stream);
    if (end > start && !stream.gone) {
      stream.receive(bytes, start, end, counted);
      this.#credit.held(stream);
    } else if (endStream) stream.halfClosed();
    else {
      this.#o.spend();
      if (counted > 0) this.#streams.credit(stream, counted);
    }
  }

  headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void {
    const decoder = this.#decoder;
    if (id > this.#streams.last) {
      let head = this.#heads.get(bytes, start, end, decoder.generation);
      if (head === undefined) {
        const before = decoder.generation;
        const fields = decoder.decode(bytes, start, end);
        this.#streams.last = id;
        if (decoder.listBytes > this.#o.limits.maxHeaderListBytes) {
          this.#streams.reset(id, ErrorCode.ENHANCE_YOUR_CALM);
          return;
        }
        head = readHead(fields, this.#o.routes, this.#o.web);
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
      this.#o.spend();
    } else if (stream.remoteClosed) this.#streams.reset(id, ErrorCode.STREAM_CLOSED);
    else if (!endStream || !areTrailers(fields)) this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
    else {
      this.#streams.endOfRequest(stream);
      if (!stream.gone) stream.halfClosed();
    }
  }

  #open(id: number, head: Head<Route>, endStream: boolean): void {
    if (id > this.#o.departure.lastServed) this.#streams.reset(id, ErrorCode.REFUSED_STREAM);
    else this.#streams.open(id, head, endStream, this.#o.heardAt());
  }
}
