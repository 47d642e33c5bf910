/** The load: requests over HTTP/2 with a bounded number in flight, each answer's status checked. */
import type { ClientHttp2Session } from 'node:http2';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly authorization?: string;
}

export interface Reply {
  readonly status: number;
  readonly bytes: number;
  /** Empty unless asked for. */
  readonly text: string;
}

export function send(session: ClientHttp2Session, call: Call, keep = false): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      {
        ':method': call.method,
        ':path': call.path,
        ...(call.accept === undefined ? {} : { accept: call.accept }),
        ...(call.authorization === undefined ? {} : { authorization: call.authorization }),
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      { endStream: call.body === undefined },
    );
    let status = 0;
    let bytes = 0;
    const chunks: Buffer[] = [];
    stream.once('response', (headers) => (status = Number(headers[':status'])));
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (keep || status >= 400) chunks.push(chunk);
    });
    stream.once('error', reject);
    stream.once('end', () => resolve({ status, bytes, text: Buffer.concat(chunks).toString() }));
    if (call.body !== undefined) stream.end(call.body);
  });
}

/** Codes that ask the client to try again, as every client of the API does. */
const again: ReadonlySet<number> = new Set([429, 500, 503, 504]);
const maxTries = 10;

/**
 * A call that is made again when the server asks for that, as when the store did not answer in time on a machine with too
 * much to do. Throws for any other failure.
 */
export async function succeed(session: ClientHttp2Session, call: Call, keep = false): Promise<Reply> {
  for (let tries = 1; ; tries++) {
    const reply = await send(session, call, keep);
    if (reply.status < 300) return reply;
    // What became of the try before was not known.
    if (tries > 1 && call.method === 'POST' && reply.status === 409) return reply;
    if (tries === maxTries || !again.has(reply.status))
      throw new Error(`${call.method} ${call.path}: ${reply.status} ${reply.text}`);
  }
}

export interface LoadResult {
  readonly perSecond: number;
  /** Milliseconds of each request. */
  readonly latencies: readonly number[];
}

/** Makes `count` calls, `inFlight` at a time. Throws at the first that fails for good. */
export async function load(
  sessions: readonly ClientHttp2Session[],
  count: number,
  inFlight: number,
  call: (index: number) => Call,
): Promise<LoadResult> {
  const latencies: number[] = [];
  const start = performance.now();
  let next = 0;
  const worker = async (lane: number): Promise<void> => {
    const session = sessions[lane % sessions.length];
    if (session === undefined) throw new Error('no session');
    for (let index = next++; index < count; index = next++) {
      const from = performance.now();
      await succeed(session, call(index));
      latencies.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_unused, lane) => worker(lane)));
  return { perSecond: (count * 1_000) / (performance.now() - start), latencies };
}
