/** The load: requests over HTTP/2 with a bounded number in flight, each answer's status checked. */
import type { Call, Session } from './session.ts';

export interface Reply {
  readonly status: number;
  readonly bytes: number;
  /** Empty unless asked for. */
  readonly text: string;
}

export async function send(session: Session, call: Call, keep = false): Promise<Reply> {
  const { status, body } = await session.request(call);
  let bytes = 0;
  const chunks: Buffer[] = [];
  for await (const chunk of body) {
    bytes += chunk.length;
    if (keep || status >= 400) chunks.push(chunk);
  }
  return { status, bytes, text: Buffer.concat(chunks).toString() };
}

/** Codes that ask the client to try again, as every client of the API does. */
const again: ReadonlySet<number> = new Set([429, 500, 503, 504]);
const maxTries = 10;

/**
 * A call that is made again when the server asks for that, as when the store did not answer in time on a machine with too
 * much to do. Throws for any other failure.
 */
export async function succeed(session: Session, call: Call, keep = false): Promise<Reply> {
  for (let tries = 1; ; tries++) {
    const reply = await send(session, call, keep);
    if (reply.status < 300) return reply;
    // What became of the try before was not known.
    if (tries > 1 && call.method === 'POST' && reply.status === 409) return reply;
    if (call.method === 'DELETE' && reply.status === 404) return reply;
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
  sessions: readonly Session[],
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
