/** A member of the store whose every write below its folder is recorded by lost-page-cache.c. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../acceptance/wait.ts';
import { DiskRecord } from './disk-record.ts';
import { programs } from './store/program.ts';

export interface RecordedMemberOptions {
  readonly name: string;
  readonly folder: string;
  readonly client: string;
  readonly peer: string;
  readonly cluster: string;
  /** The preload library. */
  readonly library: string;
  /** Whether a sync is answered with success and not made. */
  readonly skipSync: boolean;
}

export class RecordedMember {
  readonly #o: RecordedMemberOptions;
  #child: ChildProcess | undefined;
  #record: DiskRecord | undefined;
  output = '';

  constructor(options: RecordedMemberOptions) {
    this.#o = options;
  }

  get name(): string {
    return this.#o.name;
  }

  get folder(): string {
    return this.#o.folder;
  }

  get target(): string {
    return new URL(this.#o.client).host;
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    const { name, folder, client, peer, cluster, library, skipSync } = this.#o;
    mkdirSync(folder, { recursive: true });
    this.#record = new DiskRecord(folder);
    const [file, ...args] = programs.timonier.command;
    const child = spawn(
      file,
      [
        ...args,
        ...programs.timonier.flags,
        `--name=${name}`,
        `--data-dir=${folder}/data`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${cluster}`,
        '--heartbeat-interval=75',
        '--election-timeout=400',
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          LD_PRELOAD: library,
          TIMONIER_TEST_DISK: folder,
          TIMONIER_TEST_JOURNAL: this.#journal,
          TIMONIER_TEST_SYNC: skipSync ? 'skip' : '',
        },
      },
    );
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#child = child;
  }

  /** Stops the process at a moment at which it is not in the middle of a change that is recorded. */
  async freeze(): Promise<void> {
    const { pid } = this.#child ?? {};
    if (pid === undefined || !this.alive) throw new Error(`${this.name} does not run: ${this.output}`);
    for (let attempt = 0; attempt < 200; attempt++) {
      process.kill(pid, 'SIGSTOP');
      await until(`${this.name} stands still`, 10_000, () => (isStopped(pid) ? true : undefined));
      if (readFileSync(`${this.#journal}.${pid}.busy`).readUInt32LE(0) === 0) return;
      process.kill(pid, 'SIGCONT');
      await pause(1);
    }
    throw new Error(`${this.name} is always in the middle of something`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.alive) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** After the end: what its process did to the files below its folder since it was started. */
  record(): DiskRecord {
    if (this.#record === undefined || this.#child?.pid === undefined)
      throw new Error(`${this.name} was not started`);
    this.#record.replay(readFileSync(`${this.#journal}.${this.#child.pid}`));
    return this.#record;
  }

  get #journal(): string {
    return `${this.#o.folder}.journal`;
  }
}

/** Whether every thread has taken notice of SIGSTOP. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  );
}
