/** What a row of the benchmark gets and fills in. */
import type { ClientHttp2Session } from 'node:http2';
import { cpuMicros } from '../store/cpu.ts';
import type { MeasuredServer } from './server.ts';

/** Operation, CPU µs of the server, CPU µs of the store, per second, p99 in ms, MiB. */
export type Cells = readonly [string, ...(string | number)[]];

export interface Bench {
  readonly server: MeasuredServer;
  /** Some connections to share. */
  readonly sessions: readonly ClientHttp2Session[];
  readonly rows: Cells[];
  readonly figures: Record<string, number>;
}

export interface Row {
  /** Whether it needs the 10,000 pods. */
  readonly needsPods: boolean;
  readonly run: (bench: Bench) => Promise<void>;
}

/** CPU that both processes spend meanwhile, in µs. */
export function meter({ pid, storePid }: MeasuredServer): () => { own: number; store: number } {
  const before = [cpuMicros([pid]), cpuMicros([storePid])] as const;
  return () => ({ own: cpuMicros([pid]) - before[0], store: cpuMicros([storePid]) - before[1] });
}

export function anySession({ sessions }: Bench): ClientHttp2Session {
  const [session] = sessions;
  if (session === undefined) throw new Error('no session');
  return session;
}
