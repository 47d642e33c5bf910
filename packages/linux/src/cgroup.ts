/**
 * Control groups of both versions behind one face: a group is a path such as `/timonier/pod1`, which on version 2 is
 * one folder and on version 1 one folder per controller.
 *
 * Numbers: bytes and nanoseconds. Reading a group that has gone gives undefined, never an error.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountPoints, type MountPoint } from './mount.ts';

export interface CgroupLayout {
  readonly version: 1 | 2;
  /** Version 2: the one hierarchy under the key `''`. Version 1: each controller's folder. */
  readonly mounts: ReadonlyMap<string, string>;
}

/** Finds what is mounted. A hybrid machine, whose controllers are on version 1, counts as version 1. */
export function cgroupLayout(points: readonly MountPoint[] = mountPoints()): CgroupLayout {
  const mounts = new Map<string, string>();
  for (const point of points) {
    if (point.type !== 'cgroup') continue;
    for (const option of point.superOptions) {
      if (option !== 'rw' && option !== 'ro' && (!option.includes('=') || option.startsWith('name=')))
        mounts.set(option, point.target);
    }
  }
  if (mounts.size > 0) return { version: 1, mounts };
  const unified = points.find((point) => point.type === 'cgroup2');
  if (unified === undefined)
    throw new Error('no cgroup file system is mounted; mount cgroup2 on /sys/fs/cgroup');
  return { version: 2, mounts: new Map([['', unified.target]]) };
}

/** The folder of a group in the hierarchy of `controller`; undefined when that controller is not mounted. */
function cgroupFolder(layout: CgroupLayout, controller: string, path: string): string | undefined {
  const mounted = layout.mounts.get(layout.version === 2 ? '' : controller);
  return mounted === undefined ? undefined : join(mounted, path);
}

function folders(layout: CgroupLayout, path: string): string[] {
  return [...new Set(layout.mounts.values())].map((mounted) => join(mounted, path));
}

/** The processes in a group itself and in the groups below it. */
export function cgroupProcesses(layout: CgroupLayout, path: string): number[] {
  const found = new Set<number>();
  for (const folder of folders(layout, path)) collectProcesses(folder, found);
  return [...found];
}

function collectProcesses(folder: string, found: Set<number>): void {
  for (const pid of (read(join(folder, 'cgroup.procs')) ?? '').split('\n'))
    if (pid !== '') found.add(Number(pid));
  for (const child of subgroups(folder)) collectProcesses(child, found);
}

/** Removes a group and the groups below it. Groups with processes stay; returns whether all are gone. */
export function removeCgroup(layout: CgroupLayout, path: string): boolean {
  let gone = true;
  for (const folder of folders(layout, path)) gone = removeTree(folder) && gone;
  return gone;
}

function removeTree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  let gone = true;
  for (const child of subgroups(folder)) gone = removeTree(child) && gone;
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') gone = false;
  }
  return gone;
}

function subgroups(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

export interface CgroupUsage {
  readonly cpuNanoseconds: number | undefined;
  readonly memoryBytes: number | undefined;
  /** Memory that cannot be dropped at once: usage without inactive file pages. */
  readonly workingSetBytes: number | undefined;
  readonly rssBytes: number | undefined;
  readonly pageFaults: number | undefined;
  readonly majorPageFaults: number | undefined;
  /** Undefined when unlimited. */
  readonly memoryLimitBytes: number | undefined;
  readonly processes: number | undefined;
  readonly swapBytes: number | undefined;
}

/** What a group uses now, the groups below it included. */
export function cgroupUsage(layout: CgroupLayout, path: string): CgroupUsage {
  return layout.version === 2 ? usageV2(layout, path) : usageV1(layout, path);
}

function usageV2(layout: CgroupLayout, path: string): CgroupUsage {
  const folder = join(layout.mounts.get('') ?? '', path);
  const cpu = keyed(read(join(folder, 'cpu.stat')));
  const memory = keyed(read(join(folder, 'memory.stat')));
  const usage = number(read(join(folder, 'memory.current')));
  const micros = cpu.get('usage_usec');
  return {
    cpuNanoseconds: micros === undefined ? undefined : micros * 1000,
    memoryBytes: usage,
    workingSetBytes: workingSet(usage, memory.get('inactive_file')),
    rssBytes: memory.get('anon'),
    pageFaults: memory.get('pgfault'),
    majorPageFaults: memory.get('pgmajfault'),
    memoryLimitBytes: number(read(join(folder, 'memory.max'))),
    processes: number(read(join(folder, 'pids.current'))),
    swapBytes: number(read(join(folder, 'memory.swap.current'))),
  };
}

function usageV1(layout: CgroupLayout, path: string): CgroupUsage {
  const file = (controller: string, name: string): string | undefined => {
    const folder = cgroupFolder(layout, controller, path);
    return folder === undefined ? undefined : read(join(folder, name));
  };
  const memory = keyed(file('memory', 'memory.stat'));
  const usage = number(file('memory', 'memory.usage_in_bytes'));
  const limit = number(file('memory', 'memory.limit_in_bytes'));
  return {
    cpuNanoseconds: number(file('cpuacct', 'cpuacct.usage')),
    memoryBytes: usage,
    workingSetBytes: workingSet(usage, memory.get('total_inactive_file')),
    rssBytes: memory.get('total_rss'),
    pageFaults: memory.get('total_pgfault'),
    majorPageFaults: memory.get('total_pgmajfault'),
    // Version 1 writes the largest page-aligned number for "unlimited".
    memoryLimitBytes: limit === undefined || limit > 2 ** 62 ? undefined : limit,
    processes: number(file('pids', 'pids.current')),
    swapBytes: memory.get('total_swap'),
  };
}

function workingSet(usage: number | undefined, inactive: number | undefined): number | undefined {
  return usage === undefined ? undefined : Math.max(0, usage - (inactive ?? 0));
}

function keyed(text: string | undefined): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of (text ?? '').split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return values;
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
