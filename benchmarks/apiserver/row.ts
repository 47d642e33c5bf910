/** What a row of the benchmark gets, and what it puts down of one server. */
import { cpuMicros } from '../store/cpu.ts';
import type { Explanation } from './explain/explanation.ts';
import type { MeasuredServer } from './server.ts';
import type { Session } from './session.ts';

/** Of one operation on one server. What was not measured is not there. */
export interface Measured {
  readonly name: string;
  /** Microseconds of the API server, of one request or delivery. */
  readonly cpu?: number;
  /** The same of the store. */
  readonly store?: number;
  readonly perSecond?: number;
  readonly p99Ms?: number;
  readonly mebibytes?: number;
}

export interface Bench {
  readonly server: MeasuredServer;
  /** Some connections to share. */
  readonly sessions: readonly Session[];
  readonly rows: Measured[];
  readonly figures: Record<string, number>;
  /** Of ours, when asked for. */
  readonly explanation?: Explanation | undefined;
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

export function anySession({ sessions }: Bench): Session {
  const [session] = sessions;
  if (session === undefined) throw new Error('no session');
  return session;
}
