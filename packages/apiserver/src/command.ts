/** `timonier apiserver`: its flags. What runs is loaded when it is known to run here, for the holder of workers needs little. */
import {
  booleanFlag,
  type ComponentContext,
  defineComponent,
  durationFlag,
  listFlag,
  numberFlag,
  portRange,
  stringFlag,
} from '@timonier/component';
import { optionalPlugins } from './admission/optional/names.ts';
import { auditFlags } from './audit/flags.ts';
import { authenticationFlags } from './authentication/flags.ts';
import { authorizationFlags } from './authorization/flags.ts';
import { workersVariable } from './workers/variable.ts';

export const flags = {
  'etcd-servers': listFlag(
    ['http://127.0.0.1:2379'],
    'where the store is, in order of preference: http(s)://host:port or unix:///path',
  ),
  'etcd-cafile': stringFlag('', 'authority of the store’s certificates'),
  'etcd-certfile': stringFlag('', 'client certificate for the store'),
  'etcd-keyfile': stringFlag('', 'key of the client certificate for the store'),
  'etcd-prefix': stringFlag('/registry', 'prefix of all keys'),
  'etcd-compaction-interval': durationFlag(
    300_000,
    'how often old history is forgotten; 0 leaves that to the store',
  ),
  'bind-address': stringFlag('0.0.0.0', 'address to listen on'),
  'secure-port': numberFlag(6443, 'port for everyone', portRange),
  'internal-port': numberFlag(
    6444,
    'port for other masters, behind PROXY protocol v2 headers; 0 for none',
    portRange,
  ),
  'private-socket': stringFlag('', 'unix socket for the loops of this host, with TLS like the port'),
  'tls-cert-file': stringFlag('', 'the server’s certificate'),
  'tls-private-key-file': stringFlag('', 'key of the server’s certificate'),
  'client-ca-file': stringFlag('', 'authority that signs client certificates'),
  'kubelet-client-certificate': stringFlag('', 'client certificate for kubelets'),
  'kubelet-client-key': stringFlag('', 'key of the client certificate for kubelets'),
  'proxy-client-cert-file': stringFlag('', 'client certificate for secondary API servers'),
  'proxy-client-key-file': stringFlag('', 'key of the client certificate for secondary API servers'),
  'kubelet-certificate-authority': stringFlag('', 'authority of the kubelets’ certificates'),
  'service-cluster-ip-range': stringFlag('10.96.0.0/16', 'addresses of Services'),
  'service-node-port-range': stringFlag('30000-32767', 'node ports of Services'),
  'service-account-issuer': stringFlag(
    'https://kubernetes.default.svc.cluster.local',
    'issuer of service account tokens, and their audience when none is asked for',
  ),
  'service-account-signing-key-file': stringFlag(
    '',
    'EC key on P-256 that signs service account tokens, the same on all masters; without it there are none',
  ),
  ...authenticationFlags,
  ...authorizationFlags,
  'enable-admission-plugins': listFlag(
    [],
    `plugins to switch on beside the default ones, by name: ${optionalPlugins.join(', ')}`,
  ),
  'disable-admission-plugins': listFlag([], 'plugins to switch off, by name'),
  'admission-control-config-file': stringFlag(
    '',
    'AdmissionConfiguration for PodSecurity, PodNodeSelector, PodTolerationRestriction, EventRateLimit and ImagePolicyWebhook',
  ),
  'default-not-ready-toleration-seconds': numberFlag(
    2,
    'seconds for which pods stay on a node that is not ready, unless they say otherwise',
    { min: 0, max: 2_147_483_647 },
  ),
  'default-unreachable-toleration-seconds': numberFlag(
    2,
    'seconds for which pods stay on a node that is not reached, unless they say otherwise',
    { min: 0, max: 2_147_483_647 },
  ),
  ...auditFlags,
  'encryption-provider-config': stringFlag(
    '',
    'EncryptionConfiguration that says how resources are stored; followed while this runs',
  ),
  'enable-priority-and-fairness': booleanFlag(
    true,
    'divide the requests served at once among priority levels, by the cluster’s flow schemas',
  ),
  'max-requests-inflight': numberFlag(
    400,
    'requests served at once that change nothing; 0 is no limit without fairness, with it the sum of both is divided',
    { min: 0, max: 1_000_000 },
  ),
  'max-mutating-requests-inflight': numberFlag(
    200,
    'requests served at once that change something; likewise',
    {
      min: 0,
      max: 1_000_000,
    },
  ),
  profiling: booleanFlag(true, 'offer profiles of the process below /debug/pprof/, to administrators'),
  'enable-logs-handler': booleanFlag(false, 'show the files of /var/log below /logs/, to administrators'),
  'office-socket': stringFlag('', 'socket of the master supervisor; without it this server is always active'),
  'advertise-address': stringFlag(
    '',
    'address under which others reach this server; empty: the bind address, or the first of the host',
  ),
  workers: numberFlag(
    1,
    'API server processes that share the ports and the requests; each has a watch cache of its own',
    { min: 1, max: 64 },
  ),
  masters: listFlag(
    [],
    'all masters, NAME=ADDRESS each: the endpoints of the Service kubernetes, and who is believed on the internal port',
  ),
};

export type ApiServerContext = ComponentContext<typeof flags>;

export const command = defineComponent({
  name: 'apiserver',
  summary: 'serves the Kubernetes API over an etcd v3 store',
  examples: [
    'timonier apiserver --etcd-servers http://127.0.0.1:2379 --tls-cert-file apiserver.crt --tls-private-key-file apiserver.key --client-ca-file ca.crt',
    'timonier apiserver --etcd-servers unix:///run/timonier/store.sock --office-socket /run/timonier/office.sock …',
  ],
  flags,
  opsAddress: '0.0.0.0:10244',
  run: async (context) => {
    const processes = Number(process.env[workersVariable] ?? '1');
    if (processes === 1 && context.flags.workers > 1)
      await (await import('./workers/hold.ts')).holdWorkers(context);
    else await (await import('./serve.ts')).serve(context, processes);
  },
});
