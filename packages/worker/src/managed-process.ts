/**
 * One component's process under supervision: started, restarted with growing pauses when it exits, stopped with a
 * deadline. Its output goes to a bounded log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import type { LogFile } from './log-file.ts';

export interface ProcessSpec {
  readonly component: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take to stop before it is killed. */
  readonly stopTimeoutMs?: number;
  /** Keeps leases by the clock, so it goes before whatever else wants the CPU. */
  readonly urgent?: boolean;
}

export interface ProcessEvents {
  started(pid: number): void;
  /** `willRestartInMs` is null when it was told to stop. */
  exited(reason: string, willRestartInMs: number | null): void;
}

const firstPauseMs = 200;
const maxPauseMs = 10_000;
/** A process that ran this long starts again with the shortest pause. */
const healthyAfterMs = 20_000;

const urgentPriority = -5;

/** Raises the priority of a process's main thread and of all threads it makes from now on, where that is allowed. */
export function hurry(pid: number): void {
  setPriorityOf(pid, urgentPriority);
}

function setPriorityOf(pid: number, priority: number): void {
  try {
    setPriority(pid, priority);
  } catch {
    // Without the right to, everything still works on a machine that is not overloaded.
  }
}

export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #log: LogFile;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = firstPauseMs;
  #wanted = false;

  constructor(spec: ProcessSpec, log: LogFile, events: ProcessEvents) {
    this.spec = spec;
    this.#log = log;
    this.#events = events;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#wanted = true;
    if (this.#child === undefined && this.#timer === undefined) this.#spawn();
  }

  /** Sends SIGTERM, waits, then SIGKILL. Resolves when the process is gone; it is not started again. */
  async stop(): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.spec.stopTimeoutMs ?? 5_000);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends the process at once; it is started again like after any other exit. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  #spawn(): void {
    const [program = '', ...args] = this.spec.command;
    const began = Date.now();
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.spec.env },
    });
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => this.#log.write(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#log.write(chunk));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    let over = false;
    const end = (reason: string): void => {
      if (over) return;
      over = true;
      this.#child = undefined;
      resolve();
      this.#log.write(Buffer.from(`${this.spec.component}: ${reason}\n`));
      this.#ended(reason, Date.now() - began);
    };
    child.once('error', (error) => end(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      end(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    });
    if (child.pid === undefined) return;
    // Set either way: the supervisor is urgent itself, and what it starts inherits that.
    setPriorityOf(child.pid, this.spec.urgent === true ? urgentPriority : 0);
    this.#events.started(child.pid);
  }

  #ended(reason: string, ranMs: number): void {
    if (!this.#wanted) {
      this.#events.exited(reason, null);
      return;
    }
    if (ranMs >= healthyAfterMs) this.#pauseMs = firstPauseMs;
    const pause = this.#pauseMs;
    this.#pauseMs = Math.min(pause * 2, maxPauseMs);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#spawn();
    }, pause);
    this.#events.exited(reason, pause);
  }
}
