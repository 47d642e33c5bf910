/**
 * `timonier store`: one member of the etcd v3 store, with etcd's flags and environment.
 */
import { readFileSync } from 'node:fs';
import {
  booleanFlag,
  type ComponentContext,
  defineComponent,
  type Flag,
  listFlag,
  numberFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { parseAuthToken, type Tokens } from './auth/tokens.ts';
import { parseInitialCluster, parseUrl } from './cluster.ts';
import { startStore } from './server.ts';

/** etcd's rule: ETCD_ and the flag's name in capitals, dashes as underscores. */
function env(name: string): string {
  return `ETCD_${name.toUpperCase().replaceAll('-', '_')}`;
}

function text(name: string, value: string, help: string): Flag<string> {
  return stringFlag(value, help, { env: env(name) });
}

function urls(name: string, value: readonly string[], help: string): Flag<readonly string[]> {
  return listFlag(value, help, { env: env(name) });
}

function count(name: string, value: number, help: string, min = 1): Flag<number> {
  return numberFlag(value, help, { env: env(name), min });
}

function choice(name: string, help: string): Flag<boolean> {
  return booleanFlag(false, help, { env: env(name) });
}

const flags = {
  name: text('name', 'default', 'name of this member'),
  'data-dir': text('data-dir', '', 'where this member keeps its data (default NAME.etcd)'),
  'listen-client-urls': urls('listen-client-urls', ['http://localhost:2379'], 'where clients are served'),
  'advertise-client-urls': urls('advertise-client-urls', [], 'where clients reach this member'),
  'listen-peer-urls': urls('listen-peer-urls', ['http://localhost:2380'], 'where other members connect'),
  'initial-advertise-peer-urls': urls(
    'initial-advertise-peer-urls',
    [],
    'where other members reach this one',
  ),
  'initial-cluster': text('initial-cluster', '', 'all members as NAME=URL,NAME=URL'),
  'initial-cluster-state': text('initial-cluster-state', 'new', 'new or existing'),
  'strict-reconfig-check': booleanFlag(true, 'refuse changes of members that endanger the quorum', {
    env: env('strict-reconfig-check'),
  }),
  witness: booleanFlag(false, 'vote and keep the log, without a state and without clients'),
  'experimental-max-learners': count('experimental-max-learners', 1, 'learners that may be there at a time'),
  'force-new-cluster': choice(
    'force-new-cluster',
    'make a new cluster of one member out of what is in --data-dir: only when a majority is lost for good',
  ),
  'initial-cluster-token': text(
    'initial-cluster-token',
    'etcd-cluster',
    'sets clusters with equal URLs apart',
  ),
  'cert-file': text('cert-file', '', 'PEM certificate for clients'),
  'key-file': text('key-file', '', 'PEM key of it'),
  'trusted-ca-file': text('trusted-ca-file', '', 'PEM of the authorities that sign client certificates'),
  'client-cert-auth': choice('client-cert-auth', 'refuse clients without a certificate'),
  'peer-cert-file': text('peer-cert-file', '', 'PEM certificate for other members'),
  'peer-key-file': text('peer-key-file', '', 'PEM key of it'),
  'peer-trusted-ca-file': text('peer-trusted-ca-file', '', 'PEM of the authorities that sign members'),
  'peer-client-cert-auth': choice('peer-client-cert-auth', 'refuse members without a certificate'),
  'heartbeat-interval': count('heartbeat-interval', 100, 'milliseconds between heartbeats'),
  'election-timeout': count('election-timeout', 1000, 'milliseconds of silence before an election'),
  'max-election-timeout': numberFlag(1500, 'to how many milliseconds measured delays may stretch it', {
    min: 1,
  }),
  'snapshot-count': count('snapshot-count', 10_000, 'log entries kept for members that lag'),
  'quota-backend-bytes': numberFlag(
    0,
    'bytes on disk at which puts are refused; 0 is 2 GiB, -1 is no bound',
    {
      env: env('quota-backend-bytes'),
      min: -1,
    },
  ),
  'auto-disarm': booleanFlag(false, 'take puts again without `alarm disarm` once there is room'),
  'max-request-bytes': count('max-request-bytes', 1_572_864, 'largest request of a client'),
  'max-txn-ops': count('max-txn-ops', 128, 'most operations of a transaction'),
  'auth-token': text(
    'auth-token',
    'simple',
    'simple, or jwt,sign-method=METHOD,pub-key=FILE,priv-key=FILE,ttl=DURATION',
  ),
  'auth-token-ttl': count('auth-token-ttl', 300, 'seconds that an unused simple token lives'),
  'bcrypt-cost': count('bcrypt-cost', 10, "work of a password's hash, on bcrypt's scale from 4 to 31"),
  'auto-compaction-mode': text('auto-compaction-mode', 'periodic', 'periodic or revision'),
  'auto-compaction-retention': text(
    'auto-compaction-retention',
    '0',
    'hours, a duration, or revisions; 0 is never',
  ),
  'listen-metrics-urls': urls('listen-metrics-urls', [], 'more addresses for /metrics, /health and /version'),
  'experimental-watch-progress-notify-interval': text(
    'experimental-watch-progress-notify-interval',
    '10m',
    'how often watches that asked for it are told the revision',
  ),
  cors: urls('cors', ['*'], 'origins that browsers may call the JSON gateway from; * for every one'),
  'host-whitelist': urls(
    'host-whitelist',
    ['*'],
    'names that HTTP requests without TLS may use for this host; * for every one',
  ),
  'private-socket': stringFlag('', 'unix socket without TLS for processes of this host, root only'),
};

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

async function run(context: ComponentContext<typeof flags>): Promise<void> {
  const { flags: f, positional } = context;
  if (positional.length > 0) throw new UsageError(`"${positional.join(' ')}" is not a flag`);
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
  if (f['client-cert-auth'] && tls?.ca === undefined)
    throw new UsageError('--client-cert-auth needs --trusted-ca-file');
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
    maxRequestBytes: f['max-request-bytes'],
    maxTxnOps: f['max-txn-ops'],
    compactionMode: f['auto-compaction-mode'],
    compactionRetention: f['auto-compaction-retention'],
    progressInterval: f['experimental-watch-progress-notify-interval'],
    privateSocket: f['private-socket'],
    cors: everyone(f.cors),
    hostWhitelist: everyone(f['host-whitelist']),
  });
}

export const command = defineComponent({
  name: 'store',
  summary: 'a member of the built-in etcd v3 store',
  examples: [
    'timonier store --data-dir /var/lib/timonier/store',
    'timonier store --name a --initial-cluster a=http://10.0.0.1:2380,b=http://10.0.0.2:2380 --listen-peer-urls http://10.0.0.1:2380',
  ],
  flags,
  opsAddress: '127.0.0.1:2381',
  run,
});
