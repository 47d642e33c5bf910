/**
 * The requests of a call that takes many, as its handler reads them: one after the other, each when it asks for it. The
 * client gets room for as much as was read, so that what is held stays within the stream's window.
 */
import { GrpcError, Status } from '../error.ts';
import { Inbox } from './inbox.ts';

/** What a reader asks of its stream. */
export interface RequestSource {
  /** The call has its status. */
  readonly over: boolean;
  /** The client has said everything. */
  readonly remoteClosed: boolean;
  /** The next request, taken out of what has come; undefined when it is not all there. Throws when it is malformed. */
  takeRequest(inbox: Inbox): object | undefined;
  /** So many received bytes were used. */
  credit(bytes: number): void;
  /** The call ends with this error. */
  fail(error: unknown): void;
}

type Waiter = (result: IteratorResult<object>) => void;
const done: IteratorResult<object> = { done: true, value: undefined };

export class RequestReader implements AsyncIterator<object> {
  readonly #source: RequestSource;
  readonly #inbox = new Inbox();
  #uncredited = 0;
  #waiter: Waiter | undefined;

  constructor(source: RequestSource) {
    this.#source = source;
  }

  /** The next request, or the end. Rejects when the one before is still awaited. */
  next(): Promise<IteratorResult<object>> {
    if (this.#waiter !== undefined) return Promise.reject(new Error('requests are read one after the other'));
    const result = this.#take();
    if (result !== undefined) return Promise.resolve(result);
    return new Promise((resolve) => {
      this.#waiter = resolve;
      // Only a handler that waits may have more than the window: a message may be longer than it.
      this.#giveCredit(0);
    });
  }

  /** A handler that stops reading still answers with a status, so leaving the loop does nothing. */
  return(): Promise<IteratorResult<object>> {
    return Promise.resolve(done);
  }

  /** The payload of a DATA frame. `counted` bytes of the stream's window were used for it. */
  receive(bytes: Buffer, start: number, end: number, counted: number): void {
    this.#uncredited += counted;
    this.#inbox.push(bytes, start, end);
    this.serve();
    if (!this.#source.over) this.#giveCredit(this.#waiter === undefined ? this.#inbox.length : 0);
  }

  /** There may be something for a handler that waits. */
  serve(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const result = this.#take();
    if (result === undefined) return;
    this.#waiter = undefined;
    waiter(result);
  }

  /** The call has its status: nothing more is read. */
  end(): void {
    this.#inbox.clear();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(done);
  }

  /** The next request, the end, or undefined when neither is known yet. */
  #take(): IteratorResult<object> | undefined {
    const source = this.#source;
    if (source.over) return done;
    try {
      const request = source.takeRequest(this.#inbox);
      if (request !== undefined) {
        this.#giveCredit(this.#inbox.length);
        return { done: false, value: request };
      }
      if (!source.remoteClosed) return undefined;
      if (this.#inbox.length > 0) throw new GrpcError(Status.INTERNAL, 'the call ended inside a message');
    } catch (error) {
      source.fail(error);
    }
    return done;
  }

  /** Gives the client room for all it sent but the last `held` bytes. */
  #giveCredit(held: number): void {
    const credit = this.#uncredited - held;
    if (credit <= 0 || this.#source.remoteClosed) return;
    this.#uncredited = held;
    this.#source.credit(credit);
  }
}
