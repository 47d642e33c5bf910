/**
 * The record of a running cluster: what is about to be made, written before it is made, in /run/timonier/clusters
 * (kernel objects do not outlive a reboot either). Since all names follow from the plan, the record of a dead `up`
 * is enough to find and remove everything it left behind, however far it got.
 *
 * Also here: the claim on a subnet number, one file per number, made exclusively, so that two clusters started at
 * the same moment cannot pick the same one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { ClusterSpec } from './plan.ts';

const runDir = '/run/timonier';
const clustersDir = `${runDir}/clusters`;
const subnetsDir = `${runDir}/subnets`;
const subnetCount = 200;

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot: tells a process from a later one with the same number. */
  readonly started: string;
}

export interface Forwards {
  /** `127.0.0.1:PORT` that leads to the API server. */
  readonly api: string | null;
  /** `127.0.0.1:PORT` that serves the metrics of all processes. */
  readonly metrics: string | null;
}

export interface ClusterRecord {
  readonly spec: ClusterSpec;
  readonly dataDir: string;
  /** The `up` process, which also runs the forwarders. */
  readonly up: ProcessIdentity;
  readonly phase: 'starting' | 'running' | 'stopping';
  readonly kubeconfig: string;
  readonly forwards: Forwards;
}

function recordPath(name: string): string {
  return join(clustersDir, `${name}.json`);
}

export function readRecord(name: string): ClusterRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(name), 'utf8')) as ClusterRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`cannot read the record of cluster ${name}: ${String(error)}`, { cause: error });
  }
}

export function writeRecord(record: ClusterRecord): void {
  mkdirSync(clustersDir, { recursive: true, mode: 0o755 });
  const path = recordPath(record.spec.name);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

export function removeRecord(record: ClusterRecord): void {
  rmSync(join(subnetsDir, String(record.spec.subnet)), { force: true });
  rmSync(recordPath(record.spec.name), { force: true });
  for (const folder of [subnetsDir, clustersDir, runDir]) removeIfEmpty(folder);
}

/** Leaves no empty folders behind; another cluster may have put something in meanwhile. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone.
  }
}

export function clusterNames(): readonly string[] {
  try {
    return readdirSync(clustersDir)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
  } catch {
    return [];
  }
}

/**
 * Claims a subnet number for the cluster: `wanted` when it resumes its data, else the first free one.
 * Throws when the wanted one belongs to somebody else.
 */
export function claimSubnet(cluster: string, wanted: number | undefined): number {
  mkdirSync(subnetsDir, { recursive: true, mode: 0o755 });
  const candidates = wanted === undefined ? subnetsFor(cluster) : [wanted];
  for (const number of candidates) {
    const path = join(subnetsDir, String(number));
    try {
      writeFileSync(path, cluster, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (readFileSync(path, 'utf8') === cluster) return number;
      continue;
    }
    if (!machineUses(`10.88.${number}.`)) return number;
    rmSync(path, { force: true });
  }
  throw new Error(
    wanted === undefined
      ? `no subnet 10.88.1.0/24 to 10.88.${subnetCount}.0/24 is free on this machine`
      : `the cluster's subnet 10.88.${wanted}.0/24 is in use by something else on this machine; stop that, or use another --data-dir`,
  );
}

/**
 * All numbers, in an order of the cluster's own: a cluster that is down has no claim, and should still find its number
 * free when it comes back after others were started.
 */
function subnetsFor(cluster: string): readonly number[] {
  const first = createHash('sha256').update(cluster).digest().readUInt16BE();
  return Array.from({ length: subnetCount }, (_, i) => ((first + i) % subnetCount) + 1);
}

function machineUses(prefix: string): boolean {
  return Object.values(networkInterfaces())
    .flat()
    .some((address) => address?.address.startsWith(prefix) === true);
}

export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, in parentheses, may contain anything; the fields after it are fixed.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : { pid, started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.started === identity.started;
}
