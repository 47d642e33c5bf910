/**
 * `npm run sim`: the deterministic simulator of the store.
 *
 *   npm run sim -- --seed N [--steps M] [--bug NAME] [--print]   one run, exactly as it was
 *   npm run sim -- --minutes M [--seed N]                         runs from a seed on, until the time is over
 *   npm run sim -- --list-bugs
 */
import { parseArgs } from 'node:util';
import { type KnownBug } from '../../../packages/store/src/known-bugs.ts';
import { knownBugs } from './bugs.ts';
import { RunFailure, simulate, type Summary } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string', default: '40000' },
    minutes: { type: 'string' },
    bug: { type: 'string', multiple: true, default: [] },
    'list-bugs': { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
  },
});

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${flag}: "${text}" is not a positive number`);
  return value;
}

function bugOf(text: string): KnownBug {
  const bug = knownBugs.find((known) => known.name === text);
  if (bug === undefined) throw new Error(`--bug: "${text}" is not known; --list-bugs names them`);
  return bug.name;
}

async function oneRun(seed: number, steps: number, bugs: readonly KnownBug[]): Promise<Summary | undefined> {
  try {
    return await simulate({ seed, steps, bugs, print: values.print });
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    console.error(error.story);
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
    `watch events: ${sum(({ events }) => events).toLocaleString('en')}; leases that ran out: ${sum(({ leaseEnds }) => leaseEnds)}; whole states compared: ${sum(({ audits }) => audits)}`,
  ].join('\n');
}

async function main(): Promise<void> {
  if (values['list-bugs']) {
    for (const { name, breaks } of knownBugs) console.log(`${name.padEnd(28)} ${breaks}`);
    return;
  }
  const steps = numberOf('steps', values.steps);
  const bugs = values.bug.map(bugOf);
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
