/** Calls of gRPC: one request with one answer, and streams of both. */
import { GrpcError, Status } from '../error.ts';
import { type CallRequest, ClientCall } from './client-call.ts';
import { Inbox, messageLength, prefixBytes } from './inbox.ts';
import type { ResponseHead } from './response-head.ts';

export interface GrpcCallRequest extends CallRequest {
  /** The longest message that may be received. */
  readonly maxReceiveBytes: number;
}

abstract class GrpcCall extends ClientCall {
  readonly isWeb = false;
  protected readonly maxReceiveBytes: number;
  #answered = false;

  constructor(request: GrpcCallRequest) {
    super(request);
    this.maxReceiveBytes = request.maxReceiveBytes;
  }

  /** The server's headers; the end of the call when they say so or when nothing follows. */
  headers({ httpStatus, grpc: { outcome, problem } }: ResponseHead, endStream: boolean): void {
    if (problem !== undefined) throw outcome ?? problem;
    if (!endStream) {
      if (this.#answered || httpStatus === undefined)
        throw new GrpcError(Status.INTERNAL, 'the server sent headers in the middle of an answer');
      // Such as 103: the answer's own headers are still to come.
      this.#answered = !httpStatus.startsWith('1');
      return;
    }
    this.finish(
      outcome === undefined
        ? new GrpcError(Status.UNKNOWN, 'the server ended the call without a status')
        : (outcome ?? undefined),
    );
  }

  data(bytes: Buffer, start: number, end: number, counted: number): void {
    if (!this.#answered) throw new GrpcError(Status.INTERNAL, 'the server sent data before headers');
    this.received(bytes, start, end, counted);
  }

  endOfData(): void {
    throw new GrpcError(Status.INTERNAL, 'the server ended the call without a status');
  }

  protected abstract received(bytes: Buffer, start: number, end: number, counted: number): void;
}

/** One request, one response. */
export class UnaryClientCall extends GrpcCall {
  readonly #done: (error: GrpcError | undefined, message: Buffer | undefined) => void;
  #message: Buffer | undefined;
  #inbox: Inbox | undefined;

  constructor(
    request: GrpcCallRequest,
    done: (error: GrpcError | undefined, message: Buffer | undefined) => void,
  ) {
    super(request);
    this.#done = done;
  }

  protected received(bytes: Buffer, start: number, end: number, counted: number): void {
    const { maxReceiveBytes } = this;
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
        this.#message = this.#inbox.take(this.maxReceiveBytes);
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
export class StreamClientCall extends GrpcCall {
  readonly #closed: () => void;
  readonly #inbox = new Inbox();
  #uncredited = 0;
  #reader: Reader | undefined;
  #error: GrpcError | undefined;
  #early: Buffer[] = [];
  #halfClosed = false;

  /** `closed` is called when the call has ended, whether its last messages were read or not. */
  constructor(request: GrpcCallRequest, closed: () => void) {
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
      message = this.#inbox.take(this.maxReceiveBytes);
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
