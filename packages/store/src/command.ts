/**
 * `timonier store`: one member of the etcd v3 store, with etcd's flags and environment.
 */
import { readFileSync } from 'node:fs';
import {
  type ComponentContext,
  countBuffersWithHeap,
  defineComponent,
  UsageError,
} from '@timonier/component';
import { parseAuthToken, type Tokens } from './auth/tokens.ts';
import { parseInitialCluster, parseUrl } from './cluster.ts';
import { readConfigFile } from './flags/config-file.ts';
import { opensslNames } from './flags/cipher-suites.ts';
import { etcdFlags } from './flags/etcd-flags.ts';
import { fixedFlags, checkFixed } from './flags/fixed-flags.ts';
import { ownFlags } from './flags/own-flags.ts';
import type { Platform } from './platform.ts';
import { startStore } from './server.ts';
import { takeShortTurns } from './short-turns.ts';

const flags = { ...etcdFlags, ...fixedFlags(), ...ownFlags };

function pem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--${flag}: cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function keyPair(
  values: ComponentContext<typeof flags>['flags'],
  prefix: '' | 'peer-',
): { cert: Buffer; key: Buffer; ca: Buffer | undefined } | undefined {
  const cert = values[`${prefix}cert-file`];
  const key = values[`${prefix}key-file`];
  const ca = values[`${prefix}trusted-ca-file`];
  if (cert === '' && key === '') return undefined;
  if (cert === '' || key === '')
    throw new UsageError(`--${prefix}cert-file and --${prefix}key-file go together`);
  return {
    cert: pem(`${prefix}cert-file`, cert),
    key: pem(`${prefix}key-file`, key),
    ca: ca === '' ? undefined : pem(`${prefix}trusted-ca-file`, ca),
  };
}

/** etcd's way to allow everyone: nothing, or a star among the names. */
function everyone(names: readonly string[]): readonly string[] {
  return names.includes('*') ? [] : names;
}

/** A witness keeps what a dead voter still needs in memory, too: its bound is lower. */
function quotaOf(bytes: number, witness: boolean): number {
  if (bytes < 0) return Infinity;
  return bytes === 0 ? (witness ? 256 * 1024 ** 2 : 2 * 1024 ** 3) : bytes;
}

function tokensOf(text: string, ttlSeconds: number): Tokens {
  try {
    return parseAuthToken(text, ttlSeconds * 1000);
  } catch (error) {
    throw new UsageError(`--auth-token: ${(error as Error).message}`, { cause: error });
  }
}

async function run(context: ComponentContext<typeof flags>, platform?: Platform): Promise<void> {
  const { flags: f, positional } = context;
  if (positional.length > 0) throw new UsageError(`"${positional.join(' ')}" is not a flag`);
  checkFixed(f);
  const heartbeatMs = f['heartbeat-interval'];
  const electionMs = f['election-timeout'];
  if (heartbeatMs < 10) throw new UsageError('--heartbeat-interval must be at least 10');
  if (electionMs < 3 * heartbeatMs)
    throw new UsageError(
      `--election-timeout (${electionMs}) must be at least three times --heartbeat-interval (${heartbeatMs})`,
    );
  if (!['new', 'existing'].includes(f['initial-cluster-state']))
    throw new UsageError(
      `--initial-cluster-state: "${f['initial-cluster-state']}" is neither new nor existing`,
    );
  if (f.witness && f['initial-cluster-state'] !== 'existing')
    throw new UsageError(
      '--witness: a witness joins a cluster that is there: add it with timonier member add --witness, and start it with --initial-cluster-state existing',
    );
  const tls = keyPair(f, '');
  const peerTls = keyPair(f, 'peer-');
  const advertisedPeers =
    f['initial-advertise-peer-urls'].length > 0 ? f['initial-advertise-peer-urls'] : f['listen-peer-urls'];
  const initial = f['initial-cluster'] || advertisedPeers.map((url) => `${f.name}=${url}`).join(',');
  const listenClients = f['listen-client-urls'].map((url) => parseUrl('--listen-client-urls', url));
  const listenPeers = f['listen-peer-urls'].map((url) => parseUrl('--listen-peer-urls', url));
  if (tls === undefined && listenClients.some((endpoint) => endpoint.tls))
    throw new UsageError('--listen-client-urls: https needs --cert-file and --key-file');
  if (peerTls === undefined && listenPeers.some((endpoint) => endpoint.tls))
    throw new UsageError('--listen-peer-urls: https needs --peer-cert-file and --peer-key-file');
  if (!['TLS1.2', 'TLS1.3'].includes(f['tls-min-version']))
    throw new UsageError(`--tls-min-version: "${f['tls-min-version']}" is neither TLS1.2 nor TLS1.3`);
  if (!['basic', 'extensive'].includes(f.metrics))
    throw new UsageError(`--metrics: "${f.metrics}" is neither basic nor extensive`);
  if (f['client-cert-auth'] && tls?.ca === undefined)
    throw new UsageError('--client-cert-auth needs --trusted-ca-file');
  if (f['experimental-enable-lease-checkpoint-persist'] && !f['experimental-enable-lease-checkpoint'])
    throw new UsageError(
      '--experimental-enable-lease-checkpoint-persist needs --experimental-enable-lease-checkpoint',
    );
  countBuffersWithHeap();
  takeShortTurns();
  await startStore(context, {
    cluster: parseInitialCluster(initial, f.name, f['initial-cluster-token']),
    joins: f['initial-cluster-state'] === 'existing',
    witness: f.witness,
    forceNewCluster: f['force-new-cluster'],
    strictReconfig: f['strict-reconfig-check'],
    maxLearners: f['experimental-max-learners'],
    dataDir: f['data-dir'] || `${f.name}.etcd`,
    listenClients,
    listenPeers,
    listenMetrics: f['listen-metrics-urls'].map((url) => parseUrl('--listen-metrics-urls', url)),
    clientUrls: f['advertise-client-urls'].length > 0 ? f['advertise-client-urls'] : f['listen-client-urls'],
    tls,
    tlsLimits: {
      crl: f['client-crl-file'] === '' ? undefined : pem('client-crl-file', f['client-crl-file']),
      ciphers: opensslNames(f['cipher-suites']),
      minVersion: f['tls-min-version'] === 'TLS1.3' ? 'TLSv1.3' : 'TLSv1.2',
    },
    clientCertAuth: f['client-cert-auth'],
    peerTls,
    heartbeatMs,
    electionMs,
    maxElectionMs: f['max-election-timeout'],
    trailingEntries: f['snapshot-count'],
    quotaBytes: quotaOf(f['quota-backend-bytes'], f.witness),
    autoDisarm: f['auto-disarm'],
    tokens: tokensOf(f['auth-token'], f['auth-token-ttl']),
    passwordCost: f['bcrypt-cost'],
    initialCorruptCheck: f['experimental-initial-corrupt-check'],
    corruptCheckMs: f['experimental-corrupt-check-time'],
    leaseCheckpoints: f['experimental-enable-lease-checkpoint'],
    maxRequestBytes: f['max-request-bytes'],
    maxConcurrentStreams: f['max-concurrent-streams'],
    keepaliveMs: f['grpc-keepalive-interval'] || Infinity,
    keepaliveTimeoutMs: f['grpc-keepalive-timeout'] || Infinity,
    extensiveMetrics: f.metrics === 'extensive',
    maxTxnOps: f['max-txn-ops'],
    compactionMode: f['auto-compaction-mode'],
    compactionRetention: f['auto-compaction-retention'],
    progressInterval: f['experimental-watch-progress-notify-interval'],
    privateSocket: f['private-socket'],
    cors: everyone(f.cors),
    hostWhitelist: everyone(f['host-whitelist']),
    ...(platform === undefined ? {} : { platform }),
  });
}

/** The command on another platform than the machine as it is, for tests. */
export const commandOn = (platform?: Platform) =>
  defineComponent({
    name: 'store',
    summary: 'a member of the built-in etcd v3 store',
    examples: [
      'timonier store --data-dir /var/lib/timonier/store',
      'timonier store --name a --initial-cluster a=http://10.0.0.1:2380,b=http://10.0.0.2:2380 --listen-peer-urls http://10.0.0.1:2380',
    ],
    flags,
    opsAddress: '127.0.0.1:2381',
    arrange: (argv, variables) => readConfigFile(argv, variables, flags, ownFlags),
    run: (context) => run(context, platform),
  });

export const command = commandOn();
