/**
 * Passes requests on to a secondary API server and its answers back, as streams in both directions: lists and watches
 * flow as they come, upgraded connections are joined byte by byte. What a client says about who it is never passes.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { serviceUnavailable, StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import type { User } from '../pipeline/authenticate.ts';
import { identityHeaders, type RemoteServer } from './remote.ts';

const answerTimeoutMs = 60_000;
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
const notPassedBack: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

type Headers = Record<string, string | string[]>;

/** Answers an exchange with what a secondary server answers. Throws 503 when it cannot be reached. */
export async function forward(remote: RemoteServer, exchange: Exchange, user: User): Promise<void> {
  const { request, response, signal } = exchange;
  const hasBody = exchange.method !== 'GET' && exchange.method !== 'HEAD';
  const headers = { ...passedOn(request.headers), ...identityHeaders(user) };
  const length = request.headers['content-length'];
  if (hasBody && length !== undefined) headers['content-length'] = length;
  const upstream = httpsRequest({
    ...remote.target(),
    method: exchange.method,
    path: `${exchange.url.pathname}${exchange.url.search}`,
    headers,
    signal,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    upstream.once('response', resolve);
    upstream.once('error', reject);
    upstream.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('it switched protocols unasked'));
    });
  });
  answered.catch(() => undefined);
  const timer = setTimeout(() => upstream.destroy(new Error('no answer in time')), answerTimeoutMs);
  try {
    if (hasBody) await send(request, upstream);
    upstream.end();
    const answer = await answered;
    clearTimeout(timer);
    exchange.statusCode = answer.statusCode ?? 502;
    response.writeHead(exchange.statusCode, { ...passedBack(answer.headers), ...exchange.headers });
    exchange.onBegun();
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (signal.aborted) break;
      if (!response.write(chunk)) await exchange.drained();
    }
    response.end();
  } catch (error) {
    if (signal.aborted || response.headersSent) {
      response.destroy();
      return;
    }
    throw unreachable(remote, error);
  } finally {
    clearTimeout(timer);
  }
}

async function send(
  from: AsyncIterable<Buffer>,
  to: {
    write(chunk: Buffer): boolean;
    once(event: 'drain' | 'close', listener: () => void): unknown;
    destroyed: boolean;
  },
): Promise<void> {
  for await (const chunk of from) {
    if (to.destroyed) return;
    if (to.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      to.once('drain', resolve);
      to.once('close', resolve);
    });
  }
}

/** Joins an upgraded connection with one of the secondary server's. Resolves when they have ended. */
export function forwardUpgrade(
  remote: RemoteServer,
  user: User,
  client: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers: Headers = { ...passedOn(client.headers), ...identityHeaders(user) };
    for (const name of ['connection', 'upgrade'] as const) {
      const value = client.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    const request = httpsRequest({
      ...remote.target(),
      agent: false,
      method: client.method ?? 'GET',
      path: client.url ?? '/',
      headers,
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), answerTimeoutMs);
    socket.once('close', () => request.destroy());
    request.once('error', (error) => {
      clearTimeout(timer);
      reject(unreachable(remote, error));
    });
    request.once('response', (response) => {
      clearTimeout(timer);
      socket.write(headText(response, { connection: 'close' }));
      response.on('error', () => socket.destroy());
      response.once('close', () => {
        socket.end();
        resolve();
      });
      response.pipe(socket);
    });
    request.once('upgrade', (response, upstream, upstreamHead) => {
      clearTimeout(timer);
      socket.write(headText(response, {}));
      if (upstreamHead.length > 0) socket.write(upstreamHead);
      if (head.length > 0) upstream.write(head);
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
      upstream.once('close', () => {
        socket.destroy();
        resolve();
      });
      socket.once('close', () => upstream.destroy());
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    request.end();
  });
}

function passedOn(given: IncomingMessage['headers']): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name.startsWith(':') || notPassedOn.has(name)) continue;
    if (name.startsWith('x-remote-') || name.startsWith('impersonate-')) continue;
    headers[name] = value;
  }
  return headers;
}

function passedBack(given: IncomingMessage['headers']): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !notPassedBack.has(name))
      headers[name] = Array.isArray(value) ? value.join(', ') : value;
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

function unreachable(remote: RemoteServer, error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StatusError(serviceUnavailable(`error trying to reach service of ${remote.name}: ${reason}`));
}
