/**
 * `npm test`: every unit and integration test, then the acceptance run. Ends with the list of what was skipped and
 * why, and fails when anything failed or when no test ran at all.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { choiceFlag, defineProgram, numberFlag } from '@timonier/component';

const root = fileURLToPath(new URL('../', import.meta.url));
// As bin/timonier does. What a test file imports, and what the processes that it starts import, is stripped of its types and
// compiled once and not once for each of hundreds of processes.
process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules/.cache/timonier');

const files = globSync(
  ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'deploy/**/*.test.ts', 'benchmarks/**/*.test.ts'],
  { cwd: root },
).sort();

interface Outcome {
  passed: number;
  failed: string[];
  skipped: string[];
}

/** In milliseconds; 0 for none. */
interface Troubles {
  readonly 'late-news': number;
  readonly stalls: number;
  readonly 'late-syncs': number;
}

/** Whose threads do what they would do anyhow, only later: any program of Node's can bear that. */
const everywhere = ['stalls', 'late-syncs'] as const;

function loading(names: readonly (keyof Troubles)[], troubles: Troubles): string[] {
  return names
    .filter((name) => troubles[name] > 0)
    .map((name) => `--import=${new URL(`trouble/${name}.ts`, import.meta.url).href}`);
}

/**
 * With the troubles that shall come to the processes of test files and to what these start, to show what depends on when
 * things happen.
 */
async function inTrouble<T>(troubles: Troubles, body: (execArgv: string[]) => Promise<T>): Promise<T> {
  const before = { ...process.env };
  // Where they find it.
  for (const [name, ms] of Object.entries(troubles))
    if (ms > 0) process.env[`TIMONIER_${name.toUpperCase().replace('-', '_')}_MS`] = String(ms);
  const inherited = loading(everywhere, troubles);
  if (inherited.length > 0)
    process.env['NODE_OPTIONS'] = [before['NODE_OPTIONS'] ?? '', ...inherited].join(' ').trim();
  try {
    return await body(loading(['late-news'], troubles));
  } finally {
    process.env = before;
  }
}

async function unitTests(patterns: readonly string[], execArgv: string[]): Promise<Outcome> {
  const wanted = files.filter(
    (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
  );
  const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
  const stream = run({
    files: wanted.map((file) => join(root, file)),
    concurrency: Math.max(2, availableParallelism()),
    timeout: 600_000,
    execArgv,
  });
  stream.on('test:pass', (event) => {
    if (event.skip !== undefined && event.skip !== false)
      outcome.skipped.push(`${event.name}: ${String(event.skip)}`);
    else if (event.details.type !== 'suite') outcome.passed++;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') outcome.failed.push(`${event.file ?? ''}: ${event.name}`);
  });
  const printed = stream.compose(spec());
  printed.pipe(process.stdout);
  await new Promise<void>((resolve, reject) => printed.on('end', resolve).on('error', reject));
  return outcome;
}

/** Whole with the project's own parts; the first sentence again with each of the foreign ones. */
const acceptanceRuns: readonly (readonly string[])[] = [
  [],
  ['--store', 'etcd', '--only', '1'],
  ['--runtime', 'containerd', '--only', '1'],
];

async function acceptance(args: readonly string[]): Promise<number> {
  console.log(`\nacceptance ${args.join(' ')}`);
  const child = spawn(process.execPath, [join(root, 'test/acceptance/main.ts'), ...args], {
    stdio: 'inherit',
    cwd: root,
  });
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}

async function runAll(
  only: 'all' | 'unit' | 'acceptance',
  troubles: Troubles,
  patterns: readonly string[],
): Promise<number> {
  let failed = false;
  if (only !== 'acceptance') {
    const outcome = await inTrouble(troubles, (execArgv) => unitTests(patterns, execArgv));
    for (const reason of outcome.skipped) console.log(`skipped: ${reason}`);
    for (const name of outcome.failed) console.log(`failed: ${name}`);
    if (outcome.passed === 0) console.log('no test passed: that is a failure');
    failed = outcome.failed.length > 0 || outcome.passed === 0;
  }
  if (only !== 'unit' && patterns.length === 0) {
    for (const args of acceptanceRuns) failed = (await acceptance(args)) !== 0 || failed;
  }
  return failed ? 1 : 0;
}

const tests = defineProgram({
  call: 'npm test --',
  usage: '[--only unit|acceptance] [--late-news MS] [--stalls MS] [--late-syncs MS] [PATTERN…]',
  summary:
    'every test, or those whose files have one of the patterns in their paths; then the acceptance run',
  examples: [
    'npm test',
    'npm test -- packages/raft',
    'npm test -- --only unit',
    'npm test -- --late-news 150 packages/apiserver',
  ],
  flags: {
    only: choiceFlag('all', ['all', 'unit', 'acceptance'], 'which part'),
    'late-news': numberFlag(0, 'milliseconds by which API servers in test files hear late of their store', {
      min: 0,
    }),
    stalls: numberFlag(
      0,
      'milliseconds for which test files, and what of Node they start, stop at most, again and again',
      { min: 0 },
    ),
    'late-syncs': numberFlag(0, 'milliseconds by which fsync comes back late at most there', { min: 0 }),
  },
  maxArguments: Number.POSITIVE_INFINITY,
  run: ({ flags, positional }) =>
    runAll(
      flags.only,
      { 'late-news': flags['late-news'], stalls: flags.stalls, 'late-syncs': flags['late-syncs'] },
      positional,
    ),
});

process.exitCode = await tests(process.argv.slice(2));
