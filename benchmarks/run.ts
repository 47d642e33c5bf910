/**
 * `npm run bench -- NAME [--check] [--json FILE] [--runs N] [--only ROWS] [--minutes M] [--silent] [--alone]
 * [--etcd debian|built]`: runs one benchmark, or `list`; of one with rows, those named with commas between. `--kills` is
 * another name for `--runs`, `--alone` leaves a peer out that is there, and `--etcd` chooses the store's. With `--check` the
 * exit code is 1 when a figure is outside its bound; 2 means a wrong command line.
 */
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Benchmark, brokenBounds, table } from './benchmark.ts';
import { toItsEnd } from './ending.ts';

const here = fileURLToPath(new URL('./', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
    runs: { type: 'string' },
    kills: { type: 'string' },
    minutes: { type: 'string' },
    silent: { type: 'boolean', default: false },
    only: { type: 'string' },
    alone: { type: 'boolean', default: false },
    etcd: { type: 'string' },
  },
});
const runs = values.runs ?? values.kills;
const names = readdirSync(here).filter((name) => existsSync(`${here}${name}/main.ts`));
const [name = 'list'] = positionals;
if (!names.includes(name)) {
  console.error(
    `usage: npm run bench -- NAME [--check] [--json FILE] [--runs|--kills N] [--only ROWS] [--minutes M] [--silent] [--alone] [--etcd debian|built]\nbenchmarks: ${names.join(', ')}`,
  );
  process.exit(name === 'list' ? 0 : 2);
}

for (const [flag, value] of Object.entries({ runs, minutes: values.minutes }))
  if (value !== undefined && !(Number(value) > 0)) {
    console.error(`--${flag}: "${value}" is not a number above 0`);
    process.exit(2);
  }

await toItsEnd(name, async () => {
  const { benchmark } = (await import(`${here}${name}/main.ts`)) as { benchmark: Benchmark };
  console.log(`${name}: ${benchmark.summary}`);
  const result = await benchmark.run({
    log: (line) => console.log(`  ${line}`),
    silent: values.silent,
    alone: values.alone,
    ...(runs === undefined ? {} : { runs: Number(runs) }),
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
    ...(values.etcd === undefined ? {} : { etcd: values.etcd }),
    ...(values.only === undefined ? {} : { only: values.only.split(',') }),
  });
  console.log(`\n${table(result)}\n`);
  for (const note of result.notes) console.log(note);
  const broken = brokenBounds(result);
  for (const sentence of broken) console.log(`outside its bound: ${sentence}`);
  if (values.json !== undefined) {
    const machine = { node: process.version, kernel: release(), cores: cpus().length };
    await writeFile(values.json, `${JSON.stringify({ name, machine, ...result, broken }, null, 2)}\n`);
  }
  process.exitCode = values.check && broken.length > 0 ? 1 : 0;
});
