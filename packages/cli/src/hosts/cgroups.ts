/**
 * The cgroup subtree of a host, on v1 (one directory per hierarchy) and v2 alike. Everything that runs on the host is
 * inside, which makes the subtree the one reliable list of the host's processes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = '/sys/fs/cgroup';
const parent = 'timonier';

export interface CgroupLayout {
  readonly version: 1 | 2;
  /** v1: mounted hierarchies, by directory name and mount option; v2: one with an empty name. */
  readonly hierarchies: readonly { readonly directory: string; readonly option: string }[];
}

/** What this machine mounts. In a hybrid layout the v1 hierarchies have the controllers and count. */
export function cgroupLayout(mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): CgroupLayout {
  const hierarchies: { readonly directory: string; readonly option: string }[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [type, , options = ''] = filesystem.split(' ');
    const point = mount.split(' ')[4] ?? '';
    if (type !== 'cgroup' || !point.startsWith(`${root}/`)) continue;
    const directory = point.slice(root.length + 1);
    if (hierarchies.some((known) => known.directory === directory)) continue;
    const named = /(?:^|,)(name=[^,]+)/.exec(options)?.[1];
    hierarchies.push({ directory, option: named === undefined ? directory : `none,${named}` });
  }
  if (hierarchies.length > 0) return { version: 1, hierarchies };
  return { version: 2, hierarchies: [{ directory: '', option: '' }] };
}

export class HostCgroup {
  readonly #layout: CgroupLayout;
  readonly #cluster: string;
  readonly #host: string;

  constructor(cluster: string, host: string, layout: CgroupLayout = cgroupLayout()) {
    this.#layout = layout;
    this.#cluster = cluster;
    this.#host = host;
  }

  get #directories(): readonly string[] {
    return this.#layout.hierarchies.map(({ directory }) =>
      join(root, directory, parent, this.#cluster, this.#host),
    );
  }

  /** Makes the subtree; returns the `cgroup.procs` files that the host's first process must join. */
  create(): readonly string[] {
    for (const directory of this.#directories) {
      mkdirSync(directory, { recursive: true });
      if (this.#layout.version === 1) {
        inheritCpuset(directory);
        raiseShares(directory);
      }
      if (this.#layout.version === 2) enableControllers(directory);
    }
    return this.#directories.map((directory) => join(directory, 'cgroup.procs'));
  }

  /** Every process of the host, as this process numbers them. */
  processes(): readonly number[] {
    const pids = new Set<number>();
    for (const directory of this.#directories) collectProcesses(directory, pids);
    return [...pids];
  }

  /** The host's PID 1, or undefined when the host is not running. */
  init(): number | undefined {
    for (const pid of this.processes()) {
      const numbers = namespacePids(pid);
      if (numbers.length === 2 && numbers[1] === 1) return pid;
    }
    return undefined;
  }

  freeze(frozen: boolean): void {
    if (this.#layout.version === 2) {
      write(join(this.#directories[0] ?? '', 'cgroup.freeze'), frozen ? '1' : '0');
      return;
    }
    const freezer = join(root, 'freezer', parent, this.#cluster, this.#host, 'freezer.state');
    write(freezer, frozen ? 'FROZEN' : 'THAWED');
  }

  frozen(): boolean {
    try {
      return this.#layout.version === 2
        ? readFileSync(join(this.#directories[0] ?? '', 'cgroup.freeze'), 'utf8').trim() === '1'
        : readFileSync(
            join(root, 'freezer', parent, this.#cluster, this.#host, 'freezer.state'),
            'utf8',
          ).trim() !== 'THAWED';
    } catch {
      return false;
    }
  }

  /** Kills whatever is left, thawing first, and resolves when nothing runs any more. */
  async kill(timeoutMs = 5_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    // The order matters to one who is frozen: the signal must be there when it thaws.
    for (let pids = this.processes(); pids.length > 0; pids = this.processes()) {
      for (const pid of pids) signal(pid, 'SIGKILL');
      if (this.frozen()) this.freeze(false);
      if (Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} of ${this.#host} do not die`);
      await delay(10);
    }
  }

  /** Removes the subtree; everything in it must be dead. */
  async remove(): Promise<void> {
    for (const directory of this.#directories) {
      await removeTree(directory);
      removeIfEmpty(join(directory, '..'));
      removeIfEmpty(join(directory, '..', '..'));
    }
  }
}

/** The process's numbers in each pid namespace from ours inwards; empty when it is gone. */
export function namespacePids(pid: number): readonly number[] {
  try {
    const line = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    return line.split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function collectProcesses(directory: string, into: Set<number>): void {
  try {
    for (const line of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n')) {
      if (line !== '' && line !== '0') into.add(Number(line));
    }
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) collectProcesses(join(directory, entry.name), into);
    }
  } catch {
    // Gone while we looked.
  }
}

/** A new v1 cpuset is empty and takes no process until it has CPUs and memory nodes; its ancestors need them too. */
function inheritCpuset(directory: string): void {
  for (const level of [join(directory, '..', '..'), join(directory, '..'), directory]) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const path = join(level, file);
      if (!existsSync(path) || readFileSync(path, 'utf8').trim() !== '') continue;
      write(path, readFileSync(join(level, '..', file), 'utf8').trim());
    }
  }
}

/**
 * On v1 a group competes with single processes of the root group, so a cluster with the default share would get the
 * time of one process. It gets that of the processes it has: several dozen.
 */
const clusterShares = 32 * 1024;

function raiseShares(directory: string): void {
  for (const level of [join(directory, '..', '..'), join(directory, '..')]) {
    const path = join(level, 'cpu.shares');
    if (existsSync(path)) write(path, String(clusterShares));
  }
}

/** v2 hands a controller down one level at a time. */
function enableControllers(directory: string): void {
  for (const level of [root, join(directory, '..', '..'), join(directory, '..')]) {
    const available = readFileSync(join(level, 'cgroup.controllers'), 'utf8').trim().split(' ');
    for (const name of available.filter(Boolean)) {
      try {
        writeFileSync(join(level, 'cgroup.subtree_control'), `+${name}`);
      } catch {
        // A controller that this kernel refuses here is one that hosts do without.
      }
    }
  }
}

async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(directory, entry.name));
  }
  // The kernel lets go of a group a moment after its last process.
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(directory);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt >= 200) throw error;
      await delay(10);
    }
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Another host or cluster is still in there.
  }
}

function write(path: string, text: string): void {
  writeFileSync(path, text);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already dead.
  }
}
