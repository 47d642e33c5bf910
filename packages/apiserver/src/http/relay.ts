/**
 * Passes requests on to another server and its answers back, as streams in both directions: lists and watches flow as
 * they come, upgraded connections are joined byte by byte. What a client says about who it is never passes.
 */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { StatusError, timeout } from '@timonier/api/statuses';
import { endWith } from '@timonier/streaming';
import type { Exchange } from './exchange.ts';

export type Headers = Record<string, string | string[]>;
/** Asked with names in lower case. */
export type HeaderTest = (name: string) => boolean;

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
  readonly signal?: AbortSignal;
}

/** Where requests are passed on to. */
export interface Upstream {
  /** Begins a request on a connection, and leaves its body and its end to the caller. */
  readonly open: (call: Call) => ClientRequest;
  /** What a client is told when the other side could not be reached or broke off before it answered. */
  readonly unreachable: (reason: string) => StatusError;
  /** Between the request's end and the answer's head, in milliseconds. */
  readonly patienceMs: number;
  /** Between the request's beginning and the answer's end, in milliseconds; undefined: as long as both sides want. */
  readonly wholeMs?: number | undefined;
}

/** What is changed of an answer on its way back. */
export interface Changes {
  location(link: string): string;
  /** The body with its changes; undefined when there are none, and else its length is not known. */
  page(answer: IncomingMessage): AsyncIterable<Buffer> | undefined;
}

/** Headers about one connection only, or about who the client is. */
const notPassedOn: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'timonier-office',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const identities = /^(?:x-remote-|impersonate-)/;
const notPassedBack: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

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
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const headers = { ...passedOn(request.headers, exchange.isIdentity), ...extra };
  const length = request.headers['content-length'];
  if (hasBody && length !== undefined) headers['content-length'] = length;
  const call = upstream.open({ method, path, headers, signal });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve);
    call.once('error', reject);
    call.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('it switched protocols unasked'));
    });
  });
  // Sending the body may fail first, and then nobody waits for the answer.
  answered.catch(() => undefined);
  const timer = setTimeout(() => call.destroy(new Error('no answer in time')), upstream.patienceMs);
  const late = (): void => {
    call.destroy(tooLate());
    // Its client may be what it waits for.
    if (response.headersSent) response.destroy();
  };
  const whole = upstream.wholeMs === undefined ? undefined : setTimeout(late, upstream.wholeMs);
  try {
    if (hasBody) await send(request, call, length === undefined);
    call.end();
    const answer = await answered;
    clearTimeout(timer);
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
  } catch (error) {
    call.destroy();
    if (signal.aborted || response.headersSent) {
      response.destroy();
      return;
    }
    throw asUnreachable(upstream, error);
  } finally {
    clearTimeout(timer);
    clearTimeout(whole);
  }
}

const clientGone = 'the client has gone';

/** A connection that is to switch protocols. */
export interface Switching {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What has come of it behind its head. */
  readonly head: Buffer;
  /** Called with the status code that the client is told. */
  readonly onAnswer: (statusCode: number) => void;
  /** Which headers beside the usual ones say who the client is. */
  readonly isIdentity?: HeaderTest | undefined;
}

/**
 * Joins an upgraded connection with one of the other side's. Resolves when both have ended; when the other side does
 * not switch protocols the client gets its answer. Rejects with its `unreachable` when there is none, or nobody to give it to.
 */
export function relayUpgrade(
  { request: client, socket, head, onAnswer, isIdentity }: Switching,
  upstream: Upstream,
  path: string,
  extra: Headers = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Its `close` has been then, while it was found out whether it may, and would not end the other side.
    if (socket.destroyed) {
      reject(upstream.unreachable(clientGone));
      return;
    }
    const headers: Headers = { ...passedOn(client.headers, isIdentity), ...extra };
    for (const name of ['connection', 'upgrade'] as const) {
      const value = client.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    const call = upstream.open({ method: client.method ?? 'GET', path, headers });
    const timer = setTimeout(() => call.destroy(new Error('no answer in time')), upstream.patienceMs);
    let hasHead = false;
    const late = (): void => {
      if (hasHead) socket.destroy();
      else call.destroy(tooLate());
    };
    // What is joined lasts; an answer is one like any other.
    const whole = upstream.wholeMs === undefined ? undefined : setTimeout(late, upstream.wholeMs);
    socket.once('close', () => call.destroy());
    call.once('error', (error) => {
      clearTimeout(timer);
      clearTimeout(whole);
      reject(asUnreachable(upstream, error));
    });
    call.once('response', (response) => {
      clearTimeout(timer);
      hasHead = true;
      onAnswer(response.statusCode ?? 502);
      // The body is passed on as it was decoded, and ends with the connection.
      socket.write(headText(response, { connection: 'close' }));
      response.on('error', () => socket.destroy());
      response.once('close', () => {
        clearTimeout(whole);
        endWith(socket);
        resolve();
      });
      response.pipe(socket);
    });
    call.once('upgrade', (response, other, otherHead) => {
      clearTimeout(timer);
      clearTimeout(whole);
      if (socket.destroyed) {
        other.destroy();
        reject(upstream.unreachable(clientGone));
        return;
      }
      onAnswer(101);
      socket.write(headText(response, {}));
      if (otherHead.length > 0) socket.write(otherHead);
      if (head.length > 0) other.write(head);
      join(socket, other).then(resolve, reject);
    });
    call.end();
  });
}

/** Passes bytes both ways until one side has ended, and then ends the other. */
function join(one: Duplex, other: Duplex): Promise<void> {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.once('close', () => other.destroy());
  one.pipe(other);
  other.pipe(one);
  return new Promise((resolve) => {
    other.once('close', () => {
      one.destroy();
      resolve();
    });
  });
}

/**
 * Invariant: the other side finds the end of the body where it is. What it took for the next request would be one of this
 * server's own, on a connection that it trusts. A client that announces a length is held to it before its bytes come here.
 */
async function send(from: AsyncIterable<Buffer>, to: ClientRequest, inChunks: boolean): Promise<void> {
  let isFirst = true;
  for await (const chunk of from) {
    if (to.destroyed) return;
    // Node frames the body of a DELETE, among others, only when it is told to.
    if (isFirst && inChunks) to.setHeader('transfer-encoding', 'chunked');
    isFirst = false;
    if (to.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      to.once('drain', resolve);
      to.once('close', resolve);
    });
  }
}

function passedOn(given: IncomingHttpHeaders, isIdentity: HeaderTest | undefined): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name.startsWith(':')) continue;
    if (notPassedOn.has(name) || identities.test(name) || isIdentity?.(name) === true) continue;
    headers[name] = value;
  }
  return headers;
}

/** Several cookies stay several: joined they would be one, with attributes that browsers do not know. */
function passedBack(given: IncomingHttpHeaders): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !notPassedBack.has(name)) headers[name] = value;
  return headers;
}

function headText(response: IncomingMessage, override: Readonly<Record<string, string>>): string {
  const lines = [`HTTP/1.1 ${response.statusCode ?? 500} ${response.statusMessage ?? ''}`];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] ?? '';
    if (Object.hasOwn(override, name.toLowerCase()) || name.toLowerCase() === 'transfer-encoding') continue;
    lines.push(`${name}: ${response.rawHeaders[i + 1]}`);
  }
  for (const [name, value] of Object.entries(override)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function tooLate(): StatusError {
  return new StatusError(timeout('request did not complete within the allotted timeout'));
}

function asUnreachable(upstream: Upstream, error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return upstream.unreachable(error instanceof Error ? error.message : String(error));
}
