/**
 * Where the processes of a cluster have their `/metrics`, `/livez` and `/readyz`, as the plan alone tells: a port of
 * their host for each.
 */
import type { LocalCluster } from './local-cluster.ts';

export interface Endpoint {
  readonly port: number;
  readonly tls: boolean;
  /** Where the process has its metrics, when not at `/metrics`. */
  readonly metricsPath?: string;
}

const plain = (port: number): Endpoint => ({ port, tls: false });
const secure = (port: number): Endpoint => ({ port, tls: true });

const nodeEndpoints: Readonly<Record<string, Endpoint>> = {
  cri: plain(10240),
  kubelet: plain(10248),
  'kubelet-api': secure(10250),
  cadvisor: { ...secure(10250), metricsPath: '/metrics/cadvisor' },
  proxy: plain(10249),
  dns: plain(9153),
};
const masterEndpoints: Readonly<Record<string, Endpoint>> = {
  master: plain(10241),
  // Not the API's own port: on a passive master that one leads to the active.
  apiserver: plain(10244),
  scheduler: plain(10259),
  'controller-manager': plain(10257),
  'cloud-controller-manager': plain(10258),
  proxy: plain(10249),
  vip: plain(10243),
};

export interface OperationsTarget {
  readonly host: string;
  readonly component: string;
  readonly address: string;
  readonly endpoint: Endpoint;
}

/** Everything of the cluster that has metrics, host by host. */
export function operationsTargets(
  cluster: Pick<LocalCluster, 'hosts' | 'record'>,
): readonly OperationsTarget[] {
  const ownStore = cluster.record.spec.storeEndpoints.length === 0;
  return cluster.hosts.flatMap(({ plan }) => {
    const endpoints: Record<string, Endpoint> = {
      ...(plan.kind === 'worker' ? { worker: plain(10242) } : masterEndpoints),
      ...(plan.kind === 'master' && ownStore ? { store: plain(2381) } : {}),
      ...(plan.schedulable ? nodeEndpoints : {}),
    };
    if (cluster.record.spec.runtime === 'containerd' && endpoints['cri'] !== undefined) {
      endpoints['containerd'] = { ...endpoints['cri'], metricsPath: '/v1/metrics' };
      delete endpoints['cri'];
    }
    return Object.entries(endpoints).map(([component, endpoint]) => ({
      host: plan.name,
      component,
      address: plan.address,
      endpoint,
    }));
  });
}
