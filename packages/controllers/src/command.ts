/** `timonier controller-manager`: all controllers as a process of their own. */
import { readFileSync } from 'node:fs';
import { loadKubeconfig } from '@timonier/client';
import { loopFlags, startContextOf } from '@timonier/client/loop-process';
import {
  defineComponent,
  durationFlag,
  listFlag,
  numberFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { controllerNames, defaultSettings, startControllers } from './start.ts';

/** Flags that set how controllers behave; shared with the process that runs all loops together. */
export const controllerFlags = {
  'cluster-cidr': stringFlag(defaultSettings.clusterCidr, 'range of pod addresses'),
  'node-cidr-mask-size': numberFlag(defaultSettings.nodeCidrMaskSize, "bits of each node's range"),
  'node-monitor-grace-period': durationFlag(
    defaultSettings.nodeMonitorGraceMs,
    'how long a node may be silent before it is given up',
    { placeholder: '8s' },
  ),
  'default-eviction-period': durationFlag(
    defaultSettings.defaultEvictionMs,
    'how long pods without a toleration stay on a lost node',
    { placeholder: '2s' },
  ),
  'node-eviction-rate': numberFlag(
    defaultSettings.nodeEvictionRate,
    'lost nodes per second whose pods are moved, in a zone that is well',
  ),
  'secondary-node-eviction-rate': numberFlag(
    defaultSettings.secondaryNodeEvictionRate,
    'the same in a large zone that is partly lost; in a small one no pods are moved',
  ),
  'large-cluster-size-threshold': numberFlag(
    defaultSettings.largeClusterSizeThreshold,
    'a zone of more nodes than this is large',
  ),
  'unhealthy-zone-threshold': numberFlag(
    defaultSettings.unhealthyZoneThreshold,
    "the part of a zone's nodes, three at least, whose loss makes the zone partly lost",
  ),
  'cluster-dns': stringFlag(defaultSettings.dnsServiceAddress, 'service address of the DNS'),
  'terminated-pod-gc-threshold': numberFlag(
    defaultSettings.terminatedPodThreshold,
    'finished pods that are kept',
  ),
  'root-ca-file': stringFlag(
    '',
    "the cluster's CA, published in every namespace; the kubeconfig's by default",
  ),
  'cluster-signing-cert-file': stringFlag('', 'the authority that signs requests for certificates'),
  'cluster-signing-key-file': stringFlag('', 'its key; without it none are signed'),
  'cluster-signing-duration': durationFlag(
    365 * 24 * 3_600_000,
    'how long a certificate lives that asks for nothing shorter',
    { placeholder: '8760h' },
  ),
};

/** Settings from the values of `controllerFlags`. */
export function settingsFromFlags(
  flags: {
    readonly [K in keyof typeof controllerFlags]: (typeof controllerFlags)[K]['default'];
  },
  kubeconfig: string,
): typeof defaultSettings {
  const file = flags['root-ca-file'];
  const { ca, servers } = loadKubeconfig(kubeconfig);
  const rootCa = file === '' ? ca : readFileSync(file);
  return {
    clusterCidr: flags['cluster-cidr'],
    nodeCidrMaskSize: flags['node-cidr-mask-size'],
    nodeMonitorGraceMs: flags['node-monitor-grace-period'],
    defaultEvictionMs: flags['default-eviction-period'],
    nodeEvictionRate: flags['node-eviction-rate'],
    secondaryNodeEvictionRate: flags['secondary-node-eviction-rate'],
    largeClusterSizeThreshold: flags['large-cluster-size-threshold'],
    unhealthyZoneThreshold: flags['unhealthy-zone-threshold'],
    dnsServiceAddress: flags['cluster-dns'],
    terminatedPodThreshold: flags['terminated-pod-gc-threshold'],
    rootCa: rootCa?.toString() ?? '',
    apiServer: servers[0] ?? '',
    signing: signingFromFlags(
      flags['cluster-signing-cert-file'],
      flags['cluster-signing-key-file'],
      flags['cluster-signing-duration'],
    ),
  };
}

function signingFromFlags(
  certificateFile: string,
  keyFile: string,
  durationMs: number,
): typeof defaultSettings.signing {
  if (certificateFile === '' && keyFile === '') return undefined;
  if (certificateFile === '' || keyFile === '')
    throw new UsageError('--cluster-signing-cert-file and --cluster-signing-key-file go together');
  const read = (file: string): string => readFileSync(file, 'utf8');
  return { certificate: read(certificateFile), key: read(keyFile), durationMs };
}

export const command = defineComponent({
  name: 'controller-manager',
  summary: 'Drives the cluster to what its objects ask for.',
  examples: [
    'timonier controller-manager --kubeconfig /etc/timonier/controller-manager.kubeconfig',
    'timonier controller-manager --kubeconfig cm.kubeconfig --controllers deployment,replicaset',
  ],
  flags: {
    ...loopFlags,
    controllers: listFlag(controllerNames, 'which controllers run'),
    ...controllerFlags,
  },
  opsAddress: '0.0.0.0:10257',
  run: async (context) => {
    const { flags, shutdown } = context;
    const start = startContextOf(context, 'controller-manager');
    const settings = settingsFromFlags(flags, flags.kubeconfig);
    const running = startControllers(start, settings, flags.controllers);
    shutdown.add('controllers', () => running.stop());
    await Promise.resolve();
  },
});
