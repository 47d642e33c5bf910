/**
 * What can be seen of a running cluster from the machine, without asking the API server: each host's supervisor, its
 * office and its processes, read through the host's own files and sockets.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type OfficeState, parseOfficeState } from '@timonier/client/office';
import { bootTimeMs } from '@timonier/linux/clock';
import { type ProcessEntry, processesPath } from '@timonier/worker/processes';
import { namespacePids } from '../hosts/cgroups.ts';
import type { Host } from '../hosts/host.ts';

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

const officeTimeoutMs = 500;

export async function observeHost(host: Host): Promise<HostView> {
  const { name, kind, address } = host.plan;
  const init = host.init();
  const frozen = init !== undefined && host.cgroup.frozen();
  const office = init === undefined || frozen || kind === 'worker' ? undefined : await readOffice(host);
  const active = office?.role === 'active' && bootTimeMs() < office.leaseUntil;
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

/** The first line of the host's office socket, or undefined when its supervisor does not answer. */
function readOffice(host: Host): Promise<OfficeState | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(host.path('/run/timonier/office.sock'));
    const end = (state: OfficeState | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    const timer = setTimeout(() => end(undefined), officeTimeoutMs);
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const newline = text.indexOf('\n');
      if (newline < 0) return;
      try {
        end(parseOfficeState(text.slice(0, newline)));
      } catch {
        end(undefined);
      }
    });
  });
}
