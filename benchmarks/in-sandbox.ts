/**
 * Measurements on members of the store with hosts of their own (test/chaos): a script is run in a room whose
 * namespaces vanish with it, and hands one JSON value back.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enterSandbox, sandboxFolder, settleIn } from '../test/chaos/sandbox.ts';
import { undoneAtEnd } from './ending.ts';

/** Outside: runs `script` inside and resolves with what it hands back. Arguments are one JSON value, too. */
export async function runInSandbox<Result>(script: string, input: object): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'timonier-bench-'));
  const run = runIn(folder, script, input);
  // A signal ends it by itself, which takes a moment.
  const forget = undoneAtEnd(() => run);
  try {
    return (await run) as Result;
  } finally {
    forget();
  }
}

async function runIn(folder: string, script: string, input: object): Promise<unknown> {
  try {
    const answer = join(folder, 'answer.json');
    const code = await enterSandbox(script, [answer, JSON.stringify(input)]);
    if (code !== 0) throw new Error(`${script} ended with ${code}`);
    return JSON.parse(await readFile(answer, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Inside: does the work and ends the process. */
export async function inSandbox<Result>(
  work: (input: unknown, folder: string, signal: AbortSignal) => Promise<Result>,
): Promise<never> {
  const folder = sandboxFolder();
  const [answer, input] = process.argv.slice(2);
  if (folder === undefined || answer === undefined || input === undefined)
    throw new Error('this is a part of a benchmark: use npm run bench');
  const signal = await settleIn();
  const result = await work(JSON.parse(input), folder, signal);
  // Half a measurement is none.
  signal.throwIfAborted();
  await writeFile(answer, JSON.stringify(result));
  return process.exit(0);
}
