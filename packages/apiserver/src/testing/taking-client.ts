/** For tests: an exchange whose client takes of its answer what the test says. */
import type { TLSSocket } from 'node:tls';
import { type AnswerHeaders, Exchange, type HttpRequest, type HttpResponse } from '../http/exchange.ts';

/** A client that takes a piece only when told. */
export class Taker implements HttpResponse {
  readonly pieces: Buffer[] = [];
  readonly #first = Promise.withResolvers<void>();
  /** Resolves when it has a piece. */
  readonly hasFirst = this.#first.promise;
  headers: AnswerHeaders = {};
  headersSent = false;
  writableEnded = false;
  isDestroyed = false;
  #closed: () => void = () => undefined;
  #take: (() => void) | undefined;
  /** Takes everything at once. */
  isFast = false;

  answer(status: number, headers: Record<string, string>, body: Buffer): void {
    this.writeHead(status, headers);
    this.write(body);
    this.end();
  }

  writeHead(status: number, headers: AnswerHeaders = {}): number {
    this.headersSent = true;
    this.headers = headers;
    return status;
  }

  flushHeaders(): void {}

  write(chunk: Buffer | string): boolean {
    this.pieces.push(Buffer.from(chunk));
    this.#first.resolve();
    return this.isFast;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  take(): void {
    this.#take?.();
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.#closed();
  }

  onClose(listener: () => void): void {
    this.#closed = listener;
  }
}

/** An exchange with such a client, whose request has these headers and no body that anybody reads. */
export function exchangeWith(headers: Record<string, string> = {}): { exchange: Exchange; client: Taker } {
  const request: HttpRequest = {
    method: 'GET',
    url: '/api',
    headers,
    rawHeaders: [],
    socket: {} as TLSSocket,
    body: () => Promise.resolve(Buffer.alloc(0)),
    [Symbol.asyncIterator]: () => {
      throw new Error('nobody asks for the body');
    },
  };
  const client = new Taker();
  return { exchange: new Exchange(request, client), client };
}
