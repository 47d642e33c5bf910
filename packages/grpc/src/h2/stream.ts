/**
 * One call: what its HTTP/2 stream knows, and what its handler sees of it.
 *
 * The connection moves bytes in and out and says when the stream is gone; the stream runs the handler, takes the one
 * request of most calls apart (those of others: request-reader.ts) and keeps what could not be sent yet. `over` is set once and for all when the call has its status
 * or was abandoned: nothing a handler does afterwards has an effect.
 */
import { GrpcError, Status } from '../error.ts';
import type { MethodDefinition } from '../proto.ts';
import type { BidiCall, BidiHandler, ServerStreamHandler, UnaryHandler } from '../calls.ts';
import { fieldOf, type Head } from './head.ts';
import { responseBlock } from './hpack-encoder.ts';
import { Inbox, messageLength, prefixBytes } from './inbox.ts';
import { RequestReader, type RequestSource } from './request-reader.ts';
import { encodeResponse } from './shared-message.ts';
import { WebBody } from './web-body.ts';
import { webHead } from './web-head.ts';

/** A method with its handler, in the form its kind asks for. */
export interface Route {
  readonly method: MethodDefinition;
  readonly unary: UnaryHandler<object, object> | undefined;
  readonly serverStream: ServerStreamHandler<object, object> | undefined;
  readonly bidi: BidiHandler<object, object> | undefined;
  /** In the place of the others: for what is no gRPC, whose bytes are nobody's messages. */
  readonly web?: (stream: Stream) => Promise<void>;
}

/** What a stream asks of its connection. */
export interface Carrier {
  readonly peer: string;
  readonly clientName: string | undefined;
  readonly maxReceiveBytes: number;
  readonly streamQueueBytes: number;
  /** The whole answer of a unary call that went well. */
  answer(stream: Stream, message: Buffer): void;
  /** One message of several. */
  send(stream: Stream, message: Buffer): void;
  /** The stream is to be told when the kernel has all it was given, and what comes next. */
  lend(stream: Stream): void;
  /** The end of a call, well or not. */
  finish(stream: Stream, error: GrpcError | undefined): void;
  /** The end of an answer that is no gRPC, behind these bytes. */
  conclude(stream: Stream, bytes: Buffer): void;
  /** The head of an answer ahead of everything else, and with `block` one of status 1xx before it. */
  head(stream: Stream, block?: Buffer): void;
  /** So many received bytes were used: the client may send as many more. */
  credit(stream: Stream, bytes: number): void;
  /** Ends the stream without an end of its answer. */
  cancel(stream: Stream): void;
  /** The handler of a stream that is gone has returned. */
  settled(): void;
}

/** For what is no gRPC and was given no head: a fault of its handler. */
export const unanswered = webHead(500, { 'content-length': '0' });

function asGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  return new GrpcError(Status.INTERNAL, error instanceof Error ? error.message : String(error));
}

export class Stream implements BidiCall<object, object>, RequestSource {
  readonly id: number;
  readonly head: Head<Route>;
  readonly #carrier: Carrier;
  readonly #route: Route;
  /** Kept by the connection: */
  sendWindow: number;
  receiveWindow: number;
  readonly since: number;
  deadline = Number.POSITIVE_INFINITY;
  received = 0;
  remoteClosed = false;
  gone = false;
  headersSent = false;
  waitingHead: Buffer | undefined;
  /** What precedes the answer. */
  opening: Buffer = responseBlock;
  queue: Buffer[] | undefined;
  queuedBytes = 0;
  trailers: Buffer | undefined;
  /** The handler was started and has not returned. */
  running = false;
  over = false;

  /** The one request of a call that takes one, while it is not all there. */
  #inbox: Inbox | undefined;
  /** The requests of a call that takes many. */
  #requests: RequestReader | undefined;
  /** The same of what is no gRPC. */
  #body: WebBody | undefined;
  /** Told when the stream is gone. */
  onGone: (() => void) | undefined;
  #controller: AbortController | undefined;
  #aborted = false;
  #drainWaiters: (() => void)[] | undefined;
  /** Whoever wants memory back that was lent. */
  #lenders: (() => void)[] | undefined;
  #seenQueued = -1;
  #seenAt = 0;

  constructor(
    id: number,
    head: Head<Route>,
    route: Route,
    carrier: Carrier,
    windows: { send: number; receive: number; now: number },
  ) {
    this.id = id;
    this.head = head;
    this.#route = route;
    if (route.web !== undefined) this.opening = unanswered;
    this.#carrier = carrier;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
    this.since = windows.now;
  }

  // What the handler sees.

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get peer(): string {
    return this.#carrier.peer;
  }

  get clientName(): string | undefined {
    return this.#carrier.clientName;
  }

  metadata(name: string): string | undefined {
    return fieldOf(this.head.fields, name);
  }

  write(message: object): boolean {
    if (this.over) return true;
    return this.writeBytes(encodeResponse(this.#route.method, message));
  }

  /** A message as it goes over the wire; of what is no gRPC, bytes. */
  writeBytes(bytes: Buffer): boolean {
    if (this.over) return true;
    this.#carrier.send(this, bytes);
    return this.queuedBytes <= this.#carrier.streamQueueBytes;
  }

  writeLent(message: Buffer): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      (this.#lenders ??= []).push(resolve);
      this.#carrier.lend(this);
      this.#carrier.send(this, message);
    });
  }

  drained(): Promise<void> {
    if (this.over || this.queuedBytes <= this.#carrier.streamQueueBytes) return Promise.resolve();
    return new Promise((resolve) => {
      (this.#drainWaiters ??= []).push(resolve);
    });
  }

  get requests(): AsyncIterable<object> {
    return { [Symbol.asyncIterator]: () => this.#reader };
  }

  // What the handler of what is no gRPC sees beside.

  get body(): WebBody {
    return (this.#body ??= new WebBody(this));
  }

  sendHead(block?: Buffer): void {
    if (!this.over) this.#carrier.head(this, block);
  }

  /** The answer ends with these bytes. */
  endWith(bytes: Buffer): void {
    if (!this.over) this.#carrier.conclude(this, bytes);
  }

  // What the reader of its requests asks.

  get #reader(): RequestReader {
    return (this.#requests ??= new RequestReader(this));
  }

  takeRequest(inbox: Inbox): object | undefined {
    const bytes = inbox.take(this.#carrier.maxReceiveBytes);
    return bytes === undefined ? undefined : this.#route.method.request.decode(bytes);
  }

  credit(bytes: number): void {
    this.#carrier.credit(this, bytes);
  }

  fail(error: unknown): void {
    this.#carrier.finish(this, asGrpcError(error));
  }

  // What the connection says.

  /** Bytes of a request that is not all there. */
  get held(): number {
    return this.#inbox?.length ?? 0;
  }

  get isBidi(): boolean {
    return this.#route.bidi !== undefined || this.isWeb;
  }

  get isWeb(): boolean {
    return this.#route.web !== undefined;
  }

  cancel(): void {
    if (!this.gone) this.#carrier.cancel(this);
  }

  /** Its handler cannot start before the client has said more. */
  get waitsForRequest(): boolean {
    return !this.remoteClosed && !this.isBidi;
  }

  /** Nothing of what waits to be sent has gone out for `ms` milliseconds. Asked now and then. */
  stuck(now: number, ms: number): boolean {
    if (this.queuedBytes !== this.#seenQueued) {
      this.#seenQueued = this.queuedBytes;
      this.#seenAt = now;
    }
    return now - this.#seenAt > ms;
  }

  /** A stream in both directions begins with its headers; others with their request. */
  begin(): void {
    const { bidi, web } = this.#route;
    if (web !== undefined) this.#run(() => web(this));
    else if (bidi !== undefined) this.#run(() => bidi(this));
  }

  /** The payload of a DATA frame. `counted` bytes of the stream's window were used for it. */
  receive(bytes: Buffer, start: number, end: number, counted: number): void {
    if (this.over) return;
    if (this.isBidi) {
      (this.isWeb ? this.body : this.#reader).receive(bytes, start, end, counted);
      return;
    }
    try {
      const maxBytes = this.#carrier.maxReceiveBytes;
      if (this.remoteClosed && this.#inbox === undefined && end - start >= prefixBytes) {
        // The usual request: one message in one frame.
        if (messageLength(bytes, start, maxBytes) === end - start - prefixBytes) {
          this.#request(own(bytes, start + prefixBytes, end));
          return;
        }
      }
      this.#inbox ??= new Inbox();
      this.#inbox.push(bytes, start, end);
      this.#inbox.check(maxBytes);
      if (this.remoteClosed) this.#request(this.#inbox.only(maxBytes));
      else if (this.#inbox.length > maxBytes + prefixBytes)
        throw new GrpcError(Status.UNIMPLEMENTED, 'the call carries more than its one request');
      else this.#carrier.credit(this, counted);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The client half-closed without more bytes. */
  halfClosed(): void {
    if (this.over) return;
    if (this.isBidi) {
      this.#requests?.serve();
      this.#body?.serve();
      return;
    }
    try {
      this.#request((this.#inbox ?? new Inbox()).only(this.#carrier.maxReceiveBytes));
    } catch (error) {
      this.fail(error);
    }
  }

  /** The one request of a call that takes one. */
  #request(bytes: Buffer): void {
    const { method, unary, serverStream } = this.#route;
    const message = method.request.decode(bytes);
    if (serverStream !== undefined) {
      this.#run(() => serverStream(message, this));
      return;
    }
    if (unary === undefined) throw new GrpcError(Status.UNIMPLEMENTED, `${method.path} has no handler`);
    const result = unary(message, this);
    if (result instanceof Promise) {
      this.running = true;
      result.then(
        (response) => this.#answered(response),
        (error: unknown) => this.#returned(asGrpcError(error)),
      );
    } else this.#carrier.answer(this, method.response.encode(result));
  }

  #answered(response: object): void {
    if (this.over) {
      this.#returned(undefined);
      return;
    }
    let bytes: Buffer;
    try {
      bytes = this.#route.method.response.encode(response);
    } catch (error) {
      this.#returned(asGrpcError(error));
      return;
    }
    this.running = false;
    this.#carrier.answer(this, bytes);
  }

  #run(handler: () => Promise<void>): void {
    this.running = true;
    let result: Promise<void>;
    try {
      result = handler();
    } catch (error) {
      this.#returned(asGrpcError(error));
      return;
    }
    result.then(
      () => this.#returned(undefined),
      (error: unknown) => this.#returned(asGrpcError(error)),
    );
  }

  #returned(error: GrpcError | undefined): void {
    this.running = false;
    if (this.gone) this.#carrier.settled();
    else if (!this.over) this.#carrier.finish(this, error);
  }

  /** There is room for the handler's messages again. */
  drain(): void {
    const waiters = this.#drainWaiters;
    if (waiters === undefined) return;
    this.#drainWaiters = undefined;
    for (const resolve of waiters) resolve();
  }

  /** Nobody uses any more what was lent. */
  taken(): void {
    const lenders = this.#lenders;
    if (lenders === undefined) return;
    this.#lenders = undefined;
    for (const resolve of lenders) resolve();
  }

  /** The call has its status; with `cancelled` not by its handler's doing, which is told so. */
  end(cancelled: boolean): void {
    if (this.over) return;
    this.over = true;
    this.#inbox = undefined;
    this.#requests?.end();
    this.#body?.end();
    this.drain();
    this.taken();
    if (!cancelled) return;
    this.#aborted = true;
    this.#controller?.abort();
  }
}

/**
 * The bytes as a message may keep them: a view, unless that would keep a read buffer alive that is much larger than
 * the message.
 */
function own(bytes: Buffer, start: number, end: number): Buffer {
  const view = bytes.subarray(start, end);
  return bytes.length <= 4096 || (end - start) * 4 >= bytes.length ? view : Buffer.from(view);
}
