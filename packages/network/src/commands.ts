/**
 * The three host commands behind networking: `nft`, `ip` and `conntrack`. Input goes through standard input, so
 * size is no concern; every call has a deadline and an error that carries what the command said.
 */
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: string, exitCode: number | null, stderr: string) {
    super(`${command} failed (${exitCode === null ? 'killed' : `exit code ${exitCode}`}): ${stderr.trim()}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

const deadlineMs = 20_000;
const maxOutputBytes = 64 * 1024 * 1024;

/** Runs a command to its end and returns what it wrote; rejects with a `CommandError` when it fails. */
export function runCommand(command: string, args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  let size = 0;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxOutputBytes) child.kill('SIGKILL');
    else stdout.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 4096) stderr += chunk.toString();
  });
  child.on('error', (cause) => {
    reject(new Error(`cannot run ${command}: ${cause.message}; is its package installed?`, { cause }));
  });
  child.on('close', (code) => {
    if (code === 0) resolve(Buffer.concat(stdout).toString());
    else reject(new CommandError(`${command} ${args.join(' ')}`, code, stderr));
  });
  // The command may end without reading; its exit code then says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return promise;
}

/** Loads nftables text as one transaction: all of it or nothing. */
export async function loadNftables(text: string): Promise<void> {
  await runCommand('nft', ['-f', '-'], text);
}

/** Runs `ip -batch` lines; `force` goes on after a failing line. */
export async function runIpBatch(lines: readonly string[], force = false): Promise<void> {
  if (lines.length === 0) return;
  await runCommand('ip', [...(force ? ['-force'] : []), '-batch', '-'], `${lines.join('\n')}\n`);
}
