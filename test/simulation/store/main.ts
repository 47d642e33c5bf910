/**
 * `npm run sim`: the deterministic simulator of the store.
 *
 *   npm run sim -- --seed N [--steps M] [--bug NAME] [--print]   one run, exactly as it was
 *   npm run sim -- --minutes M [--seed N]                         runs from a seed on, until the time is over
 *   npm run sim -- --hunt [--bug NAME] [--seeds N] [--steps M]    how many seeds each known bug needs to be found
 *   npm run sim -- --list-bugs
 */
import { parseArgs } from 'node:util';
import { type KnownBug } from '../../../packages/store/src/known-bugs.ts';
import { type BugName, bugNames, hunt, knownBugs } from './bugs.ts';
import { RunFailure, simulate, type Summary } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string' },
    minutes: { type: 'string' },
    bug: { type: 'string', multiple: true, default: [] },
    hunt: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '600' },
    'list-bugs': { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
  },
});

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${flag}: "${text}" is not a positive number`);
  return value;
}

function bugOf(text: string): BugName {
  const bug = bugNames.find((name) => name === text);
  if (bug === undefined) throw new Error(`--bug: "${text}" is not known; --list-bugs names them`);
  return bug;
}

async function oneRun(seed: number, steps: number, bugs: readonly KnownBug[]): Promise<Summary | undefined> {
  try {
    return await simulate({ seed, steps, bugs, print: values.print });
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    if (!values.hunt) console.error(error.story);
    console.error(`\n${error.message}\nreplay: npm run sim -- --seed ${seed} --steps ${steps}`);
    if (error.cause instanceof Error) console.error(error.cause.stack);
    process.exitCode = 1;
    return undefined;
  }
}

function figures(runs: readonly Summary[], wallMs: number): string {
  const sum = (of: (run: Summary) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const cpu = process.cpuUsage();
  const cpuMinutes = (cpu.user + cpu.system) / 60_000_000;
  const perMinute = (of: (run: Summary) => number): string =>
    Math.round(sum(of) / cpuMinutes).toLocaleString('en');
  return [
    `${runs.length} runs of ${(sum(({ ms }) => ms) / 3_600_000).toFixed(2)} simulated hours in ${(wallMs / 60_000).toFixed(1)} minutes (${cpuMinutes.toFixed(1)} of CPU time)`,
    `delivered messages: ${sum(({ delivered }) => delivered).toLocaleString('en')}, ${perMinute(({ delivered }) => delivered)} a CPU minute`,
    `client operations: ${sum(({ operations }) => operations).toLocaleString('en')}, ${perMinute(({ operations }) => operations)} a CPU minute; ${sum(({ unknown }) => unknown)} of unknown outcome`,
    `faults: ${sum(({ faults }) => faults).toLocaleString('en')}, active ${Math.round((100 * sum(({ faultMs }) => faultMs)) / sum(({ ms }) => ms))}% of the time; ${sum(({ lives, members }) => lives - members)} restarts, ${sum(({ elections }) => elections)} elections`,
    `changes of members: ${sum(({ changes }) => changes).toLocaleString('en')}; moved: ${sum(({ moves }) => moves)}, of them with others: ${sum(({ movedTogether }) => movedTogether)}; promoted: ${sum(({ promotions }) => promotions)}`,
    `watch events: ${sum(({ events }) => events).toLocaleString('en')}; leases that ran out: ${sum(({ leaseEnds }) => leaseEnds)}; whole states compared: ${sum(({ audits }) => audits)}`,
  ].join('\n');
}

/** Prints what it takes to find each bug; then the same seeds must pass without any. */
async function huntAll(bugs: readonly BugName[], seeds: number, steps: number): Promise<void> {
  let last = 0;
  console.log(
    '| bug | breaks | seed | step | CPU seconds | found as |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const bug of bugs) {
    const found = await hunt(bug, 1, seeds, steps);
    const how =
      found === undefined
        ? `SURVIVED ${seeds} | – | –`
        : `${found.seed} | ${found.step.toLocaleString('en')} | ${found.cpuSeconds.toFixed(1)}`;
    console.log(`| \`${bug}\` | ${knownBugs[bug]} | ${how} | ${kindOf(found?.message ?? '')} |`);
    if (found === undefined) process.exitCode = 1;
    last = Math.max(last, found?.seed ?? 0);
  }
  for (let seed = 1; seed <= last; seed += 1) if ((await oneRun(seed, steps, [])) === undefined) return;
  console.log(`the code as it is passes seeds 1 to ${last}`);
}

/** The rule that a message says was broken; a member that ends or does not start says why. */
function kindOf(message: string): string {
  const text = message.replace(/^seed \d+, step \d+, [\d.]+ s: /, '');
  const rule = /^([a-z ]+): /.exec(text)?.[1];
  return (
    rule ??
    text
      .replaceAll(/[\d.]+/g, 'N')
      .slice(0, 60)
      .replaceAll('|', '/')
  );
}

async function main(): Promise<void> {
  if (values['list-bugs']) {
    for (const name of bugNames) console.log(`${name.padEnd(28)} ${knownBugs[name]}`);
    return;
  }
  const steps = numberOf('steps', values.steps ?? (values.hunt ? '15000' : '40000'));
  const bugs = values.bug.map(bugOf);
  if (values.hunt) {
    await huntAll(bugs.length === 0 ? bugNames : bugs, numberOf('seeds', values.seeds), steps);
    return;
  }
  const begin = performance.now();
  const runs: Summary[] = [];
  const first = values.seed === undefined ? 1 : numberOf('seed', values.seed);
  if (values.minutes === undefined) {
    const run = await oneRun(first, steps, bugs);
    if (run === undefined) return;
    console.log(JSON.stringify(run));
    runs.push(run);
  } else {
    const until = begin + numberOf('minutes', values.minutes) * 60_000;
    for (let seed = first; performance.now() < until; seed += 1) {
      const run = await oneRun(seed, steps, bugs);
      if (run === undefined) return;
      runs.push(run);
    }
  }
  console.log(figures(runs, performance.now() - begin));
}

await main();
