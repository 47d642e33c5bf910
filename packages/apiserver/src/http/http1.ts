/**
 * Requests and answers over HTTP/1.1, as Node's server has them, and what becomes of a body that nobody reads to its end: the
 * connection is ended after the answer, for the rest would be taken for the next request; and it is read on for a while
 * before it is closed, because the kernel resets a connection that is closed with bytes unread, and with it goes the answer
 * that is still on its way (RFC 9112, 9.6).
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { StatusError } from '@timonier/api/statuses';
import type { AnswerHeaders, HttpRequest, HttpResponse } from './exchange.ts';
import { GatheredBytes } from '../gathered-bytes.ts';
import { bodyPatienceMs, brokenOff, declaredBytes, maxBodyBytes, tooLarge, tooSlow } from './request-body.ts';

/** How long a connection is read on after an answer that came before the end of the body. */
const lingerMs = 5_000;

export class Http1Request implements HttpRequest {
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage) {
    this.#message = message;
  }

  get method(): string {
    return this.#message.method ?? 'GET';
  }

  get url(): string {
    return this.#message.url ?? '/';
  }

  get headers(): IncomingHttpHeaders {
    return this.#message.headers;
  }

  get rawHeaders(): readonly string[] {
    return this.#message.rawHeaders;
  }

  get socket(): TLSSocket {
    // The server speaks on nothing else.
    return this.#message.socket as TLSSocket;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  body(): Promise<Buffer> {
    const message = this.#message;
    if (declaredBytes(message.headers) > maxBodyBytes) return Promise.reject(tooLarge());
    if (isBroken(message)) return Promise.reject(brokenOff());
    if (message.readableEnded) return Promise.resolve(Buffer.alloc(0));
    return new Promise((resolve, reject) => {
      const body = new GatheredBytes(maxBodyBytes, tooLarge);
      const settle = (): void => {
        clearTimeout(timer);
        message.off('data', take).off('end', finish).off('close', lose);
      };
      const refuse = (error: Error): void => {
        settle();
        message.pause();
        reject(error);
      };
      const take = (chunk: Buffer): void => {
        try {
          body.add(chunk);
        } catch (error) {
          refuse(error as StatusError);
        }
      };
      const finish = (): void => {
        settle();
        resolve(body.whole());
      };
      const lose = (): void => refuse(brokenOff());
      const timer = setTimeout(() => refuse(tooSlow()), bodyPatienceMs);
      message.on('data', take).on('end', finish).on('close', lose);
    });
  }
}

export class Http1Response implements HttpResponse {
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  #isClosed = false;

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.#message = message;
    this.#response = response;
    response.once('close', () => {
      this.#isClosed = true;
    });
  }

  get headersSent(): boolean {
    return this.#response.headersSent;
  }

  get writableEnded(): boolean {
    return this.#response.writableEnded;
  }

  answer(status: number, headers: Record<string, string>, body: Buffer): void {
    const response = this.#response;
    if (!endsConnection(this.#message)) {
      response.writeHead(status, headers).end(body);
      return;
    }
    response.shouldKeepAlive = false;
    response.writeHead(status, headers).write(body);
    linger(this.#message, () => void response.end());
  }

  writeHead(status: number, headers: AnswerHeaders = {}): number {
    this.#response.writeHead(status, headers);
    return status;
  }

  flushHeaders(): void {
    this.#response.flushHeaders();
  }

  write(chunk: Buffer | string): boolean {
    return this.#response.write(chunk);
  }

  drained(): Promise<void> {
    const response = this.#response;
    // What takes no bytes, such as the answer to a HEAD, never drains.
    if (this.#isClosed || !response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.once('drain', done).once('close', done);
    });
  }

  end(chunk?: Buffer | string): void {
    this.#response.end(chunk);
  }

  destroy(): void {
    this.#response.destroy();
  }

  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }
}

/** Whether it will never be complete. */
function isBroken(message: IncomingMessage): boolean {
  return message.destroyed && !message.complete;
}

/** Whether the answer must say that the connection ends with it: when a body may go on without end. */
function endsConnection(message: IncomingMessage): boolean {
  if (message.complete) return false;
  const isBounded =
    declaredBytes(message.headers) <= maxBodyBytes && !('transfer-encoding' in message.headers);
  // Node reads the rest of what nobody began to read.
  return !isBounded || message.readableDidRead;
}

/** Reads and forgets until the body has ended, the client has gone, or too much time has passed. */
function linger(message: IncomingMessage, then: () => void): void {
  const stop = (): void => {
    clearTimeout(timer);
    message.off('end', stop).off('close', stop);
    then();
  };
  const timer = setTimeout(stop, lingerMs);
  message.on('end', stop).on('close', stop);
  message.resume();
}
