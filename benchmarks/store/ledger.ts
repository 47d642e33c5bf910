/** Keeps the samples of a run by label and side, and makes the table and the figures of them. */
import { type BenchmarkResult, median } from '../benchmark.ts';
import type { RowContext, Sample } from './rows.ts';
import type { Side } from './side.ts';

interface Entry {
  readonly unit: string;
  readonly samples: Record<Side['name'], Sample[]>;
}

function medianOf(
  samples: readonly Sample[],
  pick: (sample: Sample) => number | undefined,
): number | undefined {
  const values = samples.map(pick).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

/** Ours by theirs, of each round in which both were measured. */
function ratiosOf(
  ours: readonly Sample[],
  theirs: readonly Sample[],
  pick: (sample: Sample) => number | undefined,
): number[] {
  return ours.flatMap((sample, i) => {
    const other = theirs[i];
    const [a, b] = [pick(sample), other === undefined ? undefined : pick(other)];
    return a === undefined || b === undefined ? [] : [a / b];
  });
}

function cell(value: number | undefined): string | number {
  return value === undefined ? '–' : value >= 1_000 ? Math.round(value) : value;
}

export class Ledger {
  readonly #entries = new Map<string, Entry>();

  readonly record: RowContext['record'] = (side, label, unit, sample) => {
    let entry = this.#entries.get(label);
    if (entry === undefined) {
      entry = { unit, samples: { timonier: [], etcd: [] } };
      this.#entries.set(label, entry);
    }
    entry.samples[side].push(sample);
  };

  report(): Pick<BenchmarkResult, 'columns' | 'rows' | 'figures'> {
    const figures: Record<string, number> = {};
    const rows = [...this.#entries].map(([label, { unit, samples }]) => {
      const { timonier: ours, etcd: theirs } = samples;
      const ratios = ratiosOf(ours, theirs, ({ value }) => value);
      const medians = ratiosOf(ours, theirs, ({ p50Ms }) => p50Ms);
      if (medians.length > 0) figures[`${label} p50 ratio`] = median(medians);
      const figure = (name: string, value: number | undefined): string | number => {
        if (value !== undefined) figures[name] = value;
        return cell(value);
      };
      return [
        label,
        unit,
        figure(
          unit === '/s' ? `${label} per s` : label,
          medianOf(ours, ({ value }) => value),
        ),
        figure(
          unit === '/s' ? `${label} etcd per s` : `${label} etcd`,
          medianOf(theirs, ({ value }) => value),
        ),
        figure(`${label} ratio`, ratios.length === 0 ? undefined : median(ratios)),
        ratios.length === 0 ? '–' : `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
        figure(
          `${label} cpu us`,
          medianOf(ours, ({ cpuMicros }) => cpuMicros),
        ),
        figure(
          `${label} etcd cpu us`,
          medianOf(theirs, ({ cpuMicros }) => cpuMicros),
        ),
        figure(
          `${label} p50 ms`,
          medianOf(ours, ({ p50Ms }) => p50Ms),
        ),
        figure(
          `${label} etcd p50 ms`,
          medianOf(theirs, ({ p50Ms }) => p50Ms),
        ),
        figure(
          `${label} p99 ms`,
          medianOf(ours, ({ p99Ms }) => p99Ms),
        ),
        figure(
          `${label} etcd p99 ms`,
          medianOf(theirs, ({ p99Ms }) => p99Ms),
        ),
      ];
    });
    return {
      columns: [
        'measured',
        'unit',
        'ours',
        'etcd',
        'ratio',
        'spread',
        'ours CPU µs',
        'etcd CPU µs',
        'ours p50 ms',
        'etcd p50 ms',
        'ours p99 ms',
        'etcd p99 ms',
      ],
      rows,
      figures,
    };
  }
}
