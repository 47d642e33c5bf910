/** The report of a run as one HTML page that needs nothing else: verdict, timeline, tables. */
import { kinds, outages, type Subject, summary } from './report.ts';
import type { RunResult } from './run.ts';

const width = 1_100;
const left = 170;
const laneHeight = 18;
const chartHeight = 90;

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string =>
    typeof value === 'number'
      ? `<td class="n">${Number.isInteger(value) ? value : value.toFixed(1)}</td>`
      : `<td>${escape(value)}</td>`;
  const head = columns.map((name) => `<th>${escape(name)}</th>`).join('');
  return `<table><tr>${head}</tr>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</table>`;
}

interface Second {
  writes: number;
  reads: number;
  failed: number;
  slowest: number;
}

function perSecond({ history, totalMs }: RunResult): Second[] {
  const seconds = Array.from({ length: Math.ceil(totalMs / 1_000) + 1 }, () => ({
    writes: 0,
    reads: 0,
    failed: 0,
    slowest: 0,
  }));
  for (const { request, outcome, begin, end } of history.attempts) {
    const second = seconds[Math.floor(end / 1_000)];
    if (second === undefined) continue;
    if (outcome.type !== 'done') second.failed++;
    else if (request.type === 'get') second.reads++;
    else second.writes++;
    if (outcome.type === 'done') second.slowest = Math.max(second.slowest, end - begin);
  }
  return seconds;
}

function bars(
  title: string,
  y: number,
  values: readonly number[],
  x: (ms: number) => number,
  color: string,
): string {
  const most = Math.max(1, ...values);
  const wide = Math.max(0.5, x(1_000) - x(0));
  const drawn = values.map((value, i) => {
    const height = (chartHeight * value) / most;
    return `<rect x="${x(i * 1_000).toFixed(1)}" y="${(y + chartHeight - height).toFixed(1)}" width="${wide.toFixed(2)}" height="${height.toFixed(1)}" fill="${color}"><title>${i} s: ${value.toFixed(0)}</title></rect>`;
  });
  return `<text x="4" y="${y + 14}">${escape(title)}</text><text x="4" y="${y + 30}" class="dim">up to ${most.toFixed(0)}</text>${drawn.join('')}`;
}

function timeline(result: RunResult): string {
  const { incidents, notes, totalMs } = result;
  const x = (ms: number): number => left + ((width - left) * ms) / Math.max(1, totalMs);
  const lanes = [...new Set(incidents.map(({ fault }) => fault))].sort();
  const seconds = perSecond(result);
  const parts: string[] = [];
  let y = 0;
  for (const [title, color, value] of [
    ['acknowledged writes a second', '#2a6f97', (second: Second) => second.writes],
    ['answered reads a second', '#61a5c2', (second: Second) => second.reads],
    ['without an answer, a second', '#c1121f', (second: Second) => second.failed],
    ['slowest answer, ms', '#e09f3e', (second: Second) => second.slowest],
  ] as const) {
    parts.push(bars(title, y, seconds.map(value), x, color));
    y += chartHeight + 12;
  }
  for (const lane of lanes) {
    parts.push(
      `<text x="4" y="${y + 13}">${escape(lane)}</text><line x1="${left}" x2="${width}" y1="${y + 9}" y2="${y + 9}" stroke="#ddd"/>`,
    );
    for (const { fault, what, begin, end } of incidents)
      if (fault === lane)
        parts.push(
          `<rect x="${x(begin).toFixed(1)}" y="${y + 3}" width="${Math.max(1.5, x(end) - x(begin)).toFixed(1)}" height="12" fill="#7b2d26"><title>${escape(`${fault}: ${what}, ${(begin / 1_000).toFixed(1)}–${(end / 1_000).toFixed(1)} s`)}</title></rect>`,
        );
    y += laneHeight;
  }
  const endings = notes.filter(({ text }) => text.includes('ended by itself'));
  parts.push(`<text x="4" y="${y + 13}">ended by itself</text>`);
  for (const { at, text } of endings)
    parts.push(
      `<circle cx="${x(at).toFixed(1)}" cy="${y + 9}" r="4" fill="#000"><title>${escape(text)}</title></circle>`,
    );
  y += laneHeight;
  for (let i = 0; i <= 10; i++)
    parts.push(
      `<text x="${x((totalMs * i) / 10).toFixed(0)}" y="${y + 14}" text-anchor="middle" class="dim">${((totalMs * i) / 10_000).toFixed(0)} s</text>`,
    );
  return `<svg viewBox="0 0 ${width + 20} ${y + 24}" width="100%">${parts.join('\n')}</svg>`;
}

export function reportPage(result: RunResult, { program, members, seed }: Subject): string {
  const { violations, incidents, notes } = result;
  const good = violations.length === 0;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Chaos on ${members} members of ${escape(program.name)}</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1160px; color: #222; }
svg text { font-size: 11px; fill: #222; } svg .dim { fill: #888; }
table { border-collapse: collapse; margin: 1em 0; } td, th { border-bottom: 1px solid #ddd; padding: 2px 10px; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { padding: 0.7em 1em; color: #fff; background: ${good ? '#386641' : '#9b2226'}; }
pre { background: #f5f5f5; padding: 1em; overflow: auto; white-space: pre-wrap; }
</style>
<h1>Chaos on ${members} members of ${escape(program.name)}, seed ${seed}</h1>
<p class="verdict">${good ? 'Every promise was kept.' : `Broken: ${violations.length} violations.`}</p>
${good ? '' : `<pre>${escape(violations.map(({ rule, text }) => `${rule}: ${text}`).join('\n'))}</pre>`}
<pre>${escape(summary(result))}</pre>
<h2>Timeline</h2>
<p>Times are since the load began. Point at a bar for what happened to whom.</p>
${timeline(result)}
<h2>Operations</h2>
${table(
  ['request', 'answered', 'without an answer', 'median ms', '99 % ms', 'slowest ms'],
  kinds(result).map(({ name, done, unknown, p50, p99, worst }) => [name, done, unknown, p50, p99, worst]),
)}
<h2>Longest time without an acknowledged write, from the beginning of a fault until 5 s after its end</h2>
${table(
  ['fault', 'times', 'median ms', 'worst ms'],
  outages(result).map(({ fault, count, median, worst }) => [fault, count, median, worst]),
)}
<h2>Faults</h2>
${table(
  ['from s', 'to s', 'fault', 'whom'],
  incidents.map(({ begin, end, fault, what }) => [begin / 1_000, end / 1_000, fault, what]),
)}
<h2>Notes</h2>
<pre>${escape(notes.map(({ at, text }) => `${(at / 1_000).toFixed(2)} s  ${text}`).join('\n'))}</pre>
${result.logs.map(({ name, text }) => `<details><summary>end of the log of ${escape(name)}</summary><pre>${escape(text)}</pre></details>`).join('\n')}
</html>
`;
}
