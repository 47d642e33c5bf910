/**
 * `npm run fuzz -- apiserver`: hostile requests against a real API server on a real store. Exit code 0 when everything
 * was answered as it should be, 1 when not.
 */
import { defineGroup, defineProgram, type FlagSet, type FlagValues, numberFlag } from '@timonier/component';
import { describeCase, fuzz } from './apiserver/run.ts';
import { Subject } from './apiserver/subject.ts';

const call = 'npm run fuzz --';

const flags = {
  minutes: numberFlag(1, 'how long', { min: 0, max: 24 * 60, fraction: true }),
  seed: numberFlag(Date.now() % 1_000_000, 'repeats the same requests', {
    min: 0,
    max: 2 ** 31,
    placeholder: 'of the clock',
  }),
  case: numberFlag(-1, 'only this request of the seed', { min: 0, max: 2 ** 31, placeholder: 'all' }),
} satisfies FlagSet;

async function attack({ minutes, seed, case: only }: FlagValues<typeof flags>): Promise<number> {
  const cleanups: (() => unknown)[] = [];
  let cleaning: Promise<void> | undefined;
  const clean = (): Promise<void> =>
    (cleaning ??= (async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    })());
  // Interrupted, it takes its processes and folders along as well.
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => void clean().finally(() => process.exit(130)));
  try {
    console.log(`fuzzing the API server for ${minutes} min, seed ${seed}`);
    if (only >= 0) console.log(describeCase(seed, only));
    const subject = await Subject.start({ after: (fn) => void cleanups.push(fn) });
    const result = await fuzz(subject, {
      durationMs: minutes * 60_000,
      seed,
      only: only < 0 ? undefined : only,
      log: (line) => console.log(line),
    });
    const statuses = [...result.statuses]
      .sort(([a], [b]) => a - b)
      .map(([code, count]) => `${code}: ${count}`);
    console.log(`${result.cases} cases; ${statuses.join(', ')}; ${result.problems.length} problems`);
    if (result.problems.length > 0)
      console.log(`again: npm run fuzz -- apiserver --seed ${seed} --case N\n${subject.log.slice(-4_000)}`);
    return result.problems.length === 0 ? 0 : 1;
  } finally {
    await clean();
  }
}

const apiserver = defineProgram({
  call: `${call} apiserver`,
  usage: '[FLAGS]',
  summary: 'sends an API server hostile requests from a seed',
  examples: [`${call} apiserver --minutes 10`, `${call} apiserver --seed 7 --case 1234`],
  flags,
  run: (given) => attack(given.flags),
});

const fuzzing = defineGroup({
  call,
  what: 'subject',
  summary: 'sends hostile requests, and checks that each is answered as it should be',
  programs: { apiserver: () => apiserver },
  examples: [`${call} apiserver --minutes 10`],
});

process.exitCode = await fuzzing(process.argv.slice(2));
