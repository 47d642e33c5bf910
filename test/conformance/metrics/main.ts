/**
 * `npm run conformance -- metrics [--only COMPONENT] [--workers N] [--save FOLDER]`: the same requests to Kubernetes'
 * control plane on etcd and to ours, and how what Prometheus sees of them differs. `npm run peers` builds the programs.
 * `--save` keeps what each process showed.
 *
 * Exits 1 when something differs that is not meant, and 2 on a wrong command line or without the programs.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { peer } from '../../peers/peer.ts';
import { exitOnSignals } from '../signals.ts';
import { compareExpositions, compareIncreases, increases, kinds } from './compare.ts';
import { meant, meantCounts, reasonFor } from './differences.ts';
import { parseExposition } from './exposition.ts';
import { runSide, type Seen } from './run.ts';
import { countedMetrics, isCounted } from './traffic.ts';
import { type ComponentName, components } from './world.ts';

const usage = `usage: npm run conformance -- metrics [--only ${components.join('|')}] [--workers N] [--save FOLDER]`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      workers: { type: 'string', default: '1' },
      save: { type: 'string' },
    },
  });
  if (positionals.join() !== 'metrics') throw new Error('say what to run: metrics');
  const wanted = components.filter((name) => values.only === undefined || name === values.only);
  if (wanted.length === 0) throw new Error(`no component is called ${values.only}`);
  const workers = Number(values.workers);
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= 16))
    throw new Error(`--workers must be between 1 and 16, not ${values.workers}`);
  const missing = (['kube-apiserver', 'etcd', 'kube-scheduler', 'kube-controller-manager'] as const)
    .map((name) => peer(name))
    .flatMap((found) => ('missing' in found ? [found.missing] : []));
  if (missing.length > 0) throw new Error(missing.join('\n'));
  return { wanted, workers, save: values.save };
}

/** Returns how much is open, and adds the reasons that were of use. */
function report(component: ComponentName, theirs: Seen, ours: Seen, used: Set<string>): number {
  const of = ({ last }: Seen) => parseExposition(last.get(component) ?? '');
  const findings = compareExpositions(of(theirs), of(ours));
  let open = 0;
  const byReason = new Map<string, number>();
  const counts = new Map(kinds.map((kind) => [kind, { meant: 0, open: 0 }]));
  for (const { metric, kind, detail } of findings) {
    const count = counts.get(kind);
    if (count === undefined) continue;
    const reason = kind === 'equal' ? undefined : reasonFor(component, metric, kind)?.reason;
    if (reason !== undefined) {
      used.add(reason);
      byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
    }
    if (kind === 'equal' || reason !== undefined) {
      count.meant++;
      continue;
    }
    count.open++;
    open++;
    console.log(`not ok - ${component}: ${metric}: ${kind}${detail === '' ? '' : `: ${detail}`}`);
  }
  for (const [reason, count] of byReason) console.log(`# ${component}: ${count} differ: ${reason}`);
  const told = kinds.flatMap((kind) => {
    const { meant: fine = 0, open: left = 0 } = counts.get(kind) ?? {};
    if (kind === 'equal') return [`${fine} equal`];
    return fine + left === 0 ? [] : [`${fine} ${kind} on purpose`, ...(left === 0 ? [] : [`${left} open`])];
  });
  console.log(`# ${component}: ${told.join(', ')}`);
  return open;
}

function reportCounts(theirs: Seen, ours: Seen, used: Set<string>): number {
  let open = 0;
  const codes = [theirs, ours].map((seen) => seen.codes.join(' '));
  if (codes[0] !== codes[1]) {
    open++;
    console.log(`not ok - the answers' codes: ${codes[0]} there, ${codes[1]} here`);
  }
  for (const metric of countedMetrics) {
    const [there, here] = [theirs, ours].map(({ before, after }) =>
      increases(before, after, metric, isCounted),
    );
    const lines = compareIncreases(there ?? new Map(), here ?? new Map()).map((line) => `${metric}${line}`);
    const wrong = lines.filter((line) => {
      const reason = meantCounts.find((one) => one.line.test(line))?.reason;
      if (reason !== undefined) used.add(reason);
      return reason === undefined;
    });
    for (const line of wrong) console.log(`not ok - counted for the same requests: ${line}`);
    if (wrong.length === 0) console.log(`ok - ${metric}: the same ${there?.size ?? 0} series rose alike`);
    open += wrong.length;
  }
  return open;
}

function saveTexts(folder: string, sides: Readonly<Record<string, Seen>>): void {
  for (const [name, { last }] of Object.entries(sides)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (const [component, text] of last) writeFileSync(join(folder, name, `${component}.txt`), text);
  }
}

async function main(): Promise<number> {
  let chosen: ReturnType<typeof options>;
  try {
    chosen = options();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  exitOnSignals();
  const directory = await mkdtemp(join(tmpdir(), 'timonier-metrics-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const theirs = await runSide(directory, 'kubernetes', 1);
  const ours = await runSide(directory, 'timonier', chosen.workers);
  if (chosen.save !== undefined) saveTexts(chosen.save, { theirs, ours });
  const used = new Set<string>();
  let open = chosen.wanted.includes('apiserver') ? reportCounts(theirs, ours, used) : 0;
  for (const component of chosen.wanted) open += report(component, theirs, ours, used);
  if (chosen.wanted.length === components.length)
    for (const { reason } of [...meant.filter(({ sometimes }) => sometimes !== true), ...meantCounts])
      if (!used.has(reason)) {
        open++;
        console.log(`not ok - nothing differs any more for this reason: ${reason}`);
      }
  console.log(`${open} open`);
  return open === 0 ? 0 : 1;
}

process.exit(await main());
