/**
 * `/etc/timonier/host.json`: all that a supervisor knows about its host and its cluster before anything runs.
 * `timonier up` writes it; on a VM the installer does. Read once at start; a change needs a restart of the supervisor.
 */
import { readFileSync } from 'node:fs';

export const hostConfigPath = '/etc/timonier/host.json';

export interface HostAddress {
  readonly name: string;
  readonly address: string;
}

export type RuntimeName = 'timonier' | 'containerd';

export interface StoreTlsFiles {
  /** The authority of its certificates. */
  readonly ca: string;
  /** The certificate and key that it knows this cluster by. */
  readonly cert: string;
  readonly key: string;
}

export interface HostConfig {
  readonly cluster: string;
  readonly name: string;
  readonly kind: 'master' | 'worker';
  readonly address: string;
  /** The link that carries `address` and, on the active master, the VIP. */
  readonly interface: string;
  readonly masters: readonly HostAddress[];
  readonly vip: string;
  /** True when pods run here: always on workers, on masters with `--worker`. */
  readonly schedulable: boolean;
  readonly runtime: RuntimeName;
  /** URLs of a foreign etcd; empty when the cluster has its own store. */
  readonly storeEndpoints: readonly string[];
  /** Paths of the PEM files for a foreign etcd over https; absent for one over http. */
  readonly storeTls?: StoreTlsFiles;
  /** `NAME=VALUE` of flags for the API server of a master; a host prepared by an older version has none. */
  readonly apiserverArguments?: readonly string[];
  readonly podRange: string;
  readonly serviceRange: string;
  readonly apiServiceAddress: string;
  readonly dnsServiceAddress: string;
  readonly clusterDomain: string;
}

/** Reads and checks host.json. Throws with the file's name and what is wrong. */
export function readHostConfig(path: string): HostConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  for (const name of ['cluster', 'name', 'kind', 'address', 'interface', 'vip', 'runtime'] as const) {
    if (typeof fields[name] !== 'string') throw new Error(`${path}: "${name}" must be a string`);
  }
  for (const name of ['masters', 'storeEndpoints'] as const) {
    if (!Array.isArray(fields[name])) throw new Error(`${path}: "${name}" must be a list`);
  }
  const more = fields['apiserverArguments'] ?? [];
  if (!Array.isArray(more) || !more.every((item) => typeof item === 'string'))
    throw new Error(`${path}: "apiserverArguments" must be a list of strings`);
  return fields as unknown as HostConfig;
}
