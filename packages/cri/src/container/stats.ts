/** Usage of containers and sandboxes from their control groups, and of the pod's network from its namespace. */
import { readFileSync } from 'node:fs';
import { opendir, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  ContainerStats,
  CpuUsage,
  Draft,
  MemoryUsage,
  NetworkInterfaceUsage,
  PodSandboxStats,
} from '@timonier/grpc/cri';
import { cgroupUsage, type CgroupUsage } from '@timonier/linux/cgroup';
import { nowNanoseconds, type Runtime } from '../runtime/context.ts';
import type { ContainerRecord, SandboxRecord } from '../runtime/records.ts';

const rateWindowNs = 1e9;
const layerEveryMs = 15_000;

export interface FolderUsage {
  readonly bytes: number;
  readonly files: number;
}

/** Turns growing counters into rates, from two samples at least a second apart, and remembers what is dear to count. */
export class UsageSamples {
  readonly #samples = new Map<string, { at: number; total: number; rate: number }>();
  readonly #layers = new Map<string, { at: number; usage: Promise<FolderUsage> }>();

  rate(id: string, total: number, at: number): number {
    const last = this.#samples.get(id);
    if (last !== undefined && at - last.at < rateWindowNs) return last.rate;
    const rate = last === undefined ? 0 : Math.max(0, ((total - last.total) / (at - last.at)) * 1e9);
    this.#samples.set(id, { at, total, rate: Math.round(rate) });
    return Math.round(rate);
  }

  /** Forgets everything about what is not there any more. */
  keepOnly(present: ReadonlySet<string>): void {
    for (const map of [this.#samples, this.#layers]) {
      for (const id of map.keys()) if (!present.has(id)) map.delete(id);
    }
  }

  /** What a writable layer holds, counted at most every 15 s: it means looking at every file. */
  async layer(id: string, folder: string): Promise<FolderUsage> {
    const last = this.#layers.get(id);
    if (last !== undefined && Date.now() - last.at < layerEveryMs) return await last.usage;
    const usage = folderUsage(folder);
    this.#layers.set(id, { at: Date.now(), usage });
    return await usage;
  }
}

export async function containerStats(
  runtime: Runtime,
  rates: UsageSamples,
  container: ContainerRecord,
): Promise<Draft<ContainerStats>> {
  const usage = cgroupUsage(runtime.cgroups, container.cgroup);
  const timestamp = nowNanoseconds();
  const upper = join(runtime.containers.folder(container.id), 'upper');
  const layer = await rates.layer(container.id, upper);
  return {
    attributes: {
      id: container.id,
      metadata: container.config.metadata,
      labels: container.config.labels,
      annotations: container.config.annotations,
    },
    cpu: cpuUsage(rates, container.id, usage, timestamp),
    memory: memoryUsage(usage, timestamp),
    writableLayer: {
      timestamp,
      fsId: { mountpoint: runtime.settings.root },
      usedBytes: { value: layer.bytes },
      inodesUsed: { value: layer.files },
    },
    swap: { timestamp, swapUsageBytes: wrap(usage.swapBytes) },
  };
}

export async function podSandboxStats(
  runtime: Runtime,
  rates: UsageSamples,
  sandbox: SandboxRecord,
): Promise<Draft<PodSandboxStats>> {
  const members = runtime.containers
    .list()
    .filter(({ sandboxId, state }) => sandboxId === sandbox.id && state === 'CONTAINER_RUNNING');
  const containers = await Promise.all(members.map((member) => containerStats(runtime, rates, member)));
  const groups = [join(sandbox.cgroup, sandbox.id), ...members.map(({ cgroup }) => cgroup)];
  const usage = groups.map((group) => cgroupUsage(runtime.cgroups, group)).reduce(sum);
  const timestamp = nowNanoseconds();
  const interfaces = interfaceUsage(sandbox.pause?.pid);
  return {
    attributes: {
      id: sandbox.id,
      metadata: sandbox.config.metadata,
      labels: sandbox.config.labels,
      annotations: sandbox.config.annotations,
    },
    linux: {
      cpu: cpuUsage(rates, sandbox.id, usage, timestamp),
      memory: memoryUsage(usage, timestamp),
      network: {
        timestamp,
        defaultInterface: interfaces.find(({ name }) => name === 'eth0'),
        interfaces,
      },
      process: { timestamp, processCount: wrap(usage.processes) },
      containers,
    },
  };
}

function sum(a: CgroupUsage, b: CgroupUsage): CgroupUsage {
  const plus = (x: number | undefined, y: number | undefined): number | undefined =>
    x === undefined ? y : x + (y ?? 0);
  return {
    cpuNanoseconds: plus(a.cpuNanoseconds, b.cpuNanoseconds),
    memoryBytes: plus(a.memoryBytes, b.memoryBytes),
    workingSetBytes: plus(a.workingSetBytes, b.workingSetBytes),
    rssBytes: plus(a.rssBytes, b.rssBytes),
    pageFaults: plus(a.pageFaults, b.pageFaults),
    majorPageFaults: plus(a.majorPageFaults, b.majorPageFaults),
    memoryLimitBytes: undefined,
    processes: plus(a.processes, b.processes),
    swapBytes: plus(a.swapBytes, b.swapBytes),
  };
}

function cpuUsage(rates: UsageSamples, id: string, usage: CgroupUsage, timestamp: number): Draft<CpuUsage> {
  const total = usage.cpuNanoseconds;
  return {
    timestamp,
    usageCoreNanoSeconds: wrap(total),
    usageNanoCores: total === undefined ? undefined : { value: rates.rate(id, total, timestamp) },
  };
}

function memoryUsage(usage: CgroupUsage, timestamp: number): Draft<MemoryUsage> {
  const { workingSetBytes, memoryLimitBytes } = usage;
  const available =
    workingSetBytes === undefined || memoryLimitBytes === undefined
      ? undefined
      : Math.max(0, memoryLimitBytes - workingSetBytes);
  return {
    timestamp,
    workingSetBytes: wrap(workingSetBytes),
    availableBytes: wrap(available),
    usageBytes: wrap(usage.memoryBytes),
    rssBytes: wrap(usage.rssBytes),
    pageFaults: wrap(usage.pageFaults),
    majorPageFaults: wrap(usage.majorPageFaults),
  };
}

function wrap(value: number | undefined): { value: number } | undefined {
  return value === undefined ? undefined : { value };
}

/** What `/proc/PID/net/dev` counts, loopback excepted. */
function interfaceUsage(pid: number | undefined): Draft<NetworkInterfaceUsage>[] {
  if (pid === undefined) return [];
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [name = '', counters = ''] = line.split(':');
      const fields = counters.trim().split(/\s+/).map(Number);
      if (name.trim() === '' || name.trim() === 'lo') return [];
      return [
        {
          name: name.trim(),
          rxBytes: wrap(fields[0]),
          rxErrors: wrap(fields[2]),
          txBytes: wrap(fields[8]),
          txErrors: wrap(fields[10]),
        },
      ];
    });
}

const maxCountedFiles = 200_000;

/** Size of everything in a folder on disk; what vanishes meanwhile does not count. */
export async function folderUsage(folder: string): Promise<FolderUsage> {
  let bytes = 0;
  let files = 0;
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined && files < maxCountedFiles; next = pending.pop()) {
    try {
      for await (const entry of await opendir(next)) {
        const path = join(next, entry.name);
        const stat = await lstat(path);
        bytes += stat.blocks * 512;
        files += 1;
        if (entry.isDirectory()) pending.push(path);
      }
    } catch {
      // Removed while we looked.
    }
  }
  return { bytes, files };
}
