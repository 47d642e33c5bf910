/**
 * `npm run conformance -- metrics`: the same requests to Kubernetes' control plane on etcd and to ours, and how what
 * Prometheus sees of them differs. `npm run peers` builds the programs. Exits 1 when something differs that is not meant.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choicesFlag, defineProgram, type FlagSet, type FlagValues, stringFlag } from '@timonier/component';
import { needPeers, workersFlag } from '../program.ts';
import { exitOnSignals } from '../signals.ts';
import { compareExpositions, compareIncreases, increases, kinds } from './compare.ts';
import { meant, meantCounts, reasonFor } from './differences.ts';
import { parseExposition } from './exposition.ts';
import { runSide, type Seen } from './run.ts';
import { countedMetrics, isCounted } from './traffic.ts';
import { type ComponentName, components } from './world.ts';

const flags = {
  only: choicesFlag(components, 'whose metrics to compare'),
  workers: workersFlag,
  save: stringFlag('', 'keeps what each process showed', { value: 'FOLDER' }),
} satisfies FlagSet;

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

async function compare({ only, workers, save }: FlagValues<typeof flags>): Promise<number> {
  needPeers(['kube-apiserver', 'etcd', 'kube-scheduler', 'kube-controller-manager']);
  exitOnSignals();
  const directory = await mkdtemp(join(tmpdir(), 'timonier-metrics-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const theirs = await runSide(directory, 'kubernetes', 1);
  const ours = await runSide(directory, 'timonier', workers);
  if (save !== '') saveTexts(save, { theirs, ours });
  const used = new Set<string>();
  let open = only.includes('apiserver') ? reportCounts(theirs, ours, used) : 0;
  for (const component of only) open += report(component, theirs, ours, used);
  if (only.length === components.length)
    for (const { reason } of [...meant.filter(({ sometimes }) => sometimes !== true), ...meantCounts])
      if (!used.has(reason)) {
        open++;
        console.log(`not ok - nothing differs any more for this reason: ${reason}`);
      }
  console.log(`${open} open`);
  return open === 0 ? 0 : 1;
}

const call = 'npm run conformance -- metrics';

export const suite = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'what Prometheus sees of Kubernetes’ processes and of ours, and what differs',
  examples: [call, `${call} --only apiserver --save seen`],
  flags,
  run: ({ flags }) => compare(flags),
});
