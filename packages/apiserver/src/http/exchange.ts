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
import { inTurns, pieceBytes, piecesOf, withFirst } from './answer-pieces.ts';
import { offered } from './list-fields.ts';
import type { Representation } from './media.ts';
import { packed } from './packed.ts';
import { parseTarget, type RequestTarget } from './request-target.ts';

const compress = promisify(gzip);
/** Like upstream: smaller answers cost more to compress than to send. */
const compressFromBytes = 128 * 1024;
// A reason of our own: making the default one for every request costs more than the rest of the abort.
const answered = new Error('the exchange is over');
/** Signs that are none of a text, such as the end of a line. */
const unprintable = /\p{Cc}/u;
/** With any weight but none. */
const gzipCoding = /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]*\s*)?$/i;
const maxWarnings = 16;
const maxWarningBytes = 1_000;
/** What is made while it is sent is sent whole all the same when it is shorter: no more than that is kept of a longer one. */
const wholeBytes = 256 * 1024;
/** How long an answer may take, whatever its length, and what a client takes at least in the long run. */
const patienceMs = 60_000;
const leastBytesPerMs = 64;
/** How long an answer that goes on waits for its client to take any of it: as long as over HTTP/2. */
const stallMs = 300_000;

/** A request, whatever version of HTTP it came over. */
export interface HttpRequest extends AsyncIterable<Buffer> {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  /** Those that came more than once as Node joins them. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** The connection: one object for all requests that come over it. */
  readonly socket: TLSSocket;
  /** The whole body. Rejects with a Status: 413 beyond the limit, 504 when it takes too long, 400 when it breaks off. */
  body(): Promise<Buffer>;
}

/** Of several values, each is a header of its own, as those of `set-cookie` must be. */
export type AnswerHeaders = Record<string, string | string[]>;

/** An answer, whatever it goes out over. The answer to a HEAD takes bytes and sends none. */
export interface HttpResponse {
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  /** All of an answer at once. */
  answer(status: number, headers: Record<string, string>, body: Buffer): void;
  /** The beginning of one that goes on. Returns the status code that the client sees. */
  writeHead(status: number, headers?: AnswerHeaders): number;
  /** Sends the beginning before there are any bytes. */
  flushHeaders(): unknown;
  /** False asks to wait for `drained` before more. */
  write(chunk: Buffer | string): boolean;
  /** Resolves when more is taken, or never will be. */
  drained(): Promise<void>;
  end(chunk?: Buffer | string): unknown;
  /** Ends it so that the client sees that it is not whole. */
  destroy(): unknown;
  /** Calls back once, when the answer has gone out whole or the client has gone. */
  onClose(listener: () => void): void;
}

/** Of an answer that says nothing else of how long it may be kept. */
export const uncached = { 'cache-control': 'no-cache, private' } as const;

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
  /** Which headers name users here, beside the usual ones; asked in lower case. None of them is passed on. */
  isIdentity: ((name: string) => boolean) | undefined;
  /** Bytes of the answer's body so far. */
  sentBytes = 0;
  /** What it counts as; undefined while it has reached no handler. */
  series: RequestSeries | undefined;
  /** How the object is shown that it is answered with, where that is settled before anything is done. */
  shownAs: Representation | undefined;
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
    this.method = request.method;
    this.url = parseTarget(request.url);
    // Throws for a percent sign that encodes nothing, as URL does for what is no URL.
    decodeURIComponent(this.url.pathname);
    response.onClose(() => {
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

  /** From here on its handler answers for it. */
  handledAs(series: RequestSeries | undefined): void {
    this.series = series;
    this.handledSince = performance.now();
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
    // What a header cannot hold is not told, as upstream.
    if (this.#warnings.length >= maxWarnings || text === '' || unprintable.test(text)) return;
    // Letters beyond those of headers go as their bytes.
    const bytes = Buffer.from(text).subarray(0, maxWarningBytes).toString('latin1');
    // Behind the cut, which must not part a sign from what makes it plain.
    const warning = `299 - "${bytes.replaceAll(/[\\"]/g, '\\$&')}"`;
    // An update may be tried several times.
    if (!this.#warnings.includes(warning)) this.#warnings.push(warning);
  }

  #warningHeader(): Record<string, string> {
    return this.#warnings.length === 0 ? {} : { warning: this.#warnings.join(', ') };
  }

  /** The whole body. Throws 413 beyond the limit. */
  async body(): Promise<Buffer> {
    const body = await this.request.body();
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
      ...uncached,
      ...extra,
      ...this.headers,
      ...this.#warningHeader(),
      ...headers,
      'content-length': String(bytes.length),
    };
    if (bytes.length <= pieceBytes || this.method === 'HEAD') {
      this.response.answer(status, head, bytes);
      return;
    }
    this.response.writeHead(status, head);
    await this.#handOver(piecesOf(bytes));
  }

  /**
   * Answers with a body that is made while it is sent, piece by piece; compressed when the client can. A short one, or one that is
   * recorded, is sent whole. `length` is what all pieces have together, if that is known.
   */
  async sendPieces(
    status: number,
    contentType: string,
    pieces: Iterable<Buffer>,
    length?: number,
  ): Promise<void> {
    const rest = inTurns(pieces, () => this.#isOver);
    const first: Buffer[] = [];
    const atMost = this.audit?.wantsResponse === true ? Infinity : wholeBytes;
    for (let size = 0; size < atMost;) {
      const { done, value } = await rest.next();
      if (this.#isOver) return void (await rest.return(undefined));
      if (done === true) {
        await this.send(status, contentType, first.length === 1 ? (first[0] ?? '') : Buffer.concat(first));
        return;
      }
      first.push(value);
      size += value.length;
    }
    const isPacked = this.acceptsGzip();
    this.startStream(
      status,
      contentType,
      isPacked
        ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }
        : length === undefined
          ? {}
          : { 'content-length': String(length) },
    );
    const all = withFirst(first, rest);
    await this.#handOver(isPacked ? packed(all) : all, (bytes) => {
      this.sentBytes += bytes;
    });
  }

  /**
   * Ends the answer with these bytes, each piece when the client has taken those before. A client that takes too little is
   * not waited for: it holds memory, and a place that others wait for.
   */
  async #handOver(
    pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
    sent: (bytes: number) => void = () => undefined,
  ): Promise<void> {
    let deadline = performance.now() + patienceMs;
    for await (const piece of pieces) {
      if (this.#isOver) return;
      sent(piece.length);
      deadline += piece.length / leastBytesPerMs;
      if (!this.response.write(piece) && !(await isInTime(this.drained(), deadline))) {
        this.response.destroy();
        return;
      }
      // Before the next one is asked for, which would be made for nobody.
      if (this.#isOver) return;
    }
    if (!this.#isOver) this.response.end();
  }

  /** Begins an answer of unknown length. */
  startStream(status: number, contentType: string, headers: Record<string, string> = {}): void {
    this.statusCode = this.response.writeHead(status, {
      'content-type': contentType,
      ...uncached,
      ...this.headers,
      ...this.#warningHeader(),
      ...headers,
    });
    this.response.flushHeaders();
    this.audit?.started();
  }

  /** Resolves when the connection takes bytes again or is gone, which it is when it has taken none for too long. */
  async drained(): Promise<void> {
    if (this.#isOver) return;
    if (!(await isInTime(this.response.drained(), performance.now() + stallMs))) this.response.destroy();
  }

  acceptsGzip(): boolean {
    return offered(this.header('accept-encoding') ?? '').some((coding) => gzipCoding.test(coding));
  }
}

async function isInTime(done: Promise<void>, deadline: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()), false);
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
