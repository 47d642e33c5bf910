/**
 * `up --detach`: the same command again in a session of its own, which reports over a channel until it is up. What
 * the background process prints later goes to `up.log` in the data directory.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { programCommand } from '../program.ts';

export interface Report {
  /** A finished step. */
  readonly line?: string;
  /** The summary; the cluster is up. */
  readonly done?: string;
}

/** Starts this very command line in the background and follows it until it is up or has failed. */
export async function detach(dataDir: string): Promise<number> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const log = openSync(join(dataDir, 'up.log'), 'a', 0o600);
  const [program = '', ...entry] = programCommand();
  const argv = process.argv.slice(2).filter((argument) => !/^--?detach(=|$)/.test(argument));
  const child = spawn(program, [...entry, ...argv], {
    detached: true,
    stdio: ['ignore', log, 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-16_384);
  });
  const interrupt = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return new Promise<number>((resolve) => {
    child.on('message', (message) => {
      const report = message as Report;
      if (report.line !== undefined) process.stderr.write(`${report.line}\n`);
      if (report.done === undefined) return;
      process.stdout.write(report.done);
      child.disconnect();
      child.stderr?.destroy();
      child.unref();
      resolve(0);
    });
    child.on('exit', (code) => {
      process.stderr.write(complaint);
      resolve(code ?? 1);
    });
  });
}

/** In the background process: reports to the one that waits, if it still does. */
export function tellParent(report: Report): void {
  if (process.connected) process.send?.(report);
}
