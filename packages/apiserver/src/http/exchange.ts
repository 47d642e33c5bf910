/**
 * One request and its answer, the same for HTTP/1.1 and HTTP/2, and the ways to answer: a body at once, a stream with
 * back pressure, a Status. Invariant: an exchange is answered once; what comes after is dropped.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { AuditRecord } from '../audit/auditor.ts';
import type { RequestSeries } from '../metrics/request-series.ts';
import { endAnswer, endsConnection, hasCome, readBody } from './request-body.ts';
import { parseTarget, type RequestTarget } from './request-target.ts';

const compress = promisify(gzip);
/** Like upstream: smaller answers cost more to compress than to send. */
const compressFromBytes = 128 * 1024;
// A reason of our own: making the default one for every request costs more than the rest of the abort.
const answered = new Error('the exchange is over');
const maxWarnings = 16;

/** What `node:http` and `node:http2` have in common, as far as it is used. */
export interface HttpRequest extends AsyncIterable<Buffer> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor: number;
  readonly socket: TLSSocket;
  /** Present over HTTP/2. */
  readonly stream?:
    | { readonly session?: object | undefined; readonly endAfterHeaders: boolean; close(): void }
    | undefined;
  /** Whether all of it has come. */
  readonly complete: boolean;
  /** Whether it will never be complete. */
  readonly aborted: boolean;
  readonly readableEnded: boolean;
  readonly readableDidRead: boolean;
  on(event: 'data', listener: (chunk: Buffer) => void): this;
  on(event: 'end' | 'aborted' | 'close', listener: () => void): this;
  off(event: 'data', listener: (chunk: Buffer) => void): this;
  off(event: 'end' | 'aborted' | 'close', listener: () => void): this;
  pause(): unknown;
  resume(): unknown;
}

/** The answer's half of a stream over HTTP/2. */
interface AnswerStream {
  readonly destroyed: boolean;
  readonly closed: boolean;
  respond(headers: Record<string, string | number>): void;
  end(chunk: Buffer): unknown;
}

export interface HttpResponse {
  /** Present over HTTP/2. */
  readonly stream?: AnswerStream | undefined;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers?: Record<string, string>): unknown;
  write(chunk: Buffer | string): boolean;
  end(chunk?: Buffer | string): unknown;
  flushHeaders(): unknown;
  destroy(): unknown;
  on(event: 'close' | 'drain' | 'finish', listener: () => void): unknown;
  once(event: 'close' | 'drain' | 'finish', listener: () => void): unknown;
  off(event: 'close' | 'drain' | 'finish', listener: () => void): unknown;
}

export class Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly url: RequestTarget;
  readonly method: string;
  /** Headers that the answer has, whatever it is. */
  readonly headers: Record<string, string> = {};
  /** Called when the answer has begun that a request waited for, although it goes on. */
  onBegun: () => void = () => undefined;
  /** Present when the request is recorded. */
  audit: AuditRecord | undefined;
  /** Status code of the answer, once there is one. */
  statusCode = 0;
  /** Bytes of the answer's body so far. */
  sentBytes = 0;
  /** What it counts as; undefined while it has reached no handler. */
  series: RequestSeries | undefined;
  /** Milliseconds in which its handler waited for webhooks. */
  waitedMs = 0;
  /** When its handler began, as `performance.now` told it. */
  handledSince = 0;
  readonly #warnings: string[] = [];
  #isOver = false;
  #controller: AbortController | undefined;

  constructor(request: HttpRequest, response: HttpResponse) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? 'GET';
    this.url = parseTarget(request.url ?? '/');
    // Throws for a percent sign that encodes nothing, as URL does for what is no URL.
    decodeURIComponent(this.url.pathname);
    response.once('close', () => {
      this.#isOver = true;
      this.#controller?.abort(answered);
    });
  }

  /** True when the client has gone or the answer is complete. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborted when the exchange is over. Few requests need it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOver) this.#controller.abort(answered);
    }
    return this.#controller.signal;
  }

  get query(): URLSearchParams {
    return this.url.searchParams;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Adds a warning to the answer. Only the first few are kept. */
  warn(text: string): void {
    if (this.#warnings.length >= maxWarnings) return;
    const quoted = text.replaceAll(/[\\"]/g, '\\$&').replaceAll(/[^\x20-\x7e]/g, '?');
    const warning = `299 - "${quoted.slice(0, 1_000)}"`;
    // An update may be tried several times.
    if (!this.#warnings.includes(warning)) this.#warnings.push(warning);
  }

  #warningHeader(): Record<string, string> {
    return this.#warnings.length === 0 ? {} : { warning: this.#warnings.join(', ') };
  }

  /** The whole body. Throws 413 beyond the limit. */
  async body(): Promise<Buffer> {
    const body = await readBody(this.request);
    this.audit?.requestBody(body);
    return body;
  }

  /** Answers with a whole body, compressed when it is large and the client can. */
  async send(
    status: number,
    contentType: string,
    body: Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<void> {
    if (this.response.headersSent || this.response.writableEnded) return;
    let bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.audit?.responseBody(bytes);
    const extra: Record<string, string> = {};
    if (bytes.length >= compressFromBytes && this.acceptsGzip()) {
      bytes = await compress(bytes, { level: 1 });
      extra['content-encoding'] = 'gzip';
      extra['vary'] = 'Accept-Encoding';
    }
    this.statusCode = status;
    if (this.method !== 'HEAD') this.sentBytes += bytes.length;
    const head = {
      'content-type': contentType,
      'cache-control': 'no-cache, private',
      ...extra,
      ...this.headers,
      ...this.#warningHeader(),
      ...headers,
      ...(endsConnection(this.request) ? { connection: 'close' } : {}),
      'content-length': String(bytes.length),
    };
    const { stream } = this.response;
    if (stream === undefined || this.method === 'HEAD' || !hasCome(this.request)) {
      this.response.writeHead(status, head);
      endAnswer(this.request, this.response, this.method === 'HEAD' ? undefined : bytes);
    } else if (!stream.destroyed && !stream.closed) {
      // A response object of HTTP/2 waits for trailers, and so ends each answer in a frame and a record of its own.
      stream.respond({ ':status': status, ...head });
      stream.end(bytes);
    }
  }

  /** Begins an answer of unknown length. */
  startStream(status: number, contentType: string, headers: Record<string, string> = {}): void {
    this.statusCode = status;
    this.response.writeHead(status, {
      'content-type': contentType,
      'cache-control': 'no-cache, private',
      ...this.headers,
      ...this.#warningHeader(),
      ...headers,
    });
    this.response.flushHeaders();
    this.audit?.started();
  }

  /** Resolves when the connection takes bytes again or is gone. */
  drained(): Promise<void> {
    // The answer to a HEAD takes no bytes at all, and so never drains.
    if (this.#isOver || this.method === 'HEAD') return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      this.response.once('drain', done);
      this.response.once('close', done);
    });
  }

  acceptsGzip(): boolean {
    return /(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$)))?/i.test(this.header('accept-encoding') ?? '');
  }
}
