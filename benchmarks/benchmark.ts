/**
 * What a benchmark gives: a table for people, figures for machines, and the bounds that the figures must keep. A
 * benchmark never decides by itself whether it is good enough; `--check` does, from the bounds.
 */

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

export interface BenchmarkOptions {
  /** Overrides the number of repetitions. */
  readonly runs?: number;
  /** How long to measure, where that is a choice. */
  readonly minutes?: number;
  /** Failures that nobody is told of. */
  readonly silent?: boolean;
  /** Of a benchmark with rows: those to run. */
  readonly only?: readonly string[];
  /** Without the peer, although it is there. */
  readonly alone?: boolean;
  /** Which etcd is the peer, where there is a choice. */
  readonly etcd?: string;
  readonly log: (line: string) => void;
}

export interface Benchmark {
  readonly summary: string;
  readonly run: (options: BenchmarkOptions) => Promise<BenchmarkResult>;
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
