/**
 * `npm run fuzz -- apiserver [--minutes M] [--seed N] [--case N]`: hostile requests against a real API server on a real
 * store. Exit code 0 when everything was answered as it should be, 1 when not, 2 for a wrong command line.
 */
import { parseArgs } from 'node:util';
import { describeCase, fuzz } from './apiserver/run.ts';
import { Subject } from './apiserver/subject.ts';

const usage = 'usage: npm run fuzz -- apiserver [--minutes M] [--seed N] [--case N]';

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      case: { type: 'string' },
    },
  });
  const number = (name: string, text: string, most: number): number => {
    const value = Number(text);
    if (!(value >= 0 && value <= most))
      throw new Error(`--${name} must be between 0 and ${most}, not ${text}`);
    return value;
  };
  if (positionals.join() !== 'apiserver') throw new Error('say what to attack: apiserver');
  return {
    durationMs: number('minutes', values.minutes, 24 * 60) * 60_000,
    seed: number('seed', values.seed, 2 ** 31),
    only: values.case === undefined ? undefined : number('case', values.case, 2 ** 31),
  };
}

async function main(): Promise<number> {
  let chosen;
  try {
    chosen = options();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
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
    console.log(`fuzzing the API server for ${chosen.durationMs / 60_000} min, seed ${chosen.seed}`);
    if (chosen.only !== undefined) console.log(describeCase(chosen.seed, chosen.only));
    const subject = await Subject.start({ after: (fn) => void cleanups.push(fn) });
    const result = await fuzz(subject, { ...chosen, log: (line) => console.log(line) });
    const statuses = [...result.statuses]
      .sort(([a], [b]) => a - b)
      .map(([code, count]) => `${code}: ${count}`);
    console.log(`${result.cases} cases; ${statuses.join(', ')}; ${result.problems.length} problems`);
    if (result.problems.length > 0)
      console.log(
        `again: npm run fuzz -- apiserver --seed ${chosen.seed} --case N\n${subject.log.slice(-4_000)}`,
      );
    return result.problems.length === 0 ? 0 : 1;
  } finally {
    await clean();
  }
}

process.exitCode = await main();
