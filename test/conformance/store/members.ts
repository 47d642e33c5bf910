/**
 * Members of a store as real processes on loopback, either Debian's etcd or `timonier store`, started with the same
 * flags. What the conformance tests and the benchmark measure against each other.
 *
 * Invariant: `close` leaves no process and no file, whatever happened before.
 */
import { testPorts } from '@timonier/linux/test-ports';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Output, run } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Program {
  readonly name: 'etcd' | 'timonier';
  readonly file: string;
  readonly args: readonly string[];
}

export const etcd: Program = { name: 'etcd', file: 'etcd', args: ['--log-level', 'error'] };

/** From the sources, so that what is tested is what is in the tree. */
export const timonier: Program = {
  name: 'timonier',
  file: process.execPath,
  // Its metrics are where etcd's are: no second address for them.
  args: [join(root, 'packages/cli/src/main.ts'), 'store', '--ops-address='],
};

export interface StoreStatus {
  readonly memberId: string;
  readonly leader: string;
  readonly version: string;
}

export { testPorts as freePorts };

export class StoreMember {
  readonly name: string;
  readonly endpoint: string;
  readonly #program: Program;
  readonly #flags: readonly string[];
  readonly #logFile: string;
  #child: ChildProcess | undefined;

  constructor(
    program: Program,
    options: { name: string; endpoint: string; flags: string[]; logFile: string },
  ) {
    this.#program = program;
    this.name = options.name;
    this.endpoint = options.endpoint;
    this.#flags = options.flags;
    this.#logFile = options.logFile;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Also starts a member again on the data it left. */
  start(): void {
    if (this.alive) throw new Error(`${this.name} is running already`);
    const log = openSync(this.#logFile, 'a');
    this.#child = spawn(this.#program.file, [...this.#program.args, ...this.#flags], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  /** Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.alive) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Host and port, which is how etcdctl names a member by default. */
  get address(): string {
    return new URL(this.endpoint).host;
  }

  /** Runs etcdctl against this member alone, unless the arguments name others. */
  async etcdctl(
    args: readonly string[],
    options: { input?: string; timeoutMs?: number } = {},
  ): Promise<Output> {
    const endpoints = args.includes('--endpoints') ? [] : ['--endpoints', this.address];
    return run('etcdctl', [...endpoints, ...args], {
      env: { ETCDCTL_API: '3' },
      timeoutMs: 30_000,
      ...options,
    });
  }

  async status(): Promise<StoreStatus> {
    const { code, stdout, stderr } = await this.etcdctl(['endpoint', 'status', '-w', 'fields']);
    if (code !== 0) throw new Error(`${this.name}: ${stderr.trim()}`);
    // Member ids use all 64 bits, which JSON numbers cannot carry.
    const field = (name: string): string => new RegExp(`"${name}" : "?([^"\\n]*)`).exec(stdout)?.[1] ?? '';
    return { memberId: field('MemberID'), leader: field('Leader'), version: field('Version') };
  }

  /** The end of what the process printed. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-4_000);
  }
}

export class StoreGroup {
  readonly program: Program;
  readonly members: readonly StoreMember[];
  readonly #directory: string;

  private constructor(program: Program, members: readonly StoreMember[], directory: string) {
    this.program = program;
    this.members = members;
    this.#directory = directory;
  }

  /** Starts `size` members with fresh data and waits until they agree on a leader. */
  static async start(
    program: Program,
    size: number,
    more: Readonly<Record<string, string>> = {},
  ): Promise<StoreGroup> {
    const directory = await mkdtemp(join(tmpdir(), `store-${program.name}-`));
    const ports = await testPorts(size * 3);
    const plan = Array.from({ length: size }, (_unused, i) => ({
      name: `m${i + 1}`,
      client: `http://127.0.0.1:${ports[i * 3]}`,
      peer: `http://127.0.0.1:${ports[i * 3 + 1]}`,
      metrics: `http://127.0.0.1:${ports[i * 3 + 2]}`,
    }));
    const initialCluster = plan.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const members = plan.map(
      ({ name, client, peer, metrics }) =>
        new StoreMember(program, {
          name,
          endpoint: client,
          logFile: join(directory, `${name}.log`),
          // `--name=value`, which both sides read.
          flags: Object.entries({
            name,
            'data-dir': join(directory, name),
            'listen-client-urls': client,
            'advertise-client-urls': client,
            'listen-peer-urls': peer,
            'initial-advertise-peer-urls': peer,
            'listen-metrics-urls': metrics,
            'initial-cluster': initialCluster,
            'initial-cluster-token': 'conformance',
            'bcrypt-cost': '4',
            ...more,
          }).map(([flag, value]) => `--${flag}=${value}`),
        }),
    );
    const group = new StoreGroup(program, members, directory);
    try {
      for (const member of members) member.start();
      await until('the members serve', 60_000, async () => {
        if (!members.every(({ alive }) => alive)) return true;
        const statuses = await Promise.all(members.map((member) => member.status()));
        return statuses.every(({ leader }) => leader !== '0') ? true : undefined;
      });
      const dead = members.find(({ alive }) => !alive);
      if (dead !== undefined) throw new Error(`${dead.name} ended`);
      await group.leader();
      return group;
    } catch (error) {
      const logs = members.map((member) => `--- ${member.name}\n${member.log()}`).join('\n');
      await group.close();
      throw new Error(`${program.name} did not start:\n${logs}`, { cause: error });
    }
  }

  /** The member that all living members take for the leader. */
  async leader(deadlineMs = 30_000): Promise<StoreMember> {
    return until(`the members of ${this.program.name} agree on a leader`, deadlineMs, async () => {
      const living = this.members.filter((member) => member.alive);
      if (living.length === 0) throw new Error('no member is running');
      const statuses = await Promise.all(living.map((member) => member.status()));
      const leader = statuses[0]?.leader;
      if (statuses.some((status) => status.leader !== leader)) return undefined;
      return living[statuses.findIndex(({ memberId }) => memberId === leader)];
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
