/**
 * The body of a request that is no gRPC, as its handler reads it: bytes as they come, or all of them at once when they are
 * there. The client gets room for as much as was read, so that what is held stays within the stream's window.
 */
import { Inbox } from './inbox.ts';
import type { RequestSource } from './request-reader.ts';

type Waiter = (result: IteratorResult<Buffer>) => void;
const done: IteratorResult<Buffer> = { done: true, value: undefined };
const empty = Buffer.alloc(0);

export class WebBody implements AsyncIterator<Buffer> {
  readonly #source: Pick<RequestSource, 'over' | 'remoteClosed' | 'credit'>;
  /** What came first and waits; most bodies are one frame. */
  #first: Buffer | undefined;
  /** What came after it. One buffer, so that tiny frames cost no more than their bytes. */
  #rest: Inbox | undefined;
  #uncredited = 0;
  /** While somebody waits, nothing is held. */
  #waiter: Waiter | undefined;

  constructor(source: Pick<RequestSource, 'over' | 'remoteClosed' | 'credit'>) {
    this.#source = source;
  }

  /** The next bytes, or the end. Rejects when those before are still awaited. */
  next(): Promise<IteratorResult<Buffer>> {
    if (this.#waiter !== undefined) return Promise.reject(new Error('a body is read piece by piece'));
    const source = this.#source;
    if (source.over) return Promise.resolve(done);
    const bytes = this.#take();
    this.#giveCredit();
    if (bytes !== undefined) return Promise.resolve({ done: false, value: bytes });
    if (source.remoteClosed) return Promise.resolve(done);
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** A handler that stops reading still answers, so leaving the loop does nothing. */
  return(): Promise<IteratorResult<Buffer>> {
    return Promise.resolve(done);
  }

  /** Everything that has come and was not read. */
  takeAll(): Buffer {
    const first = this.#take() ?? empty;
    const rest = this.#take();
    this.#giveCredit();
    return rest === undefined ? first : Buffer.concat([first, rest]);
  }

  #take(): Buffer | undefined {
    const first = this.#first;
    if (first === undefined) return this.#rest?.takeAll();
    this.#first = undefined;
    return first;
  }

  /** The payload of a DATA frame. `counted` bytes of the stream's window were used for it. */
  receive(bytes: Buffer, start: number, end: number, counted: number): void {
    this.#uncredited += counted;
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      this.#giveCredit();
      waiter({ done: false, value: Buffer.from(bytes.subarray(start, end)) });
    } else if (this.#first === undefined && (this.#rest?.length ?? 0) === 0)
      this.#first = Buffer.from(bytes.subarray(start, end));
    else (this.#rest ??= new Inbox()).push(bytes, start, end);
  }

  /** The client has said everything. */
  serve(): void {
    if (!this.#source.remoteClosed) return;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(done);
  }

  /** The call is over: nothing more is read. */
  end(): void {
    this.#first = undefined;
    this.#rest = undefined;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(done);
  }

  #giveCredit(): void {
    const credit = this.#uncredited;
    if (credit === 0 || this.#source.remoteClosed) return;
    this.#uncredited = 0;
    this.#source.credit(credit);
  }
}
