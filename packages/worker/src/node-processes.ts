/**
 * The processes that make a host a node: container runtime, kubelet, proxy and DNS, with the flags that follow from
 * host.json. Pure. A worker runs them all; a master runs the proxy, and all of them when it is schedulable.
 */
import type { HostConfig } from './host-config.ts';
import type { ProcessSpec } from './managed-process.ts';
import { flagArguments, subcommand } from './supervisor.ts';

const etc = '/etc/timonier';
export const criSocket = '/run/timonier/cri.sock';
export const containerdSocket = '/run/timonier/containerd.sock';

/** Every address under which the API server is reached: the VIP first, then the masters. */
export function apiServers(config: HostConfig): readonly string[] {
  return [config.vip, ...config.masters.map((master) => master.address)].map(
    (host) => `https://${host}:6443`,
  );
}

export function proxyProcess(config: HostConfig): ProcessSpec {
  const args = flagArguments({
    'node-name': config.name,
    kubeconfig: `${etc}/proxy.kubeconfig`,
    servers: apiServers(config),
    'pod-cidr-range': config.podRange,
    'cni-config': config.schedulable ? '/etc/cni/net.d/10-timonier.conflist' : undefined,
  });
  const withoutCni = config.schedulable ? [] : ['--cni-config='];
  return { component: 'proxy', command: subcommand('proxy', [...args, ...withoutCni]) };
}

/** Every node runs the cluster's DNS, and says so to the controller that lists its endpoints. */
const nodeLabels = 'timonier.io/dns=true';

export function nodeProcesses(config: HostConfig, containerdConfig: string): readonly ProcessSpec[] {
  const containerd = config.runtime === 'containerd';
  return [
    containerd
      ? { component: 'containerd', command: ['containerd', '--config', containerdConfig] }
      : {
          component: 'cri',
          command: subcommand('cri', flagArguments({ socket: criSocket, 'ops-address': '0.0.0.0:10240' })),
        },
    {
      component: 'kubelet',
      command: subcommand(
        'kubelet',
        flagArguments({
          'node-name': config.name,
          'node-ip': config.address,
          kubeconfig: `${etc}/kubelet.kubeconfig`,
          servers: apiServers(config),
          'container-runtime-endpoint': `unix://${containerd ? containerdSocket : criSocket}`,
          'tls-cert-file': `${etc}/pki/kubelet.crt`,
          'tls-private-key-file': `${etc}/pki/kubelet.key`,
          'client-ca-file': `${etc}/pki/ca.crt`,
          'node-labels': nodeLabels,
          'cluster-dns': config.dnsServiceAddress,
          'cluster-domain': config.clusterDomain,
        }),
      ),
    },
    proxyProcess(config),
    {
      component: 'dns',
      command: subcommand(
        'dns',
        flagArguments({
          kubeconfig: `${etc}/dns.kubeconfig`,
          servers: apiServers(config),
          'listen-address': `${config.address}:53`,
          'cluster-domain': config.clusterDomain,
          'cluster-dns': config.dnsServiceAddress,
        }),
      ),
    },
  ];
}
