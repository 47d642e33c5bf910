/**
 * The table and the figures of what was measured, of ours alone or beside a peer. Figures of the peer have `peer_` in
 * front; a figure that ends in `_us`, `_ms` or `_mib` and that both have gets a ratio, ours by the peer's: less than 1 is
 * less of it.
 */
import type { BenchmarkResult } from '../benchmark.ts';
import type { Measured } from './row.ts';

export interface Side {
  readonly rows: readonly Measured[];
  readonly figures: Readonly<Record<string, number>>;
}

type Report = Pick<BenchmarkResult, 'columns' | 'rows' | 'figures'>;
type Cell = string | number;

function cell(value: number | undefined): Cell {
  if (value === undefined) return '';
  return Math.abs(value) >= 100 ? Math.round(value) : value;
}

/** '' where one of them was not measured, or is too little to be told from nothing. */
function ratio(ours: number | undefined, theirs: number | undefined): Cell {
  return ours === undefined || theirs === undefined || theirs <= 0 ? '' : (ours / theirs).toFixed(2);
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function alone({ rows, figures }: Side): Report {
  return {
    columns: ['operation', 'CPU µs', 'store CPU µs', 'per second', 'p99 ms', 'MiB'],
    rows: rows.map(({ name, cpu, store, perSecond, p99Ms, mebibytes }) => [
      name,
      ...[cpu, store, perSecond, p99Ms, mebibytes].map(cell),
    ]),
    figures,
  };
}

function besides(ours: Side, theirs: Side): Report {
  const figures: Record<string, number> = { ...ours.figures };
  for (const [name, value] of Object.entries(theirs.figures)) {
    figures[`peer_${name}`] = value;
    const own = ours.figures[name];
    if (own !== undefined && value > 0 && /_(?:us|ms|mib)$/.test(name))
      figures[`${name}_ratio`] = own / value;
  }
  const rows = ours.rows.map((own): Cell[] => {
    const other = theirs.rows.find(({ name }) => name === own.name);
    return [
      own.name,
      ...[own.cpu, other?.cpu].map(cell),
      ratio(own.cpu, other?.cpu),
      ...[own.store, other?.store].map(cell),
      ratio(sum(own.cpu, own.store), sum(other?.cpu, other?.store)),
      ...[own.perSecond, other?.perSecond, own.p99Ms, other?.p99Ms, own.mebibytes, other?.mebibytes].map(
        cell,
      ),
    ];
  });
  return {
    columns: [
      'operation',
      'CPU µs',
      'peer',
      'ratio',
      'store CPU µs',
      'peer',
      'ratio of both',
      'per second',
      'peer',
      'p99 ms',
      'peer',
      'MiB',
      'peer',
    ],
    rows,
    figures,
  };
}

export function report(ours: Side, theirs?: Side): Report {
  return theirs === undefined ? alone(ours) : besides(ours, theirs);
}
