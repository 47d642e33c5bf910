/** Says what a run was about and how it ended: lines for a terminal, and one self-contained HTML page. */
import { writeFile } from 'node:fs/promises';
import type { RunResult } from './run.ts';

export interface Subject {
  readonly program: { readonly name: string };
  readonly members: number;
  readonly seed: number;
}

interface Kind {
  readonly name: string;
  readonly done: number;
  readonly unknown: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

/** How each kind of request went. */
export function kinds({ history }: RunResult): Kind[] {
  const groups = Map.groupBy(history.attempts, ({ request }) =>
    request.type === 'get' && request.serializable ? 'get, serializable' : request.type,
  );
  return [...groups].map(([name, list]) => {
    const times = list
      .filter(({ outcome }) => outcome.type === 'done')
      .map(({ begin, end }) => end - begin)
      .sort((a, b) => a - b);
    return {
      name,
      done: times.length,
      unknown: list.length - times.length,
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      worst: times.at(-1) ?? Number.NaN,
    };
  });
}

interface Outage {
  readonly fault: string;
  readonly count: number;
  readonly median: number;
  readonly worst: number;
}

/** For each fault, the longest time without an acknowledged write from its beginning until 5 s after its end. */
export function outages({ history, incidents, totalMs }: RunResult): Outage[] {
  const acknowledged = history.attempts
    .filter(({ request, outcome }) => request.type !== 'get' && outcome.type === 'done')
    .map(({ end }) => end)
    .sort((a, b) => a - b);
  const longest = (from: number, to: number): number => {
    let last = from;
    let gap = 0;
    for (const at of acknowledged) {
      if (at < from) continue;
      gap = Math.max(gap, Math.min(at, to) - last);
      if (at >= to) return gap;
      last = at;
    }
    return Math.max(gap, to - last);
  };
  const groups = Map.groupBy(incidents, ({ fault }) => fault);
  return [...groups].map(([fault, list]) => {
    const gaps = list
      .map(({ begin, end }) => longest(begin, Math.min(end + 5_000, totalMs)))
      .sort((a, b) => a - b);
    return { fault, count: gaps.length, median: percentile(gaps, 0.5), worst: gaps.at(-1) ?? 0 };
  });
}

function faultyShare({ incidents, totalMs }: RunResult): number {
  let covered = 0;
  let until = 0;
  for (const { begin, end } of incidents) {
    covered += Math.max(0, end - Math.max(begin, until));
    until = Math.max(until, end);
  }
  return covered / totalMs;
}

export function summary(result: RunResult): string {
  const { verdict, revisions, incidents, streams, violations, calmMs, totalMs } = result;
  const share = Math.round(100 * faultyShare(result));
  return [
    `${verdict.done} operations answered, ${verdict.unknown} without an answer (${verdict.happened} of them took place), ${revisions.last} revisions, ${streams} watch streams`,
    `${incidents.length} faults in ${(totalMs / 1_000).toFixed(0)} s, at least one active ${share} % of the time; all members served ${calmMs.toFixed(0)} ms after the last`,
    ...outages(result).map(
      ({ fault, count, median, worst }) =>
        `  ${fault.padEnd(26)} ${String(count).padStart(4)} ×  no write for ${median.toFixed(0)} ms (median), ${worst.toFixed(0)} ms (worst)`,
    ),
    violations.length === 0
      ? 'every promise was kept'
      : `BROKEN: ${violations.length} violations\n${violations
          .slice(0, 20)
          .map(({ rule, text }) => `  ${rule}: ${text.slice(0, 800)}`)
          .join('\n')}`,
  ].join('\n');
}

export async function writeReport(file: string, result: RunResult, subject: Subject): Promise<void> {
  const { reportPage } = await import('./report-page.ts');
  await writeFile(file, reportPage(result, subject));
}
