/** An API server from what the command line says: flags, files and the environment in, a running server out. */
import { networkInterfaces } from 'node:os';
import { advertiseAddress } from './advertise-address.ts';
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import {
  countBuffersWithHeap,
  type FlagValues,
  leaveRoomToGrow,
  UsageError,
  watchCertificate,
} from '@timonier/component';
import { OfficeClient } from '@timonier/client/office';
import { letHelpersGiveWay } from '@timonier/linux/helper-threads';
import { readAdmissionConfiguration } from './admission/configuration.ts';
import { pluginsFor } from './admission/plugins.ts';
import type { AdmissionPlugin } from './admission/request.ts';
import { selectPlugins } from './admission/select.ts';
import { usualSettings } from './admission/settings.ts';
import type { AuthenticationConfig } from './aggregation/authentication-config.ts';
import { authenticationOptions, requestHeaderNames } from './authentication/from-flags.ts';
import { authorizationOptions } from './authorization/from-flags.ts';
import { ApiServer } from './api-server.ts';
import type { RequestLimits } from './api-server-options.ts';
import { parseEndpoint } from './storage/store-client.ts';
import { auditFile, auditWebhook } from './audit/flags.ts';
import { type AuditPolicy, parseAuditPolicy } from './audit/policy.ts';
import type { AuditOptions } from './audit/start.ts';
import type { ApiServerContext, flags } from './command.ts';
import { type EncryptionFile, readEncryptionFile } from './encryption/configuration-file.ts';
import { Failpoints } from './failpoints.ts';
import { TokenSigner } from './tokens/service-account-tokens.ts';
import { Worker } from './workers/worker.ts';

export async function serve(context: ApiServerContext, processes: number): Promise<void> {
  countBuffersWithHeap();
  leaveRoomToGrow();
  letHelpersGiveWay();
  const { flags: values, given, log, metrics, health, shutdown } = context;
  const worker = processes > 1 ? new Worker({ processes, metrics, health, shutdown }) : undefined;
  for (const name of ['tls-cert-file', 'tls-private-key-file', 'client-ca-file'] as const)
    if (values[name] === '') throw new UsageError(`flag --${name} is needed`);
  checkRange(values['service-cluster-ip-range']);
  checkEndpoints(values['etcd-servers']);
  const nodePorts = parsePortRange(values['service-node-port-range']);
  const ownAddress = advertiseAddress(
    values['advertise-address'],
    values['bind-address'],
    networkInterfaces(),
  );
  const masters = parseMasters(values.masters, ownAddress);
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
      requestHeader: await requestHeader(values),
    },
    kubeletTls: {
      ca: await readOptional('kubelet-certificate-authority', values['kubelet-certificate-authority']),
      cert: await readOptional('kubelet-client-certificate', values['kubelet-client-certificate']),
      key: await readOptional('kubelet-client-key', values['kubelet-client-key']),
    },
    office,
    tokenSigner: await tokenSigner(values),
    authentication: await authenticationOptions(values, given, values['service-account-issuer']),
    authorization: await authorizationOptions(values, given),
    allocation: {
      serviceRange: values['service-cluster-ip-range'],
      nodePorts,
    },
    admissionPlugins: await admissionPluginsOf(values),
    masters,
    advertiseAddress: ownAddress,
    bindAddress: values['bind-address'],
    securePort: values['secure-port'],
    internalPort: internalPort === 0 ? undefined : internalPort,
    privateSocket: values['private-socket'],
    compactionIntervalMs: values['etcd-compaction-interval'],
    failpoints: new Failpoints(process.env),
    limits: requestLimits(values),
    audit: await auditOptions(values),
    encryption: await encryptionFile(values['encryption-provider-config']),
    debug: {
      configuration: values,
      logFolder: values['enable-logs-handler'] ? '/var/log' : undefined,
      profiling: values.profiling,
    },
    log,
    metrics,
    health,
    shared: worker?.shared,
  });
  shutdown.add('api server', () => server.stop());
  const port = await server.start();
  if (worker === undefined) log.info({ port }, 'serving');
  else worker.started(server);
}

/** Throws a `UsageError` for names that cannot be switched, and names the file of a configuration that is no good. */
async function admissionPluginsOf(values: FlagValues<typeof flags>): Promise<readonly AdmissionPlugin[]> {
  const configured = await readAdmissionConfiguration(values['admission-control-config-file']);
  const enable = values['enable-admission-plugins'];
  if (enable.includes('EventRateLimit') && configured.eventLimits === undefined)
    throw new UsageError('EventRateLimit needs its limits, from --admission-control-config-file');
  if (enable.includes('ImagePolicyWebhook') && configured.imagePolicy === undefined)
    throw new UsageError(
      'ImagePolicyWebhook needs to be told whom to ask, by --admission-control-config-file',
    );
  const settings = {
    ...usualSettings,
    ...configured,
    tolerationSeconds: {
      notReady: values['default-not-ready-toleration-seconds'],
      unreachable: values['default-unreachable-toleration-seconds'],
    },
  };
  return selectPlugins(pluginsFor(settings), { enable, disable: values['disable-admission-plugins'] });
}

async function requestHeader(
  values: FlagValues<typeof flags>,
): Promise<AuthenticationConfig['requestHeader']> {
  const flag = 'requestheader-client-ca-file';
  if (values[flag] === '') return undefined;
  return { ...requestHeaderNames(values), ca: (await readPem(flag, values[flag])).toString() };
}

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
  const log = auditFile(values);
  const webhook = auditWebhook(values);
  if (log === undefined && webhook === undefined) return undefined;
  const file = values['audit-policy-file'];
  const text = (await readNamed('audit-policy-file', file)).toString();
  let policy: AuditPolicy;
  try {
    policy = parseAuditPolicy(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--audit-policy-file: ${file}: ${reason}`, { cause: error });
  }
  return { policy, file: log, webhook };
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
  ownAddress: string,
): readonly { name: string; address: string }[] {
  if (list.length === 0) return [{ name: 'master', address: ownAddress }];
  return list.map((item) => {
    const [name = '', address = '', ...rest] = item.split('=');
    if (name === '' || address === '' || rest.length > 0)
      throw new UsageError(`--masters: "${item}" is not of the form NAME=ADDRESS`);
    return { name, address };
  });
}
