/** What a hunt found, for a person: the requests that held the server longest, and those that grow faster than their body. Pure. */
import type { Finding, Hunt } from './hunt.ts';

/** Four times the body may take four times as long, and noise half of that again. */
const expectedGrowth = 6;
/** Below that growth is noise. */
const leastMs = 40;

export function growthOf({ quarter, whole }: Pick<Finding, 'quarter' | 'whole'>): number {
  return whole.ms / Math.max(quarter.ms, 1);
}

export function growsFaster(finding: Pick<Finding, 'quarter' | 'whole'>): boolean {
  return finding.whole.ms >= leastMs && growthOf(finding) > expectedGrowth;
}

export function formatHunt({ findings, plain, left }: Hunt, rows: number): string {
  const longest = findings.slice(0, rows);
  const growing = findings.filter((one) => growsFaster(one) && !longest.includes(one)).slice(0, rows);
  const lines = [
    'ms at a quarter | ms | growth | times a text | ms of the largest | status | request | kind | place | why',
    ...longest.map((one) => line(one, plain.whole)),
    ...(growing.length === 0 ? [] : ['grow faster than their body:']),
    ...growing.map((one) => line(one, plain.whole)),
    ...(left.length === 0 ? [] : [`left out: ${left.length}, such as ${left.slice(0, 5).join('; ')}`]),
  ];
  return lines.join('\n');
}

function line(finding: Finding, plainMs: number): string {
  const { kind, place, request, quarter, whole, largest } = finding;
  return [
    quarter.ms.toFixed(0),
    whole.ms.toFixed(0),
    growthOf(finding).toFixed(1),
    (whole.ms / plainMs).toFixed(1),
    largest?.ms.toFixed(0) ?? '–',
    whole.status,
    request,
    kind,
    place,
    whole.why,
  ].join(' | ');
}
