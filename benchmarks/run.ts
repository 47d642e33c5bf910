/**
 * `npm run bench -- NAME`: runs one benchmark and prints its table. With `--check` the exit code is 1 when a figure is
 * outside its bound.
 */
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  booleanFlag,
  defineGroup,
  defineProgram,
  type FlagSet,
  type FlagValues,
  type RunProgram,
  stringFlag,
} from '@timonier/component';
import { type AnyBenchmark, brokenBounds, table } from './benchmark.ts';
import { toItsEnd } from './ending.ts';

const call = 'npm run bench --';
const here = fileURLToPath(new URL('./', import.meta.url));

const commonFlags = {
  check: booleanFlag(false, 'exit with 1 when a figure is outside its bound'),
  json: stringFlag('', 'file to write the figures to', { value: 'FILE' }),
} satisfies FlagSet;

async function measure(
  name: string,
  { summary, run }: AnyBenchmark,
  flags: FlagValues<typeof commonFlags>,
): Promise<number> {
  let code = 1;
  await toItsEnd(name, async () => {
    console.log(`${name}: ${summary}`);
    const result = await run(flags, (line) => console.log(`  ${line}`));
    console.log(`\n${table(result)}\n`);
    for (const note of result.notes) console.log(note);
    const broken = brokenBounds(result);
    for (const sentence of broken) console.log(`outside its bound: ${sentence}`);
    if (flags.json !== '') {
      const machine = { node: process.version, kernel: release(), cores: cpus().length };
      await writeFile(flags.json, `${JSON.stringify({ name, machine, ...result, broken }, null, 2)}\n`);
    }
    code = flags.check && broken.length > 0 ? 1 : 0;
  });
  return code;
}

async function load(name: string): Promise<RunProgram> {
  const { benchmark } = (await import(`${here}${name}/main.ts`)) as { benchmark: AnyBenchmark };
  return defineProgram({
    call: `${call} ${name}`,
    usage: '[FLAGS]',
    summary: benchmark.summary,
    examples: [`${call} ${name} --check`, `${call} ${name} --json figures.json`],
    flags: { ...commonFlags, ...(benchmark.flags as FlagSet) },
    run: ({ flags }) => measure(name, benchmark, flags),
  });
}

const names = readdirSync(here).filter((name) => existsSync(`${here}${name}/main.ts`));
const bench = defineGroup({
  call,
  what: 'benchmark',
  summary: 'measures, beside a real peer where there is one, and prints a table',
  programs: Object.fromEntries(names.map((name) => [name, () => load(name)])),
  examples: [`${call} store --only put,range`, `${call} failover --kills 50 --check`],
});

process.exitCode = await bench(process.argv.slice(2));
