/**
 * `npm run sim`: the deterministic simulator of the store: one run of a seed, runs from a seed on for some minutes, or a
 * hunt for how many seeds each known bug needs to be found. Exit code 1 when a rule was broken or a bug survived.
 */
import {
  booleanFlag,
  choicesFlag,
  defineProgram,
  type FlagSet,
  type FlagValues,
  numberFlag,
} from '@timonier/component';
import { type BugName, bugNames, hunt, knownBugs } from './bugs.ts';
import { RunFailure, simulate, type Summary } from './simulation.ts';

const whole = { min: 1, max: Number.MAX_SAFE_INTEGER };
const stepsOfRun = 40_000;
const stepsOfHunt = 15_000;

const flags = {
  seed: numberFlag(1, 'the run, or the first of many', whole),
  steps: numberFlag(stepsOfRun, 'how many of each run', {
    ...whole,
    placeholder: `${stepsOfRun}, of a hunt ${stepsOfHunt}`,
  }),
  minutes: numberFlag(0, 'seed after seed for so long', {
    min: 0.01,
    max: 24 * 60,
    fraction: true,
    placeholder: 'one run',
  }),
  bug: choicesFlag(bugNames, 'bugs to switch on, of those that --list-bugs names', {
    default: [],
    placeholder: 'none, of a hunt all',
    isListed: false,
  }),
  hunt: booleanFlag(false, 'count the seeds that each bug needs to be found; then the same ones must pass'),
  seeds: numberFlag(600, 'after how many seeds a bug of a hunt has survived', whole),
  'list-bugs': booleanFlag(false, 'only say what each bug breaks'),
  print: booleanFlag(false, 'the story of a run too'),
} satisfies FlagSet;

interface Setting {
  readonly steps: number;
  readonly bugs: readonly BugName[];
  readonly print: boolean;
  readonly isHunt: boolean;
}

async function oneRun(seed: number, { steps, bugs, print, isHunt }: Setting): Promise<Summary | undefined> {
  try {
    return await simulate({ seed, steps, bugs, print });
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    if (!isHunt) console.error(error.story);
    console.error(`\n${error.message}\nreplay: npm run sim -- --seed ${seed} --steps ${steps}`);
    if (error.cause instanceof Error) console.error(error.cause.stack);
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
async function huntAll(setting: Setting, seeds: number): Promise<number> {
  const { bugs, steps } = setting;
  let last = 0;
  let survived = false;
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
    survived ||= found === undefined;
    last = Math.max(last, found?.seed ?? 0);
  }
  for (let seed = 1; seed <= last; seed += 1)
    if ((await oneRun(seed, { ...setting, bugs: [] })) === undefined) return 1;
  console.log(`the code as it is passes seeds 1 to ${last}`);
  return survived ? 1 : 0;
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

async function main(given: FlagValues<typeof flags>, names: ReadonlySet<string>): Promise<number> {
  if (given['list-bugs']) {
    for (const name of bugNames) console.log(`${name.padEnd(28)} ${knownBugs[name]}`);
    return 0;
  }
  const { seed: first, hunt: isHunt, print, minutes } = given;
  const steps = isHunt && !names.has('steps') ? stepsOfHunt : given.steps;
  const bugs = isHunt && given.bug.length === 0 ? bugNames : given.bug;
  const setting = { steps, bugs, print, isHunt };
  if (isHunt) return huntAll(setting, given.seeds);
  const begin = performance.now();
  const runs: Summary[] = [];
  const until = begin + minutes * 60_000;
  for (let seed = first; seed === first || performance.now() < until; seed += 1) {
    const run = await oneRun(seed, setting);
    if (run === undefined) return 1;
    if (minutes === 0) console.log(JSON.stringify(run));
    runs.push(run);
  }
  console.log(figures(runs, performance.now() - begin));
  return 0;
}

const sim = defineProgram({
  call: 'npm run sim --',
  usage: '[FLAGS]',
  summary: 'simulates whole stores under faults, in one thread under one seed, and checks every step',
  examples: [
    'npm run sim -- --seed 7 --print',
    'npm run sim -- --minutes 10',
    'npm run sim -- --hunt',
    'npm run sim -- --seed 7 --bug watch-gap',
  ],
  flags,
  run: ({ flags: values, given }) => main(values, given),
});

process.exitCode = await sim(process.argv.slice(2));
