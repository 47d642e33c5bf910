/** What this host is and has, read from the kernel and its files. Reading only. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, networkInterfaces, release } from 'node:os';
import { isIPv4 } from 'node:net';

export interface HostFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly architecture: string;
}

export async function readHostFacts(): Promise<HostFacts> {
  const text = (path: string): Promise<string> =>
    readFile(path, 'utf8').then(
      (content) => content.trim(),
      () => '',
    );
  const [machineId, systemUuid, bootId, osRelease, memoryInfo] = await Promise.all([
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    text('/proc/meminfo'),
  ]);
  const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return {
    cpus: availableParallelism(),
    memoryBytes: memoryField(memoryInfo, 'MemTotal'),
    machineId,
    systemUuid: systemUuid === '' ? machineId : systemUuid,
    bootId,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: architectures[process.arch] ?? process.arch,
  };
}

export interface HostPressure {
  readonly memoryAvailableBytes: number;
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  readonly diskFreeInodes: number;
  readonly diskTotalInodes: number;
  readonly processes: number;
  readonly maxProcesses: number;
}

export async function readHostPressure(directory: string): Promise<HostPressure> {
  const [disk, memoryInfo, load, limit] = await Promise.all([
    statfs(directory),
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/loadavg', 'utf8'),
    readFile('/proc/sys/kernel/pid_max', 'utf8'),
  ]);
  return {
    memoryAvailableBytes: memoryField(memoryInfo, 'MemAvailable'),
    diskFreeBytes: disk.bavail * disk.bsize,
    diskTotalBytes: disk.blocks * disk.bsize,
    diskFreeInodes: disk.ffree,
    diskTotalInodes: disk.files,
    // RUNNING/TOTAL, the fourth field
    processes: Number(load.split(' ')[3]?.split('/')[1] ?? 0),
    maxProcesses: Number(limit),
  };
}

function memoryField(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

/** The first IPv4 address that is neither loopback nor the pods' bridge. */
export function defaultNodeIp(): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (name === 'cni0' || name.startsWith('veth')) continue;
    const found = addresses?.find(({ address, internal }) => !internal && isIPv4(address));
    if (found !== undefined) return found.address;
  }
  return undefined;
}
