/** Runs `timonier` from the sources, or another program, to its end or for as long as a test needs it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const entry = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
/** A process of ours starts in a second, and on a busy machine in many. */
const deadlineMs = 120_000;

export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Put before the command line, such as `setpriv …`. */
  readonly prefix?: readonly string[];
}

/** Runs to the end. A program that has to be killed counts as code `killed`. */
export function timonier(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runScript(entry, args, options);
}

/** The same with another of our programs: `script` is its file. */
export function runScript(script: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [file = '', ...rest] = [...(options.prefix ?? []), process.execPath, script, ...args];
  return new Promise((resolve) => {
    execFile(
      file,
      rest,
      {
        timeout: options.timeoutMs ?? deadlineMs,
        killSignal: 'SIGKILL',
        env: { ...process.env, ...options.env },
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.killed === true ? 'killed' : (error.code ?? 'killed');
        resolve({ code, stdout, stderr });
      },
    ).stdin?.end();
  });
}

export interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** What it wrote to stderr so far. */
  output(): string;
}

/** Starts it and ends it with the test. */
export function start(t: Pick<TestContext, 'after'>, args: readonly string[]): Started {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-64 * 1024);
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  return { child, exited, output: () => output };
}

/** Runs `work` on each item, `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
