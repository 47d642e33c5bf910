/** What processes did while changes waited for them, and what is said of it. Times are milliseconds of the machine's monotonic clock. */

/** The module that a process is to import that writes what it does to `file`, under the name `who`. */
export function probeOf(file: string, who: string): string {
  const url = new URL('./probe.ts', import.meta.url);
  url.searchParams.set('file', file);
  url.searchParams.set('who', who);
  return url.href;
}

/** By a clock that all processes share. */
export function milliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface Event {
  readonly from: number;
  readonly ms: number;
  readonly what: string;
}

/** A request: when it was due, sent, and answered. */
export interface Change {
  readonly due: number;
  readonly sent: number;
  readonly answered: number;
}

/** Changes that were slow one after the other: while the first of them still waited the next came. */
export interface Episode {
  readonly from: number;
  readonly to: number;
  readonly changes: number;
  readonly slowestMs: number;
  /** Those of them that the load itself sent late by more than half of what they took. */
  readonly sentLate: number;
  /** What happened meanwhile or just before, the longest first. */
  readonly events: readonly Event[];
}

/** What ended so long before the first was due may have left something to work off. */
const beforeMs = 20;

/** Those of more than `slowMs` from when they were due, with what happened meanwhile. */
export function episodes(
  changes: readonly Change[],
  events: readonly Event[],
  slowMs: number,
): readonly Episode[] {
  const slow = changes.filter(({ due, answered }) => answered - due > slowMs).sort((a, b) => a.due - b.due);
  const groups: Change[][] = [];
  let until = -Infinity;
  for (const change of slow) {
    if (change.due > until) groups.push([]);
    groups.at(-1)?.push(change);
    until = Math.max(until, change.answered);
  }
  return groups.map((group) => {
    const from = Math.min(...group.map(({ due }) => due));
    const to = Math.max(...group.map(({ answered }) => answered));
    return {
      from,
      to,
      changes: group.length,
      slowestMs: Math.max(...group.map(({ due, answered }) => answered - due)),
      sentLate: group.filter(({ due, sent, answered }) => sent - due > (answered - due) / 2).length,
      events: events
        .filter((event) => event.from < to && event.from + event.ms > from - beforeMs)
        .sort((a, b) => b.ms - a.ms),
    };
  });
}

const mostEvents = 3;

/** A line for people; `start` is the beginning of the measurement. */
export function sentence({ from, changes, slowestMs, sentLate, events }: Episode, start: number): string {
  const told = events.slice(0, mostEvents).map(({ what, ms }) => `${what} for ${Math.round(ms)} ms`);
  const late = sentLate === 0 ? [] : [`${sentLate} of them sent late by the load itself`];
  const why = [...told, ...late];
  const reasons = why.length === 0 ? 'nothing but what had gathered' : why.join('; ');
  return `${((from - start) / 1_000).toFixed(1)} s: ${changes} changes, the slowest ${Math.round(slowestMs)} ms: ${reasons}`;
}
