/**
 * A request that is no gRPC, as its caller's side of a connection knows it: a head and a body are sent, a head and the
 * bytes of a body come back.
 *
 * `answered` is called with the head of the answer, or `failed` with why there is none; one of them, once. What becomes of
 * the body then, its reader is told.
 */
import { GrpcError, Status } from '../error.ts';
import { AnswerBody } from './answer-body.ts';
import { type CallRequest, ClientCall } from './client-call.ts';
import { fieldOf } from './head.ts';
import type { ResponseHead } from './response-head.ts';

export interface WebCallListener {
  answered(head: ResponseHead): void;
  /** `unseen`: certainly nobody looked at the request, so that it may be sent again. */
  failed(error: Error, unseen: boolean): void;
}

export class WebClientCall extends ClientCall {
  readonly isWeb = true;
  readonly body: AnswerBody;
  readonly #listener: WebCallListener;
  #head: ResponseHead | undefined;
  /** Bytes of the body that the head promised and that have not come; undefined when it said nothing. */
  #missing: number | undefined;
  #unseen = false;

  constructor(request: CallRequest, listener: WebCallListener) {
    super(request);
    this.#listener = listener;
    this.body = new AnswerBody({
      used: (bytes) => this.carrier?.credit(this, bytes),
      unwanted: () => this.cancel('nobody reads the answer'),
    });
  }

  headers(head: ResponseHead, endStream: boolean): void {
    const { httpStatus } = head;
    if (this.#head === undefined) {
      if (httpStatus === undefined || !/^[1-9]\d\d$/.test(httpStatus))
        throw new GrpcError(Status.INTERNAL, 'the server answered without a status');
      // Such as 103: the answer's own head is still to come.
      if (httpStatus.startsWith('1') && !endStream) return;
      this.#head = head;
      this.#missing = promised(head);
      this.#listener.answered(head);
    } else if (httpStatus !== undefined || !endStream)
      throw new GrpcError(Status.INTERNAL, 'the server sent headers in the middle of an answer');
    if (endStream) this.#complete(this.#head === head);
  }

  data(bytes: Buffer, start: number, end: number, counted: number): void {
    if (this.#head === undefined)
      throw new GrpcError(Status.INTERNAL, 'the server sent a body before headers');
    if (this.#missing !== undefined) {
      this.#missing -= end - start;
      if (this.#missing < 0)
        throw new GrpcError(Status.INTERNAL, 'the answer is longer than its head promised');
    }
    this.body.receive(bytes, start, end, counted);
  }

  endOfData(): void {
    if (this.#head === undefined)
      throw new GrpcError(Status.INTERNAL, 'the server ended the answer before it began');
    this.#complete(false);
  }

  /** `bodiless`: an answer to HEAD and the like promises what it does not send. */
  #complete(bodiless: boolean): void {
    if (this.#missing !== undefined && this.#missing > 0 && !bodiless)
      throw new GrpcError(Status.INTERNAL, `the answer ended ${this.#missing} bytes before its end`);
    this.finish(undefined);
  }

  /** Nobody looked at it, and nobody will. */
  turnedAway(error: GrpcError): void {
    this.#unseen = true;
    this.finish(error);
  }

  /** The caller wants no answer any more. */
  cancel(why: string): void {
    if (this.over) return;
    const error = new GrpcError(Status.CANCELLED, why);
    if (this.carrier === undefined) this.finish(error);
    else this.carrier.cancel(this, error);
  }

  protected ended(error: GrpcError | undefined): void {
    // What codes gRPC has for it says nothing to callers of anything else.
    const problem = error === undefined ? undefined : new Error(error.details, { cause: error });
    if (this.#head !== undefined) this.body.end(problem);
    else this.#listener.failed(problem ?? new Error('the request ended without an answer'), this.#unseen);
  }
}

function promised({ fields }: ResponseHead): number | undefined {
  const text = fieldOf(fields, 'content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
