/**
 * The body of an answer that is no gRPC, as its reader takes it: bytes as they come, to their end or an error. The server
 * gets room for as much as was read, so that what is held stays within the stream's window however slow the reader is.
 */
import { Inbox } from './inbox.ts';

export interface AnswerSource {
  /** The reader took so many bytes of the stream's window. */
  used(bytes: number): void;
  /** The reader wants nothing more of an answer that has not ended. */
  unwanted(): void;
}

type Result = IteratorResult<Buffer, undefined>;
interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}
const done: Result = { done: true, value: undefined };

export class AnswerBody implements AsyncIterableIterator<Buffer, undefined> {
  readonly #source: AnswerSource;
  /** What came first and waits; most answers are one frame. */
  #first: Buffer | undefined;
  /** What came after it. One buffer, so that tiny frames cost no more than their bytes. */
  #rest: Inbox | undefined;
  #uncredited = 0;
  /** While somebody waits, nothing is held. */
  #waiter: Waiter | undefined;
  #ended = false;
  /** Told once, behind what came before it. */
  #error: Error | undefined;

  constructor(source: AnswerSource) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next bytes, or the end. Rejects with what broke the answer, and while those before are still awaited. */
  next(): Promise<Result> {
    if (this.#waiter !== undefined) return Promise.reject(new Error('a body is read piece by piece'));
    const value = this.#take();
    if (value !== undefined) {
      this.#giveCredit();
      return Promise.resolve({ done: false, value });
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve(done);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  return(): Promise<Result> {
    this.destroy();
    return Promise.resolve(done);
  }

  /** Reads nothing more. Who waits is told `error`, or the end without one. */
  destroy(error?: Error): void {
    this.#first = undefined;
    this.#rest = undefined;
    if (this.#ended) return;
    this.end(error);
    this.#source.unwanted();
  }

  #take(): Buffer | undefined {
    const first = this.#first;
    if (first === undefined) return this.#rest?.takeAll();
    this.#first = undefined;
    return first;
  }

  #giveCredit(): void {
    const bytes = this.#uncredited;
    if (bytes === 0 || this.#ended) return;
    // What still waits keeps its share of the window: a take is all of one of the two.
    const held = (this.#first?.length ?? 0) + (this.#rest?.length ?? 0);
    this.#uncredited = Math.min(bytes, held);
    this.#source.used(bytes - this.#uncredited);
  }

  /** The payload of a DATA frame, which used `counted` bytes of the stream's window. */
  receive(bytes: Buffer, start: number, end: number, counted: number): void {
    if (this.#ended) return;
    this.#uncredited += counted;
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      this.#giveCredit();
      waiter.resolve({ done: false, value: Buffer.from(bytes.subarray(start, end)) });
    } else if (this.#first === undefined && (this.#rest?.length ?? 0) === 0)
      this.#first = Buffer.from(bytes.subarray(start, end));
    else (this.#rest ??= new Inbox()).push(bytes, start, end);
  }

  /** Nothing more comes: the answer is whole, or broke with an error. */
  end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#error = error;
    else if (error === undefined) waiter.resolve(done);
    else waiter.reject(error);
  }
}
