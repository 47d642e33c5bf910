/**
 * One call as its caller's side of a connection knows it: what waits to be sent, what has come, and how it ended.
 *
 * `over` is set once and for all, by the server's status, a failure of the connection, the deadline or the caller;
 * `ended` is called exactly once then, and nothing that comes later has an effect.
 */
import { GrpcError, Status } from '../error.ts';
import { Inbox, messageLength, prefixBytes } from './inbox.ts';
import type { ResponseHead } from './response-head.ts';
import type { Sending } from './sender.ts';

export interface CallRequest {
  /** The request's header block. */
  readonly head: Buffer;
  /** The one request of a call that takes one, encoded; undefined for a stream of requests. */
  readonly message: Buffer | undefined;
  readonly maxReceiveBytes: number;
}

/** What a call asks of its connection. */
export interface CallCarrier {
  /** Sends a request of a stream; false asks to slow down. */
  send(call: ClientCall, message: Buffer): boolean;
  /** The caller has said everything. */
  halfClose(call: ClientCall): void;
  /** The caller used so many bytes of what it received. */
  credit(call: ClientCall, bytes: number): void;
  /** Ends a call from this side, with the error that its caller gets. */
  cancel(call: ClientCall, error: GrpcError): void;
}

export abstract class ClientCall implements Sending {
  readonly request: CallRequest;
  /** Who carries it; with an id of 0 it waits there for its turn. */
  carrier: CallCarrier | undefined;
  id = 0;
  sendWindow = 0;
  receiveWindow = 0;
  headersSent = false;
  readonly isWeb = false;
  queue: Buffer[] | undefined;
  queuedBytes = 0;
  trailers: Buffer | undefined;
  over = false;
  /** Nothing more of it is sent. */
  localClosed = false;
  #answered = false;

  constructor(request: CallRequest) {
    this.request = request;
  }

  get opening(): Buffer {
    return this.request.head;
  }

  drain(): void {}

  /** It has its id, and what it has to say may be sent. */
  opened(): void {}

  /** The server did not look at it. Returns whether it can be carried again as if nothing had been sent. */
  restart(): boolean {
    if (this.over || (this.id !== 0 && this.request.message === undefined)) return false;
    this.carrier = undefined;
    this.id = 0;
    this.headersSent = false;
    this.queue = undefined;
    this.queuedBytes = 0;
    this.trailers = undefined;
    this.localClosed = false;
    return true;
  }

  /** The server's headers; the end of the call when they say so or when nothing follows. */
  headers(head: ResponseHead, endStream: boolean): void {
    if (head.problem !== undefined) throw head.outcome ?? head.problem;
    if (!endStream) {
      if (this.#answered || head.httpStatus === undefined)
        throw new GrpcError(Status.INTERNAL, 'the server sent headers in the middle of an answer');
      // Such as 103: the answer's own headers are still to come.
      this.#answered = !head.httpStatus.startsWith('1');
      return;
    }
    this.finish(
      head.outcome === undefined
        ? new GrpcError(Status.UNKNOWN, 'the server ended the call without a status')
        : (head.outcome ?? undefined),
    );
  }

  /** The payload of a DATA frame, which used `counted` bytes of the windows. */
  data(bytes: Buffer, start: number, end: number, counted: number): void {
    if (!this.#answered) throw new GrpcError(Status.INTERNAL, 'the server sent data before headers');
    this.received(bytes, start, end, counted);
  }

  finish(error: GrpcError | undefined): void {
    if (this.over) return;
    this.over = true;
    this.ended(error);
  }

  protected abstract received(bytes: Buffer, start: number, end: number, counted: number): void;
  protected abstract ended(error: GrpcError | undefined): void;
}

/** One request, one response. */
export class UnaryClientCall extends ClientCall {
  readonly #done: (error: GrpcError | undefined, message: Buffer | undefined) => void;
  #message: Buffer | undefined;
  #inbox: Inbox | undefined;

  constructor(
    request: CallRequest,
    done: (error: GrpcError | undefined, message: Buffer | undefined) => void,
  ) {
    super(request);
    this.#done = done;
  }

  protected received(bytes: Buffer, start: number, end: number, counted: number): void {
    const { maxReceiveBytes } = this.request;
    if (
      this.#inbox === undefined &&
      this.#message === undefined &&
      end - start >= prefixBytes &&
      messageLength(bytes, start, maxReceiveBytes) === end - start - prefixBytes
    ) {
      // The usual answer: one message in one frame. A copy, for the read buffer may hold many.
      this.#message = Buffer.from(bytes.subarray(start + prefixBytes, end));
      return;
    }
    if (this.#message !== undefined) throw tooMany();
    const inbox = (this.#inbox ??= new Inbox());
    inbox.push(bytes, start, end);
    inbox.check(maxReceiveBytes);
    if (inbox.length > maxReceiveBytes + prefixBytes) throw tooMany();
    this.carrier?.credit(this, counted);
  }

  protected ended(error: GrpcError | undefined): void {
    let failure = error;
    if (failure === undefined && this.#inbox !== undefined) {
      try {
        this.#message = this.#inbox.take(this.request.maxReceiveBytes);
        if (this.#message !== undefined && this.#inbox.length > 0) failure = tooMany();
      } catch (problem) {
        failure = problem as GrpcError;
      }
    }
    if (failure === undefined && this.#message === undefined)
      failure = new GrpcError(Status.INTERNAL, 'the call ended without an answer');
    this.#inbox = undefined;
    this.#done(failure, failure === undefined ? this.#message : undefined);
  }
}

function tooMany(): GrpcError {
  return new GrpcError(Status.INTERNAL, 'the server sent more than one answer');
}

type Reader = {
  readonly resolve: (result: IteratorResult<Buffer>) => void;
  readonly reject: (error: GrpcError) => void;
};

/** A stream of responses, read as fast as its caller likes; the server is held back by the window. */
export class StreamClientCall extends ClientCall {
  readonly #closed: () => void;
  readonly #inbox = new Inbox();
  #uncredited = 0;
  #reader: Reader | undefined;
  #error: GrpcError | undefined;
  #early: Buffer[] = [];
  #halfClosed = false;

  /** `closed` is called when the call has ended, whether its last messages were read or not. */
  constructor(request: CallRequest, closed: () => void) {
    super(request);
    this.#closed = closed;
  }

  /** Queues a request; false asks to slow down. What is written before there is a connection waits here. */
  write(message: Buffer): boolean {
    if (this.over || this.#halfClosed) return true;
    if (this.carrier !== undefined && this.id !== 0) return this.carrier.send(this, message);
    this.#early.push(message);
    return this.#early.length < 16;
  }

  halfClose(): void {
    if (this.over || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.id !== 0) this.carrier?.halfClose(this);
  }

  override opened(): void {
    for (const message of this.#early.splice(0)) this.carrier?.send(this, message);
    if (this.#halfClosed) this.carrier?.halfClose(this);
  }

  /** The next response, or the end. Rejects with the call's error, once. */
  next(): Promise<IteratorResult<Buffer>> {
    if (this.#reader !== undefined)
      return Promise.reject(new GrpcError(Status.INTERNAL, 'responses are read one after the other'));
    try {
      const result = this.#take();
      if (result !== undefined) return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      // Only who waits may have more than the window: a message may be longer than it.
      this.#giveCredit(0);
    });
  }

  #take(): IteratorResult<Buffer> | undefined {
    let message: Buffer | undefined;
    try {
      message = this.#inbox.take(this.request.maxReceiveBytes);
    } catch (error) {
      this.#inbox.clear();
      this.carrier?.cancel(this, error as GrpcError);
    }
    if (message !== undefined) {
      this.#giveCredit(this.#inbox.length);
      return { done: false, value: message };
    }
    if (!this.over) return undefined;
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  #giveCredit(held: number): void {
    const credit = this.#uncredited - held;
    if (credit <= 0 || this.over) return;
    this.#uncredited = held;
    this.carrier?.credit(this, credit);
  }

  protected received(bytes: Buffer, start: number, end: number, counted: number): void {
    this.#uncredited += counted;
    this.#inbox.push(bytes, start, end);
    this.#serve();
    if (!this.over) this.#giveCredit(this.#reader === undefined ? this.#inbox.length : 0);
  }

  protected ended(error: GrpcError | undefined): void {
    this.#error = error;
    this.#serve();
    this.#closed();
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      const result = this.#take();
      if (result === undefined) return;
      this.#reader = undefined;
      reader.resolve(result);
    } catch (problem) {
      this.#reader = undefined;
      reader.reject(problem as GrpcError);
    }
  }

  /** The caller wants nothing more, not even what has come. */
  abandon(): void {
    this.#inbox.clear();
    this.#error = undefined;
  }
}
