/**
 * `cluster.json` in the data directory: what makes its data that of this cluster. Written once; a second `up`
 * resumes what it says and refuses what contradicts it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSpec } from './plan.ts';

export function defaultDataDir(name: string): string {
  return `/var/lib/timonier-clusters/${name}`;
}

export function readSettings(dataDir: string): ClusterSpec | undefined {
  const path = join(dataDir, 'cluster.json');
  try {
    const settings = JSON.parse(readFileSync(path, 'utf8')) as ClusterSpec | null;
    if (typeof settings?.name !== 'string') throw new Error('it names no cluster');
    return settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // JSON.parse quotes the text, line breaks and all.
    const why = (error as Error).message.replaceAll(/\s+/g, ' ');
    throw new Error(`cannot read ${path}: ${why}; use another --data-dir`, { cause: error });
  }
}

export function writeSettings(dataDir: string, spec: ClusterSpec): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dataDir, 'cluster.json'), `${JSON.stringify(spec, null, 2)}\n`);
}

export type Wanted = { readonly name: string } & Partial<Omit<ClusterSpec, 'name' | 'subnet'>>;

/**
 * What to start: the wish where there is no data yet, the stored cluster where there is. Throws when the wish cannot
 * be had with this data. `subnet` is undefined for a new cluster.
 */
export function resolveSpec(
  wanted: Wanted,
  stored: ClusterSpec | undefined,
  dataDir: string,
): Omit<ClusterSpec, 'subnet'> & { readonly subnet: number | undefined } {
  if (stored === undefined) {
    return {
      name: wanted.name,
      masters: wanted.masters ?? 3,
      workers: wanted.workers ?? 2,
      runtime: wanted.runtime ?? 'timonier',
      storeEndpoints: wanted.storeEndpoints ?? [],
      ...(wanted.storeTls === undefined ? {} : { storeTls: wanted.storeTls }),
      apiserverArguments: wanted.apiserverArguments ?? [],
      subnet: undefined,
    };
  }
  const refuse = (what: string): never => {
    throw new Error(
      `${dataDir} holds the data of ${what}; use another --data-dir, or 'timonier down --name ${stored.name} --data-dir ${dataDir} --purge' first`,
    );
  };
  if (stored.name !== wanted.name) refuse(`the cluster "${stored.name}", not of "${wanted.name}"`);
  if (wanted.masters !== undefined && wanted.masters !== stored.masters) {
    refuse(`a cluster of ${stored.masters} masters, not ${wanted.masters}`);
  }
  if (wanted.storeEndpoints !== undefined && wanted.storeEndpoints.join() !== stored.storeEndpoints.join()) {
    refuse('a cluster with another store');
  }
  return {
    ...stored,
    workers: wanted.workers ?? stored.workers,
    // Certificates are renewed, maybe elsewhere.
    ...(wanted.storeTls === undefined ? {} : { storeTls: wanted.storeTls }),
    runtime: wanted.runtime ?? stored.runtime,
    apiserverArguments: wanted.apiserverArguments ?? stored.apiserverArguments ?? [],
  };
}
