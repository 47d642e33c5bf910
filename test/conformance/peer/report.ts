/** What a comparison found, for people: each open case with what differs, and the numbers. Pure. */
import type { Case } from './comparison.ts';
import { classes } from './compare.ts';

const longest = 600;

/** An open case: what was sent, and what stands on either side wherever they differ. */
export function describe({ section, title, open, call, differences }: Case, places = 12): string {
  const shownPlaces = differences
    .slice(0, places)
    .map(({ place, theirs, ours }) => `  ${place}\n    - ${shown(theirs)}\n    + ${shown(ours)}`);
  if (differences.length > places) shownPlaces.push(`  and ${differences.length - places} more`);
  return [`${section}: ${title} (${open})`, `  ${call.method} ${call.path}`, ...shownPlaces].join('\n');
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** Lines with the numbers of each section, of each class of open cases, and of all. */
export function summarize(cases: readonly Case[]): readonly string[] {
  const lines: string[] = [];
  for (const [section, own] of Map.groupBy(cases, (one) => one.section)) {
    const { equal, isMeant, open } = counts(own);
    if (open > 0)
      lines.push(`# ${section}: ${own.length} compared, ${equal} equal, ${isMeant} meant, ${open} open`);
  }
  for (const word of classes) {
    const count = cases.filter((one) => one.open === word).length;
    if (count > 0) lines.push(`# open, ${word}: ${count}`);
  }
  const { equal, isMeant, open } = counts(cases);
  lines.push(`${cases.length} compared, ${equal} equal, ${isMeant} meant, ${open} open`);
  return lines;
}

function counts(cases: readonly Case[]): { equal: number; isMeant: number; open: number } {
  const open = cases.filter((one) => one.open !== undefined).length;
  const isMeant = cases.filter((one) => one.isMeant).length;
  return { equal: cases.length - open - isMeant, isMeant, open };
}
