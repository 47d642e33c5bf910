/**
 * `npm test`: every unit and integration test, then the acceptance run. Ends with the list of what was skipped and
 * why, and fails when anything failed or when no test ran at all.
 *
 * Usage: test/run.ts [--only unit|acceptance] [PATTERN…]
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const argv = process.argv.slice(2);
const only = argv[0] === '--only' ? argv[1] : undefined;
const patterns = argv[0] === '--only' ? argv.slice(2) : argv;

const files = globSync(
  ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'deploy/**/*.test.ts', 'benchmarks/**/*.test.ts'],
  {
    cwd: root,
  },
)
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();

interface Outcome {
  passed: number;
  failed: string[];
  skipped: string[];
}

async function unitTests(): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
  const stream = run({
    files: files.map((file) => join(root, file)),
    concurrency: Math.max(2, availableParallelism()),
    timeout: 600_000,
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

let failed = false;
if (only !== 'acceptance') {
  const outcome = await unitTests();
  for (const reason of outcome.skipped) console.log(`skipped: ${reason}`);
  for (const name of outcome.failed) console.log(`failed: ${name}`);
  if (outcome.passed === 0) console.log('no test passed: that is a failure');
  failed = outcome.failed.length > 0 || outcome.passed === 0;
}
if (only !== 'unit' && patterns.length === 0) {
  for (const args of acceptanceRuns) failed = (await acceptance(args)) !== 0 || failed;
}
process.exitCode = failed ? 1 : 0;
