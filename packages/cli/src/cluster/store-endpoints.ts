/**
 * A foreign etcd that listens on the machine's loopback only: hosts have a loopback of their own, so they are given
 * the bridge's address instead, and `up` forwards it.
 */
import type { ClusterPlan } from './plan.ts';
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
