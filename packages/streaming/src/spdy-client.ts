/**
 * The terminal's end of an exec or attach connection to a server that knows no channel protocol with half-closed
 * streams: a SPDY/3.1 session with one stream each for input, output, errors, outcome and terminal size, as container
 * runtimes have always served it (`v4.channel.k8s.io` over `Upgrade: SPDY/3.1`).
 *
 * In: a URL and which streams were asked for. Out: `ClientStreams`. The server waits for exactly these streams.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Duplex, Readable, Writable } from 'node:stream';
import { type ClientStreams, HandshakeError, readBody } from './client.ts';
import { decodeOutcome, encodeResize, type ExecOutcome } from './protocol.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

/** What the runtime was asked for. A terminal has no stream for errors. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

const protocol = 'v4.channel.k8s.io';
const handshakeMs = 10_000;
const maxOutcomeBytes = 64 * 1024;

/** Rejects with a `HandshakeError` when the server refuses. */
export async function openSpdyStreams(url: string | URL, wanted: WantedStreams): Promise<ClientStreams> {
  const transport = await upgrade(new URL(url));
  const session = new SpdySession(transport);
  const closed = new AbortController();
  void session
    .run((stream) => stream.destroy())
    .catch(() => undefined)
    .finally(() => closed.abort());
  const open = (streamType: string): Promise<SpdyStream> =>
    session.open(new Map([['streamtype', streamType]]));
  // In the order in which upstream's clients open them.
  const error = await open('error');
  const stdin = wanted.stdin ? await open('stdin') : undefined;
  const stdout = wanted.stdout ? await open('stdout') : undefined;
  const stderr = wanted.stderr && !wanted.tty ? await open('stderr') : undefined;
  const resize = wanted.tty ? await open('resize') : undefined;
  return {
    stdin: stdin ?? nowhere(),
    stdout: stdout ?? nothing(),
    stderr: stderr ?? nothing(),
    closed: closed.signal,
    protocol,
    resize: async (size) => void resize?.write(Buffer.concat([encodeResize(size), Buffer.from('\n')])),
    outcome: outcomeOf(error),
    close: () => void transport.destroy(),
  };
}

function nothing(): Readable {
  return Readable.from([]);
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

async function outcomeOf(error: SpdyStream): Promise<ExecOutcome> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of error as AsyncIterable<Buffer>) {
      size += part.length;
      if (size <= maxOutcomeBytes) parts.push(part);
    }
  } catch {
    // The session ended; what was said until then counts.
  }
  if (size === 0) return { failure: 'the connection ended before the command did' };
  return decodeOutcome(Buffer.concat(parts));
}

function upgrade(url: URL): Promise<Duplex> {
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    timeout: handshakeMs,
    headers: {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': protocol,
    },
  });
  return new Promise((resolve, reject) => {
    request.once('upgrade', (_response: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', (response) => {
      void readBody(response).then((body) => {
        request.destroy();
        reject(new HandshakeError(response.statusCode ?? 0, body));
      });
    });
    request.once('timeout', () => request.destroy(new Error('the runtime did not answer in time')));
    request.once('error', reject);
    request.end();
  });
}
