/**
 * One host of a local cluster: started, killed, frozen, entered. A host is its namespaces and its cgroup subtree; the
 * supervisor is its PID 1, so that the death of PID 1 is the death of the host. Holds no state of its own: any
 * process of the machine can act on a host by the plan alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterPlan, HostPlan } from '../cluster/plan.ts';
import { programCommand, programRoot } from '../program.ts';
import { bootScript, dataMounts } from './boot-script.ts';
import { cgroupLayout, HostCgroup } from './cgroups.ts';
import { cutOff, plugIn, setLink, unplug } from './network.ts';

export class Host {
  readonly plan: HostPlan;
  readonly #cluster: ClusterPlan;
  readonly #dataDir: string;
  readonly cgroup: HostCgroup;

  constructor(cluster: ClusterPlan, plan: HostPlan, dataDir: string) {
    this.plan = plan;
    this.#cluster = cluster;
    this.#dataDir = dataDir;
    this.cgroup = new HostCgroup(cluster.spec.name, plan.name);
  }

  /** The host's folder of the data directory. */
  get dir(): string {
    return join(this.#dataDir, 'hosts', this.plan.name);
  }

  get configDir(): string {
    return join(this.dir, 'config');
  }

  get logDir(): string {
    return join(this.dir, 'logs');
  }

  /** What the boot script and the supervisor itself print. */
  get consoleLog(): string {
    return join(this.logDir, 'console.log');
  }

  prepare(): void {
    for (const [folder] of dataMounts) mkdirSync(join(this.dir, folder), { recursive: true });
  }

  /** Starts the host. The process returned is its parent outside: it exits when the host is dead. */
  async start(): Promise<ChildProcess> {
    if (this.init() !== undefined) throw new Error(`${this.plan.name} is running already`);
    await this.destroy();
    this.prepare();
    await plugIn(this.#cluster, this.plan);
    const joins = this.cgroup.create();
    const script = join(this.dir, 'boot.sh');
    const mode = this.plan.kind;
    const command = [
      ...programCommand(),
      mode,
      ...(mode === 'master' && this.plan.schedulable ? ['--worker'] : []),
    ];
    writeFileSync(
      script,
      bootScript({
        plan: this.#cluster,
        host: this.plan,
        hostDir: this.dir,
        programRoot: programRoot(),
        cgroups: cgroupLayout(),
        command,
      }),
    );
    if (existsSync(this.consoleLog)) renameSync(this.consoleLog, `${this.consoleLog}.1`);
    const console = openSync(this.consoleLog, 'w');
    try {
      const child = spawn('sh', ['-c', enterScript(joins), 'sh', this.plan.netns, script], {
        detached: true,
        stdio: ['ignore', console, console],
        env: hostEnvironment(),
        cwd: '/',
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      return child;
    } finally {
      closeSync(console);
    }
  }

  /** PID 1 of the host as this process numbers it, or undefined when the host is down. */
  init(): number | undefined {
    return this.cgroup.init();
  }

  /** A path of the host's own filesystem, as seen from outside. Throws when the host is down. */
  path(inside: string): string {
    const init = this.init();
    if (init === undefined) throw new Error(`${this.plan.name} is not running`);
    return `/proc/${init}/root${inside}`;
  }

  /** Asks the supervisor to stop and waits; kills what is still there after the deadline. */
  async stop(timeoutMs: number): Promise<void> {
    const init = this.init();
    if (init !== undefined) {
      if (this.cgroup.frozen()) this.cgroup.freeze(false);
      process.kill(init, 'SIGTERM');
      const deadline = Date.now() + timeoutMs;
      while (existsSync(`/proc/${init}`) && this.init() !== undefined && Date.now() < deadline)
        await delay(20);
    }
    await this.cgroup.kill();
  }

  /** Takes away everything the kernel knows of the host; its data stays. */
  async destroy(): Promise<void> {
    await this.cgroup.kill();
    await Promise.all([this.cgroup.remove(), unplug(this.plan)]);
  }

  /** The power button: PID 1 dies, and with it the whole host. */
  async kill(): Promise<void> {
    const init = this.init();
    if (init === undefined) throw new Error(`${this.plan.name} is not running`);
    process.kill(init, 'SIGKILL');
    await this.cgroup.kill();
  }

  /** Silent loss: the link goes first, so that nobody hears the host die. */
  async powerOff(): Promise<void> {
    if (this.init() === undefined) throw new Error(`${this.plan.name} is not running`);
    await setLink(this.plan, 'down');
    await this.kill();
  }

  freeze(frozen: boolean): void {
    if (this.init() === undefined) throw new Error(`${this.plan.name} is not running`);
    this.cgroup.freeze(frozen);
  }

  async cut(cut: boolean): Promise<void> {
    cutOff(this.#cluster, this.plan, cut);
    if (!cut && existsSync(`/sys/class/net/${this.plan.link}`)) await setLink(this.plan, 'up');
  }

  /** Runs a program inside the host and collects what it prints; rejects when it takes longer than `timeoutMs`. */
  async capture(command: readonly string[], timeoutMs = 60_000): Promise<Captured> {
    const init = this.init();
    if (init === undefined) throw new Error(`${this.plan.name} is not running`);
    const child = spawn('sh', ['-c', execScript(this.cgroup.create()), 'sh', String(init), ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: hostEnvironment(),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      if (output.length < maxCapturedBytes) output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    return new Promise<Captured>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === null) reject(new Error(`${command[0] ?? ''} on ${this.plan.name} took too long`));
        else resolve({ code, output });
      });
    });
  }

  /** Runs a program inside the host with this process's terminal; resolves with its exit code. */
  async exec(command: readonly string[]): Promise<number> {
    const init = this.init();
    if (init === undefined)
      throw new Error(`${this.plan.name} is not running; 'timonier chaos restart' starts it`);
    const child = spawn('sh', ['-c', execScript(this.cgroup.create()), 'sh', String(init), ...command], {
      stdio: 'inherit',
      env: {
        ...hostEnvironment(),
        ...(process.env['TERM'] === undefined ? {} : { TERM: process.env['TERM'] }),
      },
    });
    // The terminal sends Ctrl-C to both; the program inside decides what it means.
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    try {
      return await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 137)));
      });
    } finally {
      process.off('SIGINT', ignore);
    }
  }
}

/** What a program inside a host printed, on both streams, and how it ended. */
export interface Captured {
  readonly code: number;
  readonly output: string;
}

const maxCapturedBytes = 1024 * 1024;

/** Joins the cgroups first, so that the cgroup namespace starts at the host's subtree. */
function enterScript(joins: readonly string[]): string {
  const join = joins.map((file) => `echo 0 > '${file}'`).join(' && ');
  return `${join} && exec nsenter --net=/run/netns/$1 unshare --mount --pid --uts --ipc --cgroup --fork --kill-child --propagation slave sh "$2"`;
}

function execScript(joins: readonly string[]): string {
  const join = joins.map((file) => `echo 0 > '${file}'`).join(' && ');
  return `${join} && target=$1 && shift && exec nsenter --target "$target" --mount --uts --ipc --net --pid --cgroup -- "$@"`;
}

/** Hosts see a plain environment: what configures the program, proxies for pulling images, and nothing else. */
function hostEnvironment(): Record<string, string> {
  const keep = /^(TIMONIER_.*|NODE_OPTIONS|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$/;
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
    NODE_COMPILE_CACHE:
      process.env['NODE_COMPILE_CACHE'] ?? join(programRoot(), 'node_modules/.cache/timonier'),
    ...Object.fromEntries(
      Object.entries(process.env).filter(
        (entry): entry is [string, string] => keep.test(entry[0]) && entry[1] !== undefined,
      ),
    ),
  };
}
