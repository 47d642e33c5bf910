/** A program that runs beside the others with its output in a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const stopWithinMs = 10_000;
const running = new Set<ChildProcess>();

// Whatever ends this program, nothing that it started stays behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class LoggedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;

  constructor(name: string, file: string, args: readonly string[], logFile: string) {
    this.name = name;
    this.logFile = logFile;
    const output = openSync(logFile, 'a');
    this.#child = spawn(file, args, { stdio: ['ignore', output, output] });
    closeSync(output);
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    this.#gone = once(this.#child, 'exit').catch(() => undefined);
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Throws with the end of its output when it has ended. */
  mustLive(): void {
    if (!this.alive) throw new Error(`${this.name} ended:\n${this.log().slice(-4_000)}`);
  }

  /** Resolves when it has ended, or after so many milliseconds. */
  async end(withinMs: number): Promise<void> {
    const over = new AbortController();
    await Promise.race([
      this.#gone,
      delay(withinMs, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
    over.abort();
  }

  async kill(): Promise<void> {
    if (this.alive) this.#child.kill('SIGKILL');
    await this.#gone;
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopWithinMs);
    await this.#gone;
    clearTimeout(timer);
  }
}
