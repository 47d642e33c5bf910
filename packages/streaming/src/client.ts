/**
 * The terminal's end of an exec or attach connection: dials a URL and hands over plain streams.
 *
 * In: a URL (`http`, `https`, `ws` or `wss`) and credentials. Out: `ClientStreams`, or a `HandshakeError` with the
 * HTTP status the server refused with. `outcome` always settles: a connection that ends without one is a failure.
 */
import type { Readable, Writable } from 'node:stream';
import { type ClientOptions, WebSocket } from 'ws';
import { streamBounds } from './message-bounds.ts';
import { Link } from './link.ts';
import {
  channel,
  type ChannelProtocol,
  channelProtocols,
  decodeOutcome,
  encodeResize,
  type ExecOutcome,
  type TerminalSize,
} from './protocol.ts';

export interface ClientStreams {
  /** Ending it tells the process that there is no more input (v5 only). */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly closed: AbortSignal;
  readonly protocol: ChannelProtocol;
  resize(size: TerminalSize): Promise<void>;
  /** How the command ended; never rejects. */
  readonly outcome: Promise<ExecOutcome>;
  close(): void;
}

export interface DialOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM. */
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly protocols?: readonly string[];
  /** How long the handshake may take; 10 s when not given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The server answered the handshake with an HTTP error. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  readonly statusCode: number;
  readonly body: string;

  constructor(statusCode: number, body: string) {
    super(`the server refused the connection with status ${statusCode}: ${body.trim()}`);
    this.statusCode = statusCode;
    this.body = body;
  }
}

export async function openStreams(url: string | URL, options: DialOptions = {}): Promise<ClientStreams> {
  const socket = await dial(url, options);
  const protocol = channelProtocols.find((name) => name === socket.protocol) ?? 'channel.k8s.io';
  const link = new Link(socket, protocol);
  const outcome = Promise.withResolvers<ExecOutcome>();
  link.listen(channel.error, (payload) => {
    if (payload.length > 0) outcome.resolve(decodeOutcome(payload));
  });
  socket.on('close', (code) => {
    // The oldest protocol says nothing about success.
    if (code === 1000 && protocol === 'channel.k8s.io') outcome.resolve({ exitCode: 0 });
    else outcome.resolve({ failure: `the connection ended (code ${code}) before the command did` });
  });
  const stdout = link.reader(channel.stdout);
  const stderr = link.reader(channel.stderr);
  socket.resume();
  return {
    stdin: link.writer(channel.stdin, { closes: true }),
    stdout,
    stderr,
    closed: link.closed,
    protocol,
    resize: (size) => link.send(channel.resize, encodeResize(size)),
    outcome: outcome.promise,
    close: () => link.close(),
  };
}

/** Dials a WebSocket. The socket is returned paused, so that no message is lost before somebody listens. */
export function dial(url: string | URL, options: DialOptions = {}): Promise<WebSocket> {
  const address = new URL(url);
  if (address.protocol === 'http:') address.protocol = 'ws:';
  if (address.protocol === 'https:') address.protocol = 'wss:';
  const settings: ClientOptions = {
    perMessageDeflate: false,
    ...streamBounds,
    handshakeTimeout: options.timeoutMs ?? 10_000,
    headers: { ...options.headers },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
  };
  const socket = new WebSocket(address, [...(options.protocols ?? channelProtocols)], settings);
  return new Promise((resolve, reject) => {
    const abort = (): void => socket.terminate();
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted === true) abort();
    const settle = (): void => options.signal?.removeEventListener('abort', abort);
    socket.once('open', () => {
      settle();
      socket.pause();
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    socket.once('unexpected-response', (request, response) => {
      settle();
      void readBody(response).then((body) => {
        request.destroy();
        reject(new HandshakeError(response.statusCode ?? 0, body));
      });
    });
  });
}

const maxErrorBody = 16 * 1024;

/** The text of a refusal, as much of it as anybody wants to read. */
export async function readBody(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxErrorBody) break;
    }
  } catch {
    // What arrived before the connection broke is all there is to show.
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, maxErrorBody);
}
