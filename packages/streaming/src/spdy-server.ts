/**
 * The process's end of an exec or attach connection of clients that speak SPDY/3.1 and no WebSockets (kubectl up to
 * 1.30): one stream for each of error, stdin, stdout, stderr and resize, opened by the client.
 *
 * In: an `upgrade` event and which streams the client said it would open. Out: the same as of a WebSocket.
 */
import type { IncomingMessage } from 'node:http';
import { type Duplex, Readable, Writable } from 'node:stream';
import { channelProtocols, decodeResize, encodeOutcome, type TerminalSize } from './protocol.ts';
import { acceptSpdy, flushed, refuseUpgrade, type ServerStreams } from './server.ts';
import type { WantedStreams } from './spdy-client.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

/** The version that all such clients know in which the outcome is a `Status`. */
const protocol = channelProtocols[1];
const openMs = 30_000;
const farewellMs = 3_000;
const maxResizeLine = 4_096;

export function wantsBareSpdy({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'spdy/3.1';
}

/** Answers 403, as upstream does, and rejects when the client does not know the version; rejects when it does not open its streams in time. */
export async function acceptSpdyStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
): Promise<ServerStreams> {
  const offered = [request.headersDistinct['x-stream-protocol-version'] ?? []]
    .flat()
    .flatMap((value) => value.split(',').map((name) => name.trim()));
  if (!offered.includes(protocol)) {
    refuseUpgrade(socket, 403, `none of the protocols ${offered.join(', ')} is known; use ${protocol}`);
    throw new Error(`no common protocol among ${offered.join(', ')}`);
  }
  const session = new SpdySession(acceptSpdy(socket, head, protocol));
  const closed = new AbortController();
  const streams = new Map<string, SpdyStream>();
  const expected = ['error', ...namesOf(wanted)];
  const complete = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => complete.reject(new Error('the client did not open its streams in time')),
    openMs,
  );
  void session
    .run((stream) => {
      const type = stream.headers.get('streamtype') ?? '';
      if (!expected.includes(type) || streams.has(type)) {
        stream.destroy();
        return;
      }
      streams.set(type, stream);
      if (streams.size === expected.length) complete.resolve();
    })
    .catch(() => undefined)
    .finally(() => {
      closed.abort();
      complete.reject(new Error('the client has gone'));
    });
  try {
    await complete.promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return serverStreams(streams, closed.signal, socket);
}

function namesOf({ stdin, stdout, stderr, tty }: WantedStreams): string[] {
  return [
    ...(stdin ? ['stdin'] : []),
    ...(stdout ? ['stdout'] : []),
    ...(stderr && !tty ? ['stderr'] : []),
    ...(tty ? ['resize'] : []),
  ];
}

function serverStreams(
  streams: ReadonlyMap<string, SpdyStream>,
  closed: AbortSignal,
  socket: Duplex,
): ServerStreams {
  let size: TerminalSize | undefined;
  let listener: ((size: TerminalSize) => void) | undefined;
  let pending = '';
  streams.get('resize')?.on('data', (chunk: Buffer) => {
    const lines = (pending + chunk.toString()).split('\n');
    pending = (lines.pop() ?? '').slice(-maxResizeLine);
    for (const line of lines) size = decodeResize(Buffer.from(line)) ?? size;
    if (size !== undefined) listener?.(size);
  });
  const output = (name: string): Writable => {
    const stream = streams.get(name);
    // What comes against the direction of a stream is nobody's.
    stream?.resume();
    return stream ?? new Writable({ write: (_chunk, _encoding, done) => done() });
  };
  const error = output('error');
  const stdout = output('stdout');
  const stderr = output('stderr');
  return {
    stdin: streams.get('stdin') ?? Readable.from([]),
    stdout,
    stderr,
    closed,
    onResize: (next) => {
      listener = next;
      if (size !== undefined) next(size);
    },
    finish: async (outcome) => {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      error.end(encodeOutcome(protocol, outcome));
      await flushed(error);
      // The client hangs up when it has read the outcome; one that does not has a bounded time.
      const timer = setTimeout(() => socket.destroy(), farewellMs);
      closed.addEventListener('abort', () => clearTimeout(timer), { once: true });
      socket.end();
    },
  };
}
