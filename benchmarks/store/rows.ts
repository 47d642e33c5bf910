/**
 * What a benchmark of the store is made of: rows, which measure both sides in turn and put down samples under labels,
 * and the table that comes of them.
 */
import type { Program } from '../../test/conformance/store/members.ts';
import type { Side } from './side.ts';

export interface Sample {
  /** In the label's unit. */
  readonly value: number;
  /** Microseconds per request, all members together. */
  readonly cpuMicros?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

export interface RowContext {
  readonly runs: number;
  /** For request bodies and logs of the load generator. */
  readonly directory: string;
  readonly log: (line: string) => void;
  /** Ours and the etcd that was chosen. */
  readonly programs: readonly [Program, Program];
  /** Two groups of three members with nothing but small keys in them, shared by the rows that only load them. */
  readonly groups: () => Promise<readonly [ours: Side, theirs: Side]>;
  readonly record: (side: Side['name'], label: string, unit: string, sample: Sample) => void;
}

export interface Row {
  readonly name: string;
  readonly summary: string;
  readonly run: (context: RowContext) => Promise<void>;
}

/** Both, the other one first in every second round. */
export function inTurn<T>(pair: readonly [T, T], round: number): readonly [T, T] {
  return round % 2 === 0 ? pair : [pair[1], pair[0]];
}
