/**
 * Passes requests on to another server and its answers back, as streams in both directions: lists and watches flow as
 * they come, and an answer that begins before its request has ended comes back at once.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Exchange } from './exchange.ts';
import { wayOf } from './origin.ts';
import { type Headers, passedBack, passedOn } from './passed-headers.ts';
import { asUnreachable, type Call, tooLate, type Upstream, watchConnection } from './upstream.ts';

/** What is changed of an answer on its way back. */
export interface Changes {
  location(link: string): string;
  /** The body with its changes; undefined when there are none, and else its length is not known. */
  page(answer: IncomingMessage): AsyncIterable<Buffer> | undefined;
}

/**
 * Answers an exchange with what the other side answers to it at `path`, with `extra` headers. Throws its
 * `unreachable` when there is no answer; one that breaks off breaks off the client's.
 */
export async function relay(
  exchange: Exchange,
  upstream: Upstream,
  path: string,
  extra: Headers = {},
  changes?: Changes,
): Promise<void> {
  const { request, response, signal, method } = exchange;
  const headers = { ...passedOn(request.headers, exchange.isIdentity, wayOf(request.socket)), ...extra };
  const length = request.headers['content-length'];
  if (length !== undefined) headers['content-length'] = length;
  const attempt = new Attempt(upstream, { method, path, headers, signal });
  const late = (): void => {
    attempt.destroy(tooLate());
    // Its client may be what it waits for.
    if (response.headersSent) response.destroy();
  };
  const whole = upstream.wholeMs === undefined ? undefined : setTimeout(late, upstream.wholeMs);
  try {
    void attempt.send(request, length === undefined);
    const answer = await attempt.answered();
    exchange.statusCode = answer.statusCode ?? 502;
    const head: Headers = { ...passedBack(answer.headers), ...exchange.headers };
    const { location } = answer.headers;
    if (changes !== undefined && location) head['location'] = changes.location(location);
    const page = method === 'HEAD' ? undefined : changes?.page(answer);
    if (page !== undefined) delete head['content-length'];
    response.writeHead(exchange.statusCode, head);
    exchange.onBegun();
    for await (const chunk of page ?? (answer as AsyncIterable<Buffer>)) {
      if (signal.aborted) break;
      if (!response.write(chunk)) await exchange.drained();
    }
    response.end();
    // Of what it has answered it takes no more.
    if (!attempt.isSent) attempt.destroy();
  } catch (error) {
    attempt.destroy();
    if (signal.aborted || response.headersSent) {
      response.destroy();
      return;
    }
    throw asUnreachable(upstream, error);
  } finally {
    clearTimeout(whole);
  }
}

const closedMeanwhile: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
/** What may be asked twice. */
const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A request on its way to the other side. It is sent a second time when a connection that was kept has been closed meanwhile. */
class Attempt {
  /** All of the request has been told. */
  isSent = false;
  readonly #upstream: Upstream;
  readonly #asked: Call;
  #call: ClientRequest;
  #answered: Promise<IncomingMessage>;
  #hasBody = false;

  constructor(upstream: Upstream, asked: Call) {
    this.#upstream = upstream;
    this.#asked = asked;
    [this.#call, this.#answered] = this.#open();
  }

  /** The head of the answer, and the beginning of its body. Rejects when there is none. */
  async answered(): Promise<IncomingMessage> {
    try {
      return await this.#answered;
    } catch (error) {
      if (!this.#mayAskAgain(error)) throw error;
      [this.#call, this.#answered] = this.#open();
      this.#call.end();
      return await this.#answered;
    }
  }

  destroy(error?: Error): void {
    this.#call.destroy(error);
  }

  /**
   * Sends the body, and ends the request with it. What the other side does not want to hear any more is read and forgotten: the
   * client is told the answer, whatever it still sends. Never rejects; a body that breaks off ends the request.
   *
   * Invariant: the other side finds the end of the body where it is. What it took for the next request would be one of this
   * server's own, on a connection that it trusts. A client that announces a length is held to it before its bytes come here.
   */
  async send(body: AsyncIterable<Buffer>, inChunks: boolean): Promise<void> {
    try {
      for await (const chunk of body) {
        const call = this.#call;
        if (call.destroyed) continue;
        // Node frames the body of a DELETE, among others, only when it is told to.
        if (!this.#hasBody && inChunks) call.setHeader('transfer-encoding', 'chunked');
        this.#hasBody = true;
        if (!call.write(chunk)) await taken(call);
      }
      this.isSent = true;
      this.#call.end();
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #open(): [ClientRequest, Promise<IncomingMessage>] {
    const call = this.#upstream.open(this.#asked);
    watchConnection(call);
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve);
      // Also behind the answer, of which its reader is told.
      call.on('error', reject);
      call.once('upgrade', (_, socket) => {
        socket.destroy();
        reject(new Error('it switched protocols unasked'));
      });
    });
    // It may fail before somebody waits for it.
    answered.catch(() => undefined);
    return [call, answered];
  }

  #mayAskAgain(error: unknown): boolean {
    const { code = '' } = error as { readonly code?: string };
    return (
      this.#call.reusedSocket &&
      closedMeanwhile.has(code) &&
      this.isSent &&
      !this.#hasBody &&
      safe.has(this.#asked.method)
    );
  }
}

/** Resolves when more is taken, or never will be. */
function taken(call: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done).off('close', done);
      resolve();
    };
    call.once('drain', done).once('close', done);
  });
}
