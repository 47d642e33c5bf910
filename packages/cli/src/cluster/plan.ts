/**
 * The plan of a local cluster: from its name, its size and the number of its subnet follow every host, address and
 * kernel name. Pure, so that whoever finds a leftover can tell from the name alone what it was.
 *
 * Subnet N is 10.88.N.0/24: the machine .1, masters from .11, workers from .51, the VIP .100.
 */
import type { RuntimeName, StoreTlsFiles } from '@timonier/worker/host-config';

export interface ClusterSpec {
  readonly name: string;
  readonly masters: number;
  readonly workers: number;
  readonly runtime: RuntimeName;
  readonly storeEndpoints: readonly string[];
  /** PEM files on this machine for a foreign etcd over https. */
  readonly storeTls?: StoreTlsFiles;
  /** `NAME=VALUE` of flags for every API server; absent in the data of older versions. */
  readonly apiserverArguments?: readonly string[];
  /** N of 10.88.N.0/24. */
  readonly subnet: number;
}

export interface HostPlan {
  readonly name: string;
  readonly kind: 'master' | 'worker';
  readonly address: string;
  readonly mac: string;
  readonly netns: string;
  /** The machine's end of the host's cable. */
  readonly link: string;
  readonly schedulable: boolean;
}

export interface ClusterPlan {
  readonly spec: ClusterSpec;
  readonly range: string;
  readonly gateway: string;
  readonly vip: string;
  readonly bridge: string;
  readonly bridgeMac: string;
  readonly nftTable: string;
  readonly hosts: readonly HostPlan[];
}

export const maxMasters = 5;
export const maxWorkers = 40;
const namePattern = /^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/;

export function planCluster(spec: ClusterSpec): ClusterPlan {
  const n = spec.subnet;
  const host = (kind: HostPlan['kind'], index: number): HostPlan => {
    const last = (kind === 'master' ? 10 : 50) + index;
    const name = `${kind}-${index}`;
    return {
      name,
      kind,
      address: `10.88.${n}.${last}`,
      // Fixed, so that a host that comes back is not hidden behind its neighbours' old ARP entries.
      mac: macOf(n, last),
      netns: `tm-${spec.name}-${name}`,
      link: `tmv${n}-${kind === 'master' ? 'm' : 'w'}${index}`,
      schedulable: kind === 'worker' || spec.workers === 0,
    };
  };
  const hosts = [
    ...Array.from({ length: spec.masters }, (_, i) => host('master', i + 1)),
    ...Array.from({ length: spec.workers }, (_, i) => host('worker', i + 1)),
  ];
  return {
    spec,
    hosts,
    range: `10.88.${n}.0/24`,
    gateway: `10.88.${n}.1`,
    vip: `10.88.${n}.100`,
    bridge: `tmbr${n}`,
    bridgeMac: macOf(n, 1),
    nftTable: `timonier-${n}`,
  };
}

function macOf(subnet: number, last: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `02:0a:58:00:${hex(subnet)}:${hex(last)}`;
}

/** One sentence about what is wrong with the size or name asked for, or undefined. */
export function specProblem(spec: Pick<ClusterSpec, 'name' | 'masters' | 'workers'>): string | undefined {
  if (!namePattern.test(spec.name)) {
    return `the name "${spec.name}" must be at most 30 lower-case letters, digits and dashes`;
  }
  if (!Number.isInteger(spec.masters) || spec.masters < 1 || spec.masters > maxMasters) {
    return `--masters must be from 1 to ${maxMasters}, not ${spec.masters}`;
  }
  if (spec.masters % 2 === 0) {
    return `--masters ${spec.masters} survives no more failures than ${spec.masters - 1}; use 1, 3 or 5`;
  }
  if (!Number.isInteger(spec.workers) || spec.workers < 0 || spec.workers > maxWorkers) {
    return `--workers must be from 0 to ${maxWorkers}, not ${spec.workers}`;
  }
  return undefined;
}
