/**
 * The client's half of HTTP/2 (RFC 9113) on one connection, fed with bytes.
 *
 * In: calls to carry, and chunks from the socket. Out: frames through the sender, and the end of every call, exactly
 * once each. A server that breaks the protocol loses the connection; what concerns one call only ends that call. After
 * `dead` nothing is read any more and every call has been ended.
 */
import { GrpcError, Status } from '../error.ts';
import { BlockCache } from './block-cache.ts';
import type { ClientCall } from './client-call.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlocks, unpadded } from './header-blocks.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Transport } from './output.ts';
import {
  broken,
  ConnectionError,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  maxStreamId,
  maxWindow,
  preface,
} from './protocol.ts';
import { readResponseHead, resetError, type ResponseHead } from './response-head.ts';
import { Sender } from './sender.ts';
import { clientSettings, readSetting, readInitialWindow } from './settings.ts';
import { Setting } from './protocol.ts';

const headerTableBytes = 4096;
const none = Buffer.alloc(0);
const lingerMs = 1_000;

/** A server is trusted with more than a client of ours, and never keeps us from reading it. */
export const clientLimits: Limits = {
  ...defaultLimits,
  streamWindow: 1024 * 1024,
  connectionWindow: 16 * 1024 * 1024,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderBlockBytes: 64 * 1024,
  pauseBytes: Infinity,
};

export interface ClientConnectionEvents {
  /** The connection takes no more calls: it is dead, or the server asked to go elsewhere. */
  readonly retired: () => void;
  /** Calls that the server certainly did not look at, and that may be carried by another connection. */
  readonly unserved: (call: ClientCall) => void;
  /** The number of calls became 0, or was 0. */
  readonly busy: (busy: boolean) => void;
}

export class ClientConnection {
  dead = false;
  readonly #transport: Transport;
  readonly #limits: Limits;
  readonly #events: ClientConnectionEvents;
  readonly #sender: Sender<ClientCall>;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #heads = new BlockCache<ResponseHead>();
  readonly #blocks: HeaderBlocks;
  readonly #calls = new Map<number, ClientCall>();
  /** For the server to allow more at a time. */
  readonly #waiting: ClientCall[] = [];
  #maxCalls = 100;
  #nextId = 1;
  #window: number;
  #uncredited = new Map<ClientCall, number>();
  #settled = false;
  #retired = false;

  constructor(transport: Transport, events: ClientConnectionEvents, limits: Limits = clientLimits) {
    this.#transport = transport;
    this.#events = events;
    this.#limits = limits;
    this.#window = limits.connectionWindow;
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
    this.#sender = new Sender<ClientCall>(
      transport,
      limits,
      (call) => (call.localClosed = true),
      () => undefined,
    );
    this.#blocks = new HeaderBlocks(limits, (bytes, start, end, id, endStream) =>
      this.#headerBlock(bytes, start, end, id, endStream),
    );
    this.#reader = new FrameReader((bytes, at, length) => this.#frame(bytes, at, length), {
      fromServer: true,
    });
    transport.write(preface);
    this.#sender.frame(FrameType.SETTINGS, 0, 0, clientSettings(limits));
    this.#sender.number(FrameType.WINDOW_UPDATE, 0, limits.connectionWindow - defaultWindow);
  }

  /** Calls that are carried or wait to be. */
  get size(): number {
    return this.#calls.size + this.#waiting.length;
  }

  // What callers do.

  start(call: ClientCall): void {
    if (this.size === 0) this.#events.busy(true);
    call.connection = this;
    if (this.#calls.size < this.#maxCalls) this.#open(call);
    else this.#waiting.push(call);
  }

  #open(call: ClientCall): void {
    call.id = this.#nextId;
    this.#nextId += 2;
    call.sendWindow = this.#sender.initialWindow;
    call.receiveWindow = this.#limits.streamWindow;
    this.#calls.set(call.id, call);
    call.headersSent = true;
    this.#sender.frame(FrameType.HEADERS, Flag.END_HEADERS, call.id, call.opening);
    const { message } = call.request;
    if (message !== undefined) {
      this.#sender.message(call, message);
      this.#sender.finish(call, none);
    }
    call.opened();
    // Ids are not given out twice.
    if (this.#nextId > maxStreamId) this.#retire();
  }

  /** Sends a request of a stream; false asks to slow down. */
  send(call: ClientCall, message: Buffer): boolean {
    if (this.dead || call.localClosed) return true;
    this.#sender.message(call, message);
    return call.queuedBytes <= this.#limits.streamQueueBytes;
  }

  halfClose(call: ClientCall): void {
    if (!this.dead && !call.localClosed) this.#sender.finish(call, none);
  }

  /** The caller used so many bytes of what it received. */
  credit(call: ClientCall, bytes: number): void {
    if (this.dead || !this.#calls.has(call.id)) return;
    const pending = (this.#uncredited.get(call) ?? 0) + bytes;
    if (pending < this.#limits.streamWindow / 2) {
      this.#uncredited.set(call, pending);
      return;
    }
    this.#uncredited.delete(call);
    call.receiveWindow += pending;
    this.#sender.number(FrameType.WINDOW_UPDATE, call.id, pending);
  }

  /** Ends a call from this side, with the error that its caller gets. */
  cancel(call: ClientCall, error: GrpcError): void {
    const waits = this.#waiting.indexOf(call);
    if (waits >= 0) this.#waiting.splice(waits, 1);
    else if (this.#calls.has(call.id) && !this.dead) {
      this.#sender.number(FrameType.RST_STREAM, call.id, ErrorCode.CANCEL);
      this.#remove(call);
    }
    call.finish(error);
    this.#settleDown();
  }

  // What the socket says.

  feed(chunk: Buffer): void {
    if (this.dead) return;
    try {
      this.#reader.feed(chunk, () => this.dead);
    } catch (error) {
      const code = error instanceof ConnectionError ? error.code : ErrorCode.INTERNAL_ERROR;
      const text = error instanceof Error ? error.message : String(error);
      const payload = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
      payload.writeUInt32BE(code, 4);
      this.#sender.frame(FrameType.GOAWAY, 0, 0, payload);
      this.#hangUp(`the server broke the protocol: ${text}`);
    }
  }

  drained(): void {
    if (!this.dead) this.#sender.drained();
  }

  /** The connection is gone, and with it every call that it carried. */
  closed(reason: string): void {
    if (this.dead) return;
    this.dead = true;
    this.#sender.close();
    this.#retire();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#uncredited.clear();
    for (const call of calls) call.finish(new GrpcError(Status.UNAVAILABLE, `Connection dropped: ${reason}`));
    for (const call of this.#waiting.splice(0)) this.#events.unserved(call);
    this.#events.busy(false);
  }

  #hangUp(reason: string): void {
    this.#sender.flush();
    this.closed(reason);
    this.#transport.end();
    setTimeout(() => this.#transport.destroy(), lingerMs).unref();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#events.retired();
    if (!this.dead) for (const call of this.#waiting.splice(0)) this.#events.unserved(call);
  }

  // Frames.

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
        this.#rstStream(bytes, start, length, id);
        return;
      case FrameType.SETTINGS:
        this.#settings(bytes, start, length, flags, id);
        return;
      case FrameType.PING:
        if (length !== 8 || id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'a malformed PING');
        if ((flags & Flag.ACK) === 0)
          this.#sender.frame(FrameType.PING, Flag.ACK, 0, Buffer.from(bytes.subarray(start, end)));
        return;
      case FrameType.GOAWAY:
        this.#goaway(bytes, start, length, id);
        return;
      case FrameType.PUSH_PROMISE:
        throw broken(ErrorCode.PROTOCOL_ERROR, 'pushed, although that was switched off');
    }
  }

  #mustHaveBeen(id: number, what: string): void {
    if (id === 0 || id % 2 === 0 || id >= this.#nextId)
      throw broken(ErrorCode.PROTOCOL_ERROR, `${what} on stream ${id}, which was never opened`);
  }

  #data(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    this.#mustHaveBeen(id, 'DATA');
    const counted = end - start;
    this.#window -= counted;
    if (this.#window < 0) throw broken(ErrorCode.FLOW_CONTROL_ERROR, 'more data than the connection window');
    const full = this.#limits.connectionWindow;
    if (this.#window <= full / 2) {
      // Calls are held back one by one: who does not read must not stop the others.
      this.#sender.number(FrameType.WINDOW_UPDATE, 0, full - this.#window);
      this.#window = full;
    }
    const stop = unpadded(bytes, start, end, flags);
    const from = (flags & Flag.PADDED) === 0 ? start : start + 1;
    const call = this.#calls.get(id);
    // Of a call that was cancelled here: still on its way when that was said.
    if (call === undefined) return;
    call.receiveWindow -= counted;
    if (call.receiveWindow < 0) {
      this.#reset(call, ErrorCode.FLOW_CONTROL_ERROR, 'the server sent more than it was allowed');
      return;
    }
    try {
      if (stop > from) call.data(bytes, from, stop, counted);
      else if (counted > 0) this.credit(call, counted);
      if ((flags & Flag.END_STREAM) !== 0)
        throw new GrpcError(Status.INTERNAL, 'the server ended the call without a status');
    } catch (error) {
      this.#failed(call, error);
    }
  }

  #headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void {
    this.#mustHaveBeen(id, 'HEADERS');
    const decoder = this.#decoder;
    let head = this.#heads.get(bytes, start, end, decoder.generation);
    if (head === undefined) {
      const before = decoder.generation;
      const fields = decoder.decode(bytes, start, end);
      head = readResponseHead(fields);
      // An error belongs to one call.
      if (!(head.outcome instanceof GrpcError) && head.problem === undefined)
        this.#heads.keep(bytes, start, end, before, decoder.generation, head);
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    try {
      if (!endStream) {
        call.headers(head, false);
        return;
      }
      // The server is done with it; what is still to be sent interests nobody.
      if (!call.localClosed) this.#sender.number(FrameType.RST_STREAM, id, ErrorCode.NO_ERROR);
      this.#remove(call);
      call.headers(head, true);
    } catch (error) {
      this.#failed(call, error);
    }
    this.#settleDown();
  }

  #failed(call: ClientCall, error: unknown): void {
    if (!(error instanceof GrpcError)) throw error;
    this.cancel(call, error);
  }

  #reset(call: ClientCall, code: ErrorCode, text: string): void {
    this.#sender.number(FrameType.RST_STREAM, call.id, code);
    this.#remove(call);
    call.finish(new GrpcError(Status.INTERNAL, text));
    this.#settleDown();
  }

  #remove(call: ClientCall): void {
    this.#calls.delete(call.id);
    this.#uncredited.delete(call);
    this.#sender.forget(call);
    call.localClosed = true;
  }

  /** A call is gone: others may have its place. */
  #settleDown(): void {
    while (!this.dead && this.#calls.size < this.#maxCalls) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#open(next);
    }
    if (this.size > 0 || this.dead) return;
    this.#events.busy(false);
    if (this.#retired) this.#hangUp('the server asked to go elsewhere');
  }

  #windowUpdate(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${length} bytes`);
    const increment = bytes.readUInt32BE(start) & maxWindow;
    if (id === 0) {
      if (increment === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.#sender.widen(increment);
      return;
    }
    this.#mustHaveBeen(id, 'WINDOW_UPDATE');
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (increment === 0 || !this.#sender.widenStream(call, increment))
      this.#reset(call, ErrorCode.FLOW_CONTROL_ERROR, 'the server widened the window by nonsense');
  }

  #rstStream(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `RST_STREAM of ${length} bytes`);
    this.#mustHaveBeen(id, 'RST_STREAM');
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const code = bytes.readUInt32BE(start);
    this.#remove(call);
    if (code === ErrorCode.REFUSED_STREAM) this.#events.unserved(call);
    else call.finish(resetError(code));
    this.#settleDown();
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
    if (change !== 0)
      for (const call of this.#calls.values())
        if (!sender.widenStream(call, change))
          throw broken(ErrorCode.FLOW_CONTROL_ERROR, 'a stream window is wider than 2^31 - 1');
    this.#maxCalls = readSetting(bytes, start, length, Setting.MAX_CONCURRENT_STREAMS) ?? this.#maxCalls;
    this.#settleDown();
  }

  #goaway(bytes: Buffer, start: number, length: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `GOAWAY on stream ${id}`);
    if (length < 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `GOAWAY of ${length} bytes`);
    const last = bytes.readUInt32BE(start) & maxStreamId;
    this.#retire();
    for (const call of this.#calls.values()) {
      if (call.id <= last) continue;
      this.#remove(call);
      this.#events.unserved(call);
    }
    this.#settleDown();
  }
}
