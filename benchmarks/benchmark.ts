/**
 * What a benchmark gives: a table for people, figures for machines, and the bounds that the figures must keep. A
 * benchmark never decides by itself whether it is good enough; `--check` does, from the bounds.
 */

import { type Flag, type FlagSet, type FlagValues, numberFlag } from '@timonier/component';

export interface Bound {
  readonly figure: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface BenchmarkResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly figures: Readonly<Record<string, number>>;
  readonly bounds: readonly Bound[];
  /** What a reader must know of the run: sizes, versions, peers. */
  readonly notes: readonly string[];
}

export interface Benchmark<F extends FlagSet> {
  readonly summary: string;
  /** Of its own, besides those that each has. */
  readonly flags: F;
  readonly run: (flags: FlagValues<F>, log: (line: string) => void) => Promise<BenchmarkResult>;
}

// The runner hands a benchmark nothing but what its own flags said.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyBenchmark = Benchmark<any>;

/** Types a benchmark's `run` from its flags. */
export function defineBenchmark<F extends FlagSet>(benchmark: Benchmark<F>): Benchmark<F> {
  return benchmark;
}

/** How often the same is measured, unless one says otherwise. */
export function runsFlag(runs: number, help = 'how often each is measured'): Flag<number> {
  return numberFlag(runs, help, { min: 1, max: 10_000 });
}

/** The value below which the share `p` of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** Bounds that the figures break, each as a sentence. A bound on a figure that is missing is broken. */
export function brokenBounds({ figures, bounds }: Pick<BenchmarkResult, 'figures' | 'bounds'>): string[] {
  return bounds.flatMap(({ figure, atMost, atLeast }) => {
    const value = figures[figure];
    if (value === undefined || Number.isNaN(value)) return [`${figure} was not measured`];
    if (atMost !== undefined && value > atMost) return [`${figure} is ${format(value)}, more than ${atMost}`];
    if (atLeast !== undefined && value < atLeast)
      return [`${figure} is ${format(value)}, less than ${atLeast}`];
    return [];
  });
}

export function format(value: string | number): string {
  if (typeof value === 'string') return value;
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** A plain-text table, numbers to the right. */
export function table({ columns, rows }: Pick<BenchmarkResult, 'columns' | 'rows'>): string {
  const cells = [columns, ...rows.map((row) => row.map(format))];
  const widths = columns.map((_column, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[], source?: readonly (string | number)[]): string =>
    widths
      .map((width, i) =>
        typeof source?.[i] === 'number' ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width),
      )
      .join('  ')
      .trimEnd();
  return cells.map((row, i) => line(row, i === 0 ? undefined : rows[i - 1])).join('\n');
}
