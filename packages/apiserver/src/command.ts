/** `timonier apiserver`: flags, files and the environment in, a running API server out. */
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import {
  booleanFlag,
  defineComponent,
  durationFlag,
  type FlagValues,
  listFlag,
  numberFlag,
  portRange,
  stringFlag,
  UsageError,
  watchCertificate,
} from '@timonier/component';
import { OfficeClient } from '@timonier/client/office';
import { admissionPlugins } from './admission/plugins.ts';
import { selectPlugins } from './admission/select.ts';
import { authenticationFlags, authenticationOptions } from './authentication/flags.ts';
import { ApiServer, type RequestLimits } from './api-server.ts';
import { parseEndpoint } from './storage/store-client.ts';
import { type AuditPolicy, parseAuditPolicy } from './audit/policy.ts';
import type { AuditOptions } from './audit/start.ts';
import { type EncryptionFile, readEncryptionFile } from './encryption/configuration-file.ts';
import { Failpoints } from './failpoints.ts';
import { TokenSigner } from './tokens/service-account-tokens.ts';

const anyCount = { min: 0, max: 1_000_000 };

const flags = {
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
  'requestheader-client-ca-file': stringFlag(
    '',
    'authority of the client certificate for secondary API servers; they read it from kube-system',
  ),
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
  'enable-admission-plugins': listFlag(
    [],
    `plugins to switch on beside the default ones, by name: ${admissionPlugins
      .filter(({ isOffByDefault }) => isOffByDefault)
      .map(({ name }) => name)
      .join(', ')}`,
  ),
  'disable-admission-plugins': listFlag([], 'plugins to switch off, by name'),
  'audit-policy-file': stringFlag(
    '',
    'audit policy that says which requests are recorded; without it none are',
  ),
  'audit-log-path': stringFlag('', 'file of the audit log; - is standard output'),
  'audit-log-maxage': numberFlag(366, 'days for which old audit logs are kept; 0 is for ever', anyCount),
  'audit-log-maxbackup': numberFlag(100, 'old audit logs that are kept; 0 is all of them', anyCount),
  'audit-log-maxsize': numberFlag(100, 'MiB of the audit log before it begins anew', anyCount),
  'audit-log-batch-buffer-size': numberFlag(
    10_000,
    'events that wait to be written before more are dropped',
    {
      min: 1,
      max: 1_000_000,
    },
  ),
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
  'office-socket': stringFlag('', 'socket of the master supervisor; without it this server is always active'),
  'advertise-address': stringFlag('127.0.0.1', 'address under which this server is reached'),
  masters: listFlag([], 'all masters, NAME=ADDRESS each; the endpoints of the Service kubernetes'),
};

export const command = defineComponent({
  name: 'apiserver',
  summary: 'serves the Kubernetes API over an etcd v3 store',
  examples: [
    'timonier apiserver --etcd-servers http://127.0.0.1:2379 --tls-cert-file apiserver.crt --tls-private-key-file apiserver.key --client-ca-file ca.crt',
    'timonier apiserver --etcd-servers unix:///run/timonier/store.sock --office-socket /run/timonier/office.sock …',
  ],
  flags,
  opsAddress: '0.0.0.0:10244',
  run: async ({ flags: values, log, metrics, health, shutdown }) => {
    for (const name of ['tls-cert-file', 'tls-private-key-file', 'client-ca-file'] as const)
      if (values[name] === '') throw new UsageError(`flag --${name} is needed`);
    checkRange(values['service-cluster-ip-range']);
    checkEndpoints(values['etcd-servers']);
    const nodePorts = parsePortRange(values['service-node-port-range']);
    const masters = parseMasters(values.masters, values['advertise-address']);
    const officeSocket = values['office-socket'];
    const office = officeSocket === '' ? undefined : new OfficeClient(officeSocket);
    if (office !== undefined) shutdown.add('office', () => office.close());
    const internalPort = values['internal-port'];
    const tls = {
      cert: await readPem('tls-cert-file', values['tls-cert-file']),
      key: await readPem('tls-private-key-file', values['tls-private-key-file']),
      clientCa: await readPem('client-ca-file', values['client-ca-file']),
    };
    watchCertificate(values['tls-cert-file'], tls.cert, health, log);
    const server = new ApiServer({
      store: { endpoints: values['etcd-servers'], tls: await storeTls(values) },
      root: `${values['etcd-prefix'].replace(/\/+$/, '')}/`,
      tls,
      proxyTls: {
        cert: await readOptional('proxy-client-cert-file', values['proxy-client-cert-file']),
        key: await readOptional('proxy-client-key-file', values['proxy-client-key-file']),
      },
      authenticationConfig: {
        clientCa: tls.clientCa.toString(),
        requestHeaderCa: (
          await readOptional('requestheader-client-ca-file', values['requestheader-client-ca-file'])
        )?.toString(),
      },
      kubeletTls: {
        ca: await readOptional('kubelet-certificate-authority', values['kubelet-certificate-authority']),
        cert: await readOptional('kubelet-client-certificate', values['kubelet-client-certificate']),
        key: await readOptional('kubelet-client-key', values['kubelet-client-key']),
      },
      office,
      tokenSigner: await tokenSigner(values),
      authentication: await authenticationOptions(values),
      allocation: {
        serviceRange: values['service-cluster-ip-range'],
        nodePorts,
      },
      admissionPlugins: selectPlugins(admissionPlugins, {
        enable: values['enable-admission-plugins'],
        disable: values['disable-admission-plugins'],
      }),
      masters,
      advertiseAddress: values['advertise-address'],
      bindAddress: values['bind-address'],
      securePort: values['secure-port'],
      internalPort: internalPort === 0 ? undefined : internalPort,
      privateSocket: values['private-socket'],
      compactionIntervalMs: values['etcd-compaction-interval'],
      failpoints: new Failpoints(process.env),
      limits: requestLimits(values),
      audit: await auditOptions(values),
      encryption: await encryptionFile(values['encryption-provider-config']),
      log,
      metrics,
      health,
    });
    shutdown.add('api server', () => server.stop());
    const port = await server.start();
    log.info({ port }, 'serving');
  },
});

function requestLimits(values: FlagValues<typeof flags>): RequestLimits {
  const fair = values['enable-priority-and-fairness'];
  const limits = {
    fair,
    maxRequestsInflight: values['max-requests-inflight'],
    maxMutatingRequestsInflight: values['max-mutating-requests-inflight'],
  };
  if (fair && limits.maxRequestsInflight + limits.maxMutatingRequestsInflight === 0)
    throw new UsageError(
      '--max-requests-inflight and --max-mutating-requests-inflight must sum to more than 0 to be divided fairly',
    );
  return limits;
}

async function auditOptions(values: FlagValues<typeof flags>): Promise<AuditOptions | undefined> {
  const file = values['audit-policy-file'];
  const path = values['audit-log-path'];
  if (file === '' || path === '') {
    if (file !== path) throw new UsageError('--audit-policy-file and --audit-log-path belong together');
    return undefined;
  }
  const text = (await readNamed('audit-policy-file', file)).toString();
  let policy: AuditPolicy;
  try {
    policy = parseAuditPolicy(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--audit-policy-file: ${file}: ${reason}`, { cause: error });
  }
  return {
    policy,
    path,
    maxBytes: (values['audit-log-maxsize'] || 100) * 1024 * 1024,
    maxBackups: values['audit-log-maxbackup'],
    maxAgeDays: values['audit-log-maxage'],
    bufferSize: values['audit-log-batch-buffer-size'],
  };
}

async function encryptionFile(path: string): Promise<EncryptionFile | undefined> {
  if (path === '') return undefined;
  try {
    return await readEncryptionFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--encryption-provider-config: ${path}: ${reason}`, { cause: error });
  }
}

async function storeTls(
  values: FlagValues<typeof flags>,
): Promise<{ ca?: Buffer | undefined; cert?: Buffer | undefined; key?: Buffer | undefined }> {
  return {
    ca: await readOptional('etcd-cafile', values['etcd-cafile']),
    cert: await readOptional('etcd-certfile', values['etcd-certfile']),
    key: await readOptional('etcd-keyfile', values['etcd-keyfile']),
  };
}

async function tokenSigner(values: FlagValues<typeof flags>): Promise<TokenSigner | undefined> {
  const flag = 'service-account-signing-key-file';
  if (values[flag] === '') return undefined;
  return new TokenSigner(await readPem(flag, values[flag]), values['service-account-issuer']);
}

async function readNamed(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--${flag}: ${reason}`, { cause: error });
  }
}

/** Refuses what is no PEM here, where the flag's name is known. */
async function readPem(flag: string, path: string): Promise<Buffer> {
  const pem = await readNamed(flag, path);
  if (!pem.includes('-----BEGIN ')) throw new Error(`--${flag}: ${path} holds no PEM`);
  return pem;
}

async function readOptional(flag: string, path: string): Promise<Buffer | undefined> {
  return path === '' ? undefined : readNamed(flag, path);
}

function checkRange(text: string): void {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (!isIPv4(address) || rest.length > 0 || !(Number(bits) >= 8 && Number(bits) <= 30))
    throw new UsageError(
      `--service-cluster-ip-range: "${text}" is not an IPv4 range such as 10.96.0.0/16, between /8 and /30`,
    );
}

function checkEndpoints(endpoints: readonly string[]): void {
  if (endpoints.length === 0) throw new UsageError('flag --etcd-servers is needed');
  for (const endpoint of endpoints) {
    try {
      parseEndpoint(endpoint);
    } catch (error) {
      throw new UsageError(`--etcd-servers: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

function parsePortRange(text: string): { first: number; last: number } {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match === null || first < 1 || last > 65_535 || first > last)
    throw new UsageError(`--service-node-port-range: "${text}" is not a range such as 30000-32767`);
  return { first, last };
}

function parseMasters(
  list: readonly string[],
  advertiseAddress: string,
): readonly { name: string; address: string }[] {
  if (list.length === 0) return [{ name: 'master', address: advertiseAddress }];
  return list.map((item) => {
    const [name = '', address = '', ...rest] = item.split('=');
    if (name === '' || address === '' || rest.length > 0)
      throw new UsageError(`--masters: "${item}" is not of the form NAME=ADDRESS`);
    return { name, address };
  });
}
