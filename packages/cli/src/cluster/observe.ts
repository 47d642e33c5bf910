/**
 * What can be seen of a running cluster from the machine, without asking the API server: each host's supervisor, its
 * office and its processes, read through the host's own files and sockets.
 */
import { readFileSync } from 'node:fs';
import { bootTimeMs } from '@timonier/linux/clock';
import { type ProcessEntry, processesPath } from '@timonier/worker/processes';
import { namespacePids } from '../hosts/cgroups.ts';
import type { Host } from '../hosts/host.ts';
import { readOffice } from './office-reader.ts';

export interface ProcessView {
  readonly component: string;
  /** As this machine numbers it. */
  readonly pid: number;
}

export interface HostView {
  readonly name: string;
  readonly kind: 'master' | 'worker';
  readonly address: string;
  readonly running: boolean;
  readonly frozen: boolean;
  readonly role: 'active' | 'passive' | null;
  readonly epoch: number | null;
  readonly processes: readonly ProcessView[];
}

const officeSocket = '/run/timonier/office.sock';

export async function observeHost(host: Host): Promise<HostView> {
  const { name, kind, address } = host.plan;
  const init = host.init();
  const frozen = init !== undefined && host.cgroup.frozen();
  const office =
    init === undefined || frozen || kind === 'worker'
      ? undefined
      : await readOffice(`/proc/${init}/root${officeSocket}`, bootTimeMs);
  const active = office?.role === 'active';
  return {
    name,
    kind,
    address,
    running: init !== undefined,
    frozen,
    role: office === undefined ? null : active ? 'active' : 'passive',
    epoch: active ? office.epoch : null,
    processes: init === undefined ? [] : readProcesses(host, init),
  };
}

/** The processes that run on the host, its supervisor first. */
function readProcesses(host: Host, init: number): readonly ProcessView[] {
  const inside = new Map(host.cgroup.processes().map((pid) => [namespacePids(pid)[1], pid]));
  const views = supervised(host).flatMap(({ component, pid }) => {
    const outside = pid === null ? undefined : inside.get(pid);
    return outside === undefined ? [] : [{ component, pid: outside }];
  });
  return [{ component: host.plan.kind, pid: init }, ...views];
}

/** What the host's supervisor says of its processes; nothing when the host is down or only starting. */
export function supervised(host: Host): readonly ProcessEntry[] {
  try {
    return JSON.parse(readFileSync(host.path(processesPath), 'utf8')) as ProcessEntry[];
  } catch {
    return [];
  }
}
