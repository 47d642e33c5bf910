/**
 * The host of one member: its network namespace, its disk, its clock, and the process itself. A process that ends
 * without being told to is started again, as any supervisor would, and that is noted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Disk } from './disk.ts';
import { SyncGate, syncMode, type SyncMode } from '../sync-gate.ts';
import type { Program } from './program.ts';

const restartAfterMs = 500;

export interface Tools {
  readonly slowDisk: string;
  readonly clockStep: string;
}

export interface HostOptions {
  readonly name: string;
  readonly address: string;
  readonly folder: string;
  readonly diskBytes: number;
  readonly program: Program;
  /** Common to all members. */
  readonly flags: readonly string[];
  readonly tools: Tools;
  readonly ended: (name: string, how: string) => void;
}

export class Host {
  readonly name: string;
  readonly disk: Disk;
  /** What a sync does when no fault says otherwise. */
  usualSync: SyncMode = syncMode.real;
  readonly #gate: SyncGate;
  readonly #o: HostOptions;
  #flags: readonly string[] = [];
  #child: ChildProcess | undefined;
  /** Whether a process should be running. */
  #wanted = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: HostOptions) {
    this.#o = options;
    this.name = options.name;
    this.disk = new Disk(options.folder, options.name);
    this.#gate = new SyncGate(options.tools.slowDisk, this.#file('sync'));
    writeFileSync(this.#file('clock'), Buffer.alloc(8));
  }

  get clientUrl(): string {
    return `http://${this.#o.address}:2379`;
  }

  get peerUrl(): string {
    return `http://${this.#o.address}:2380`;
  }

  /** For a gRPC client. */
  get target(): string {
    return `${this.#o.address}:2379`;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  /** `flags` says who the members are; kept for later starts. */
  async prepare(flags: readonly string[]): Promise<void> {
    this.#flags = flags;
    await this.disk.create(this.#o.diskBytes);
  }

  /** From the next start on this is a member that joins a group that is there already. */
  join(initialCluster: string): void {
    this.#flags = [`--initial-cluster=${initialCluster}`, '--initial-cluster-state=existing'];
  }

  start(): void {
    this.#wanted = true;
    if (this.running) return;
    const { program, name, address, flags, tools } = this.#o;
    const log = openSync(this.#file('log'), 'a');
    const any = (port: number): string => `http://${address}:${port}`;
    const [command, args] = this.#gate.wrap(program.command[0], program.command.slice(1));
    const child = spawn(
      'nsenter',
      [
        `--net=/run/netns/${name}`,
        '--',
        command,
        ...args,
        `--name=${name}`,
        `--data-dir=${join(this.disk.folder, 'data')}`,
        `--listen-client-urls=${any(2379)}`,
        `--advertise-client-urls=${any(2379)}`,
        `--listen-peer-urls=${any(2380)}`,
        `--initial-advertise-peer-urls=${any(2380)}`,
        ...program.flags,
        ...flags,
        ...this.#flags,
      ],
      {
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          LD_PRELOAD: tools.clockStep,
          TIMONIER_TEST_CLOCK: this.#file('clock'),
          NODE_COMPILE_CACHE: join(this.#o.folder, 'compiled'),
        },
      },
    );
    closeSync(log);
    this.#child = child;
    child.once('exit', (code, signal) => {
      if (!this.#wanted || this.#child !== child) return;
      this.#o.ended(name, `${signal ?? `exit code ${code}`}: ${this.lastWords}`);
      this.#restart = setTimeout(() => {
        if (this.#wanted) this.start();
      }, restartAfterMs);
    });
  }

  /** Ends the process and keeps it down until `start`. Resolves when it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(killer);
  }

  /** Signals that do not end a process. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.running) this.#child?.kill(signal);
  }

  /** From now on each fsync takes so much longer, and then does what `mode` says. */
  slowDown(delayMs: number, mode: SyncMode = this.usualSync): void {
    this.#gate.set({ delayMs, mode });
  }

  /** Moves the wall clock of the member's processes, from now on. */
  stepClock(byMs: number): void {
    const offset = Buffer.alloc(8);
    offset.writeBigInt64LE(BigInt(byMs) * 1_000_000n);
    // In place: the file is mapped by running processes.
    const fd = openSync(this.#file('clock'), 'r+');
    writeSync(fd, offset, 0, offset.length, 0);
    closeSync(fd);
  }

  /** The end of what the process printed. */
  log(characters: number): string {
    return readFileSync(this.#file('log'), 'utf8').slice(-characters);
  }

  get lastWords(): string {
    return this.log(400).trim().split('\n').at(-1) ?? '';
  }

  #file(kind: string): string {
    return join(this.#o.folder, `${this.#o.name}.${kind}`);
  }
}
