/**
 * `npm run fuzz -- apiserver`: hostile requests against a real API server on a real store. Exit code 0 when everything
 * was answered as it should be, 1 when not. `npm run fuzz -- bulk`: long ones, and how long each held the server.
 */
import {
  booleanFlag,
  defineGroup,
  defineProgram,
  type FlagSet,
  type FlagValues,
  numberFlag,
  patternFlag,
} from '@timonier/component';
import { describeCase, fuzz } from './apiserver/run.ts';
import { Subject } from './apiserver/subject.ts';
import { hunt } from './bulk/hunt.ts';
import { formatHunt } from './bulk/table.ts';

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

/** Gives the work a server, which ends with it; interrupted, it takes its processes and folders along as well. */
async function withSubject(work: (subject: Subject) => Promise<number>): Promise<number> {
  const cleanups: (() => unknown)[] = [];
  let cleaning: Promise<void> | undefined;
  const clean = (): Promise<void> =>
    (cleaning ??= (async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    })());
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => void clean().finally(() => process.exit(130)));
  try {
    return await work(await Subject.start({ after: (fn) => void cleanups.push(fn) }));
  } finally {
    await clean();
  }
}

async function attack({ minutes, seed, case: only }: FlagValues<typeof flags>): Promise<number> {
  console.log(`fuzzing the API server for ${minutes} min, seed ${seed}`);
  if (only >= 0) console.log(describeCase(seed, only));
  return withSubject(async (subject) => {
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
  });
}

const apiserver = defineProgram({
  call: `${call} apiserver`,
  usage: '[FLAGS]',
  summary: 'sends an API server hostile requests from a seed',
  examples: [`${call} apiserver --minutes 10`, `${call} apiserver --seed 7 --case 1234`],
  flags,
  run: (given) => attack(given.flags),
});

const bulkFlags = {
  kinds: patternFlag('only these, such as `apps/v1 Deployment`'),
  places: patternFlag('only these fields, such as `spec.volumes`; `everything` is all of a kind at once'),
  everywhere: booleanFlag(false, 'also fields that another kind has in the same message'),
  bytes: numberFlag(300_000, 'length of a place; a quarter of it is sent as well', {
    min: 1_000,
    max: 2_900_000,
  }),
  seconds: numberFlag(600, 'after that nothing more is sent', { min: 1, max: 24 * 3_600 }),
  worst: numberFlag(20, 'so many are sent again with the largest body', { min: 0, max: 1_000 }),
} satisfies FlagSet;

async function measureBulk(given: FlagValues<typeof bulkFlags>): Promise<number> {
  return withSubject(async (subject) => {
    const all = /(?:)/;
    const { kinds = all, places = all, ...rest } = given;
    const found = await hunt(subject, { ...rest, kinds, places, log: (line) => console.log(line) });
    console.log(formatHunt(found, 60));
    return found.findings.length > 0 && found.left.length === 0 ? 0 : 1;
  });
}

const bulk = defineProgram({
  call: `${call} bulk`,
  usage: '[FLAGS]',
  summary:
    'sends an API server long lists and maps at every place of every kind, and ranks how long each held it',
  examples: [`${call} bulk`, `${call} bulk --kinds 'v1 Pod$' --places spec.volumes --everywhere`],
  flags: bulkFlags,
  run: (given) => measureBulk(given.flags),
});

const fuzzing = defineGroup({
  call,
  what: 'subject',
  summary: 'sends hostile requests, and checks how each is answered or how long it takes',
  programs: { apiserver: () => apiserver, bulk: () => bulk },
  examples: [`${call} apiserver --minutes 10`],
});

process.exitCode = await fuzzing(process.argv.slice(2));
