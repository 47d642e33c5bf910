/**
 * A foreign etcd that listens on the machine's loopback only: hosts have a loopback of their own, so they are given
 * the bridge's address instead, and `up` forwards it.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreTlsFiles } from '@timonier/worker/host-config';
import type { ClusterPlan, ClusterSpec } from './plan.ts';
import { forwardTcp, type TcpForward } from './tcp-forward.ts';

const loopback = /^(localhost|127(?:\.\d{1,3}){3})$/;
const defaultPort = 2379;

interface Endpoint {
  /** As hosts reach it. */
  readonly url: string;
  /** Port to forward on the bridge's address; undefined when hosts reach the endpoint as it is. */
  readonly forward: { readonly host: string; readonly port: number } | undefined;
}

function endpointsOf(plan: ClusterPlan): readonly Endpoint[] {
  return plan.spec.storeEndpoints.map((text) => {
    if (!URL.canParse(text))
      throw new Error(`--store-endpoints: "${text}" is not a URL such as http://10.0.0.1:2379`);
    const url = new URL(text);
    if (!loopback.test(url.hostname)) return { url: text, forward: undefined };
    const port = url.port === '' ? defaultPort : Number(url.port);
    return { url: `${url.protocol}//${plan.gateway}:${port}`, forward: { host: url.hostname, port } };
  });
}

/** The endpoints as hosts reach them. Throws when one is not a URL. */
export function hostStoreEndpoints(plan: ClusterPlan): readonly string[] {
  return endpointsOf(plan).map(({ url }) => url);
}

/** One sentence about what is wrong with the endpoints and files asked for, or undefined. */
export function storeProblem({
  storeEndpoints,
  storeTls,
}: Pick<ClusterSpec, 'storeEndpoints' | 'storeTls'>): string | undefined {
  const secure = storeEndpoints.filter((url) => url.startsWith('https:'));
  const files = '--store-cafile, --store-certfile and --store-keyfile';
  if (storeTls === undefined)
    return secure.length === 0 ? undefined : `--store-endpoints ${secure[0]} needs ${files}`;
  if (storeEndpoints.length === 0 || secure.length < storeEndpoints.length)
    return `${files} are for --store-endpoints over https`;
  return Object.values(storeTls).includes('') ? `${files} come together` : undefined;
}

/** Copies the files for a foreign etcd into a master's folder of certificates; returns what the master calls them. */
export function installStoreTls(files: StoreTlsFiles, pkiDir: string): StoreTlsFiles {
  const install = (from: string, name: string): string => {
    copyFileSync(from, join(pkiDir, name));
    return `/etc/timonier/pki/${name}`;
  };
  return {
    ca: install(files.ca, 'foreign-store-ca.crt'),
    cert: install(files.cert, 'foreign-store.crt'),
    key: install(files.key, 'foreign-store.key'),
  };
}

/** Forwards what hosts cannot reach by themselves; the bridge must be there. */
export async function forwardStores(plan: ClusterPlan): Promise<readonly TcpForward[]> {
  const forwards: TcpForward[] = [];
  for (const { forward } of endpointsOf(plan)) {
    if (forward === undefined) continue;
    try {
      forwards.push(await forwardTcp(forward.port, () => [forward], plan.gateway));
    } catch (error) {
      // Something listens on all addresses of the machine, so hosts reach it directly.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  return forwards;
}
