/**
 * One call as its caller's side of a connection knows it: what waits to be sent, what has come, and how it ended.
 *
 * `over` is set once and for all, by the end of the answer, a failure of the connection, the deadline or the caller;
 * `ended` is called exactly once then, and nothing that comes later has an effect.
 */
import type { GrpcError } from '../error.ts';
import type { ResponseHead } from './response-head.ts';
import type { Sending } from './sending.ts';

export interface CallRequest {
  /** The request's header block. */
  readonly head: Buffer;
  /** Everything else that there is to say: a message, encoded, or a body. Undefined for a stream of requests. */
  readonly message: Buffer | undefined;
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
  abstract readonly isWeb: boolean;
  /** Who carries it; with an id of 0 it waits there for its turn. */
  carrier: CallCarrier | undefined;
  id = 0;
  sendWindow = 0;
  receiveWindow = 0;
  headersSent = false;
  waitingHead: Buffer | undefined;
  queue: Buffer[] | undefined;
  queuedBytes = 0;
  trailers: Buffer | undefined;
  over = false;
  /** Nothing more of it is sent. */
  localClosed = false;

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

  /** A header block of the answer, its end when `endStream` says so. Throws the error that ends the call. */
  abstract headers(head: ResponseHead, endStream: boolean): void;

  /** The payload of a DATA frame, which used `counted` bytes of the windows. Throws the error that ends the call. */
  abstract data(bytes: Buffer, start: number, end: number, counted: number): void;

  /** The answer ended with the data that came last. Throws the error that ends the call. */
  abstract endOfData(): void;

  finish(error: GrpcError | undefined): void {
    if (this.over) return;
    this.over = true;
    this.ended(error);
  }

  protected abstract ended(error: GrpcError | undefined): void;
}
