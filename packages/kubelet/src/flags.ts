/** The kubelet's flags, spelled as upstream's where upstream has one. */
import { durationFlag, listFlag, numberFlag, portRange, stringFlag, UsageError } from '@timonier/component';
import type { Taint } from '@timonier/api';

export const kubeletFlags = {
  'node-name': stringFlag('', 'name of this node', { placeholder: 'the host name' }),
  'node-ip': stringFlag('', 'address of this node', { placeholder: 'the first one that is not loopback' }),
  'container-runtime-endpoint': stringFlag('unix:///run/timonier/cri.sock', 'socket of a CRI v1 runtime'),
  kubeconfig: stringFlag('', 'file that says how to reach the API server; without it only static pods run'),
  servers: listFlag([], 'API server URLs to use instead of the one in the kubeconfig'),
  'root-dir': stringFlag('/var/lib/kubelet', 'folder for volumes and other files of pods'),
  'pod-log-dir': stringFlag('/var/log/pods', 'folder for the logs of containers'),
  address: stringFlag('0.0.0.0', 'address to serve on'),
  port: numberFlag(10250, 'port to serve on', portRange),
  'tls-cert-file': stringFlag('', 'certificate to serve with; self-signed when not given'),
  'tls-private-key-file': stringFlag('', 'key of that certificate'),
  'client-ca-file': stringFlag('', 'authority of client certificates; without it only health is served'),
  'cluster-dns': listFlag(['10.96.0.10'], 'DNS servers of pods'),
  'cluster-domain': stringFlag('cluster.local', 'DNS zone of the cluster'),
  'resolv-conf': stringFlag('/etc/resolv.conf', 'resolvers of the host'),
  'pod-manifest-path': stringFlag('', 'folder of static pod manifests'),
  'register-with-taints': listFlag([], 'taints of a new node, as KEY=VALUE:EFFECT'),
  'node-labels': listFlag([], 'labels of this node, as KEY=VALUE'),
  'cgroup-parent': stringFlag('/', 'cgroup below which pods live'),
  'node-status-update-frequency': durationFlag(10_000, 'how often to look for changes of the node'),
  'node-status-report-frequency': durationFlag(300_000, 'how often to report the node without a change'),
  'node-lease-renew-interval': durationFlag(2_000, 'how often to renew the lease'),
  'node-lease-duration': durationFlag(8_000, 'for how long a renewal is good'),
  'sync-frequency': durationFlag(60_000, 'how often to bring mounted ConfigMaps and Secrets up to date'),
  'file-check-frequency': durationFlag(5_000, 'how often to look for changed manifests'),
  'container-log-max-size': numberFlag(10 * 1024 * 1024, 'bytes at which a container log is rotated'),
  'container-log-max-files': numberFlag(5, 'log files to keep of a container start'),
  'max-pods': numberFlag(110, 'how many pods may run here', { min: 1 }),
};

export function parseLabels(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [key = '', value = ''] = entry.split(/=(.*)/);
      if (key === '') throw new UsageError(`--node-labels: "${entry}" is not KEY=VALUE`);
      return [key, value];
    }),
  );
}

export function parseTaints(entries: readonly string[]): Taint[] {
  return entries.map((entry) => {
    const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(entry);
    if (match === null) throw new UsageError(`--register-with-taints: "${entry}" is not KEY=VALUE:EFFECT`);
    const [, key = '', value, effect = ''] = match;
    return {
      key,
      effect: effect as NonNullable<Taint['effect']>,
      ...(value === undefined || value === '' ? {} : { value }),
    };
  });
}
