/** A run of upstream's suite for people: a line per group, and every test that did not pass with its reason. */
import { type Outcome, sigOf } from './report.ts';

interface Row {
  passed: number;
  failed: number;
  expected: number;
  skipped: number;
  missing: number;
}

export interface Summary {
  readonly text: string;
  /** Tests failed or did not run, and nobody said that they would. */
  readonly isBad: boolean;
}

/** `wanted` are the names that were asked for; `reasonFor` says why a test is not expected to pass. */
export function summarize(
  wanted: readonly string[],
  outcomes: readonly Outcome[],
  reasonFor: (name: string) => string | undefined,
): Summary {
  const found = new Map(outcomes.map((one) => [one.name, one]));
  const rows = new Map<string, Row>();
  const lines: string[] = [];
  let isBad = false;
  for (const name of wanted) {
    const row = rows.get(sigOf(name)) ?? { passed: 0, failed: 0, expected: 0, skipped: 0, missing: 0 };
    rows.set(sigOf(name), row);
    const outcome = found.get(name);
    const why = reasonFor(name);
    if (outcome?.state === 'passed') {
      row.passed++;
      if (why !== undefined) lines.push(`# passes, though it was not expected to: ${name}`);
    } else if (why !== undefined) {
      row.expected++;
      lines.push(`expected - ${name}: ${why}`);
    } else if (outcome?.state === 'skipped') {
      row.skipped++;
      lines.push(`skipped - ${name}: ${indented(outcome.why)}`);
    } else if (outcome === undefined) {
      row.missing++;
      isBad = true;
      lines.push(`did not run - ${name}`);
    } else {
      row.failed++;
      isBad = true;
      lines.push(`not ok - ${name} (${outcome.seconds} s): ${indented(outcome.why)}`);
    }
  }
  return { text: `${lines.join('\n')}\n\n${table(rows)}`, isBad };
}

const longestReason = 3_000;

function indented(text: string): string {
  return text.slice(0, longestReason).replaceAll('\n', '\n    ');
}

function table(rows: ReadonlyMap<string, Row>): string {
  const columns = ['passed', 'failed', 'expected', 'skipped', 'missing'] as const;
  const titles = { passed: 'passed', failed: 'failed', expected: 'failed as expected', skipped: 'skipped' };
  const head = ['group', ...columns.map((column) => ({ ...titles, missing: 'did not run' })[column])];
  const body = [...rows].map(([sig, row]) => [sig, ...columns.map((column) => `${row[column]}`)]);
  const sum = columns.map((column) => `${[...rows.values()].reduce((all, row) => all + row[column], 0)}`);
  const all = [head, ...body, ['all', ...sum]];
  const widths = head.map((_, i) => Math.max(...all.map((cells) => cells[i]?.length ?? 0)));
  return all
    .map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
