/** Real members as processes for tests: own folders, ports of their own, ended by their own process ids. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { testPorts } from '@timonier/linux/test-ports';

/** Releases. The older one speaks the first version of the log only. */
const entries = {
  present: fileURLToPath(new URL('./main.ts', import.meta.url)),
  older: fileURLToPath(new URL('./older.ts', import.meta.url)),
  /** The present one that writes down what is left of leases a thousand times more often. */
  hasty: fileURLToPath(new URL('./hasty.ts', import.meta.url)),
  /** The present one whose main thread writes the log, also where the machine is busy. */
  mainThread: fileURLToPath(new URL('./main-thread.ts', import.meta.url)),
};

export { testPorts as freePorts };

/** Waits for a condition with a deadline; the last problem becomes the failure's text. */
export async function eventually<T>(what: string, check: () => Promise<T>, timeoutMs = 180_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what}: ${String(error)}`, { cause: error });
      await pause(50);
    }
  }
}

/** How often a member that was started with this port for its operations has written its state down. */
export async function flushesAt(operations: number): Promise<number> {
  const metrics = await fetch(`http://127.0.0.1:${operations}/metrics`);
  const [, count] =
    /^etcd_disk_backend_commit_duration_seconds_count (\d+)/m.exec(await metrics.text()) ?? [];
  return Number(count ?? 0);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface EtcdctlOptions {
  readonly at?: string;
  readonly input?: string;
  readonly patienceMs?: number;
}

export class TestCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'store-test-'));
  readonly names: readonly string[];
  readonly #ports: readonly number[];
  readonly #extra: readonly string[];
  readonly #scheme: 'http' | 'https';
  readonly #children = new Map<string, ChildProcess>();
  readonly #all: ChildProcess[] = [];
  readonly #closed = new Map<ChildProcess, Promise<number | null>>();
  readonly output = new Map<string, string>();
  /** What a member's command line is put behind, such as `nsenter …`; it must become the member's process. */
  readonly prefixes = new Map<string, readonly string[]>();

  /** Which release members run; the present one unless said otherwise. */
  readonly releases = new Map<string, keyof typeof entries>();

  private constructor(
    names: readonly string[],
    ports: readonly number[],
    extra: readonly string[],
    tls: boolean,
  ) {
    this.names = names;
    this.#ports = ports;
    this.#extra = extra;
    this.#scheme = tls ? 'https' : 'http';
  }

  static async create(
    size: number,
    options: { readonly extra?: readonly string[]; readonly tls?: boolean } = {},
  ): Promise<TestCluster> {
    const names = Array.from({ length: size }, (_, i) => `m${i + 1}`);
    return new TestCluster(names, await testPorts(size * 2), options.extra ?? [], options.tls === true);
  }

  #port(name: string, offset: 0 | 1): number {
    return this.#ports[this.names.indexOf(name) * 2 + offset] ?? 0;
  }

  endpoint(name: string): string {
    return `${this.#scheme}://127.0.0.1:${this.#port(name, 0)}`;
  }

  peerUrl(name: string): string {
    return `${this.#scheme}://127.0.0.1:${this.#port(name, 1)}`;
  }

  /** `--initial-cluster` of these members. */
  initialCluster(names: readonly string[] = this.names): string {
    return names.map((name) => `${name}=${this.peerUrl(name)}`).join(',');
  }

  get endpoints(): string {
    return this.names.map((name) => this.endpoint(name)).join(',');
  }

  socket(name: string): string {
    return join(this.folder, `${name}.sock`);
  }

  dataDir(name: string): string {
    return join(this.folder, name);
  }

  start(name: string, more: readonly string[] = []): ChildProcess {
    const named = (flag: string): string => flag.slice(0, flag.indexOf('='));
    const given = new Set(more.map(named));
    // What the caller says replaces what is usual here: flags of lists would add up.
    const usual = [
      `--name=${name}`,
      `--data-dir=${this.dataDir(name)}`,
      `--listen-client-urls=${this.endpoint(name)}`,
      `--advertise-client-urls=${this.endpoint(name)}`,
      `--listen-peer-urls=${this.peerUrl(name)}`,
      `--initial-cluster=${this.initialCluster()}`,
      `--private-socket=${this.socket(name)}`,
      '--heartbeat-interval=50',
      '--election-timeout=300',
      '--ops-address=',
      ...this.#extra,
    ].filter((flag) => !given.has(named(flag)));
    const [program, ...args] = [
      ...(this.prefixes.get(name) ?? []),
      process.execPath,
      entries[this.releases.get(name) ?? 'present'],
    ];
    const child = spawn(program, [...args, ...usual, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.output.set(name, `${this.output.get(name) ?? ''}${chunk.toString()}`.slice(-20_000));
    });
    this.#children.set(name, child);
    this.#all.push(child);
    this.#closed.set(child, new Promise((resolve) => child.once('close', resolve)));
    return child;
  }

  /** The process of a member. */
  process(name: string): ChildProcess {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`${name} was not started`);
    return child;
  }

  startAll(): void {
    for (const name of this.names) this.start(name);
  }

  /** What members last logged, for the message of a failure. */
  get log(): string {
    return [...this.output].map(([name, text]) => `== ${name}\n${text.slice(-3_000)}`).join('\n');
  }

  /**
   * Waits until a member, as it was started last, has ended by itself and all that it said is in `output`. Resolves with its
   * exit code, null after a signal.
   */
  async ended(name: string, timeoutMs = 180_000): Promise<number | null> {
    const late = new AbortController();
    const tooLate = pause(timeoutMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${name} does not end: ${this.output.get(name) ?? ''}`);
    });
    try {
      return await Promise.race([this.#closed.get(this.process(name)) ?? null, tooLate]);
    } finally {
      late.abort();
      tooLate.catch(() => undefined);
    }
  }

  /** Ends a member and waits until it is gone. */
  async end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(name);
    if (child !== undefined) await ended(child, signal);
  }

  async remove(): Promise<void> {
    // Also what was started beside a member under its name: who still writes would leave files behind.
    await Promise.all(this.#all.map((child) => ended(child, 'SIGKILL')));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Runs the real etcdctl against one member or all of them. Where an answer is sure to come it is waited for, however
   * busy the machine is; `patienceMs` is for who asks again elsewhere.
   */
  etcdctl(args: readonly string[], options: EtcdctlOptions = {}): Promise<Run> {
    const { patienceMs = 60_000 } = options;
    // Without a scheme: with one, some of etcdctl's commands send the URL as the host name, which Node's HTTP/2
    // refuses as malformed.
    const endpoints = (options.at === undefined ? this.endpoints : this.endpoint(options.at)).replaceAll(
      `${this.#scheme}://`,
      '',
    );
    return new Promise((resolve) => {
      const child = execFile(
        'etcdctl',
        [
          `--endpoints=${endpoints}`,
          `--command-timeout=${patienceMs}ms`,
          `--dial-timeout=${patienceMs / 2}ms`,
          ...args,
        ],
        { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 2 * patienceMs, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
        },
      );
      // A command that reads no input may have ended already.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.input ?? '');
    });
  }

  /** The same, failing when etcdctl does. Returns what it printed. */
  async ctl(args: readonly string[], options: EtcdctlOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.etcdctl(args, options);
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')} exited with ${code}: ${stderr}`);
    return stdout;
  }

  /** The member that leads, once one does. */
  leader(among: readonly string[] = this.names): Promise<string> {
    return eventually('a leader', async () => {
      for (const name of among) {
        const [status] = JSON.parse(
          await this.ctl(['endpoint', 'status', '-w', 'json'], { at: name, patienceMs: 5_000 }),
        ) as {
          Status: { header: { member_id: number }; leader: number };
        }[];
        if (
          status !== undefined &&
          status.Status.leader === status.Status.header.member_id &&
          status.Status.leader !== 0
        )
          return name;
      }
      throw new Error('nobody leads');
    });
  }
}
