/** The load: requests over HTTP/2 with a bounded number in flight, each answer's status checked. */
import type { ClientHttp2Session } from 'node:http2';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
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

export interface LoadResult {
  readonly perSecond: number;
  /** Milliseconds of each request. */
  readonly latencies: readonly number[];
}

/** Makes `count` calls, `inFlight` at a time. Throws at the first that is not answered with success. */
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
      const one = call(index);
      const { status, text } = await send(session, one);
      if (status >= 300) throw new Error(`${one.method} ${one.path}: ${status} ${text}`);
      latencies.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_unused, lane) => worker(lane)));
  return { perSecond: (count * 1_000) / (performance.now() - start), latencies };
}
