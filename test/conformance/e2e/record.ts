/**
 * The committed record of what upstream's suite said of real runs, a line per test: its last outcome, and when, on
 * what and by which release of the suite it was run. `docs/conformance.md` is made of it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, State } from './report.ts';

const file = join(import.meta.dirname, 'results.jsonl');

export interface Recorded {
  readonly name: string;
  readonly state: State;
  /** Empty for what passed. */
  readonly why: string;
  /** How long it took, so that the next run can spread the tests. */
  readonly seconds: number;
  /** Of the suite, such as `v1.36.3`. */
  readonly suite: string;
  /** Of the project, as git names it. */
  readonly commit: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly store: 'timonier' | 'etcd';
}

export function readRecord(): readonly Recorded[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Recorded);
}

/** Puts the outcomes of a run in the place of earlier ones of the same tests. */
export function writeRecord(
  outcomes: readonly Outcome[],
  run: Pick<Recorded, 'suite' | 'commit' | 'date' | 'store'>,
): void {
  const all = new Map(readRecord().map((one) => [one.name, one]));
  for (const { name, state, why, seconds } of outcomes)
    all.set(name, { name, state, why: oneLine(why), seconds: Math.round(seconds), ...run });
  const sorted = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync(file, sorted.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

const longestReason = 300;

/** Nothing of the machine that it ran on belongs into the record, nor where images come from. */
export function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/(?:\/(?:tmp|root|work|home|var)\/)\S*/g, '…')
    .replace(/\b[\w-]+(?:\.[\w-]+)+\/[\w./-]+:[\w.-]+/g, '…')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '…')
    .slice(0, longestReason)
    .trim();
}
