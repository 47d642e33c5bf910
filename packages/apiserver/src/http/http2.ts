/**
 * Requests and answers over HTTP/2. A stream whose answer is out before its request has all come is reset without an error
 * (RFC 9113, 8.1): the connection and its other streams go on.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { WebCall } from '@timonier/grpc/web';
import type { AnswerHeaders, HttpRequest, HttpResponse } from './exchange.ts';
import { GatheredBytes } from '../gathered-bytes.ts';
import { bodyPatienceMs, brokenOff, declaredBytes, maxBodyBytes, tooLarge, tooSlow } from './request-body.ts';

/** Of these only the first counts, as with Node's servers; others are joined. */
const single: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/** Heads that came as the same bytes, as most of a client's do, share their fields. */
const headersOf = new WeakMap<readonly string[], IncomingHttpHeaders>();

function readHeaders(fields: readonly string[]): IncomingHttpHeaders {
  let headers = headersOf.get(fields);
  if (headers !== undefined) return headers;
  // Without a prototype, for names are the client's choice.
  headers = Object.create(null) as IncomingHttpHeaders;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (name === 'set-cookie') (headers[name] ??= []).push(value);
    else {
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else if (!single.has(name))
        headers[name] = `${String(before)}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
  }
  headersOf.set(fields, headers);
  return headers;
}

export class Http2Request implements HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: TLSSocket;
  readonly #call: WebCall;

  constructor(call: WebCall, socket: TLSSocket) {
    this.headers = readHeaders(call.fields);
    this.method = String(this.headers[':method']);
    this.url = String(this.headers[':path']);
    this.socket = socket;
    this.#call = call;
  }

  get rawHeaders(): readonly string[] {
    return this.#call.fields;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    this.#invite();
    yield* this.#call.body;
    if (this.#call.gone) throw brokenOff();
  }

  async body(): Promise<Buffer> {
    const call = this.#call;
    if (declaredBytes(this.headers) > maxBodyBytes) throw tooLarge();
    if (call.gone) throw brokenOff();
    const whole = call.takeBody();
    if (whole === undefined) return this.#gather();
    // What a client sends within its first window has come before anybody looked.
    if (whole.length > maxBodyBytes) throw tooLarge();
    return whole;
  }

  async #gather(): Promise<Buffer> {
    const body = new GatheredBytes(maxBodyBytes, tooLarge);
    const rest = this.#call.body[Symbol.asyncIterator]();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(tooSlow()), bodyPatienceMs);
    this.#invite();
    try {
      for (;;) {
        const { done, value } = await Promise.race([rest.next(), late]);
        if (done === true) break;
        body.add(value);
      }
    } finally {
      clearTimeout(timer);
    }
    if (this.#call.gone) throw brokenOff();
    return body.whole();
  }

  /** For a client that asked first whether its body is wanted. */
  #invite(): void {
    if (this.headers.expect?.toLowerCase() === '100-continue' && !this.#call.complete) this.#call.inform(100);
  }
}

export class Http2Response implements HttpResponse {
  headersSent = false;
  writableEnded = false;
  readonly #call: WebCall;
  /** Nothing follows the head. */
  readonly #isBare: boolean;

  constructor(call: WebCall, method: string) {
    this.#call = call;
    this.#isBare = method === 'HEAD';
  }

  answer(status: number, headers: Record<string, string>, body: Buffer): void {
    this.writeHead(status, headers);
    this.end(body);
  }

  writeHead(status: number, headers: AnswerHeaders = {}): number {
    if (this.headersSent) throw new Error('an answer begins once');
    this.#call.respond(status, headers);
    this.headersSent = true;
    return status;
  }

  flushHeaders(): void {
    this.#call.flushHead();
  }

  write(chunk: Buffer | string): boolean {
    if (this.writableEnded || this.#isBare) return true;
    return this.#call.send(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  drained(): Promise<void> {
    return this.#call.drained();
  }

  end(chunk?: Buffer | string): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    if (chunk === undefined || this.#isBare) this.#call.end();
    else this.#call.end(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  destroy(): void {
    this.#call.abort();
  }

  onClose(listener: () => void): void {
    this.#call.onGone(listener);
  }
}
