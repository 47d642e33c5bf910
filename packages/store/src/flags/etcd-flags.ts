/**
 * The flags of etcd that this store honours, each with etcd's environment variable. Flags of etcd that it knows but
 * can only do one thing about are in fixed-flags.ts.
 */
import { booleanFlag, durationFlag, type Flag, listFlag, numberFlag, stringFlag } from '@timonier/component';

/** etcd's rule: ETCD_ and the flag's name in capitals, dashes as underscores. */
export function env(name: string): string {
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

export const etcdFlags = {
  'config-file': text(
    'config-file',
    '',
    "YAML with the names of flags as keys; with it, etcd's other flags and variables do not count",
  ),
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
  'initial-cluster': text(
    'initial-cluster',
    '',
    'all members as NAME=URL,NAME=URL; a hint after the first start',
  ),
  'initial-cluster-state': text('initial-cluster-state', 'new', 'new or existing'),
  'strict-reconfig-check': booleanFlag(true, 'refuse changes of members that endanger the quorum', {
    env: env('strict-reconfig-check'),
  }),
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
  'client-crl-file': text('client-crl-file', '', 'PEM of client certificates that were revoked'),
  'cipher-suites': urls(
    'cipher-suites',
    [],
    'TLS 1.2 suites for clients, by their IANA names; empty for the usual ones',
  ),
  'tls-min-version': text('tls-min-version', 'TLS1.2', 'TLS1.2 or TLS1.3'),
  'peer-cert-file': text('peer-cert-file', '', 'PEM certificate for other members'),
  'peer-key-file': text('peer-key-file', '', 'PEM key of it'),
  'peer-trusted-ca-file': text('peer-trusted-ca-file', '', 'PEM of the authorities that sign members'),
  'peer-client-cert-auth': choice('peer-client-cert-auth', 'refuse members without a certificate'),
  'heartbeat-interval': count('heartbeat-interval', 100, 'milliseconds between heartbeats'),
  'election-timeout': count('election-timeout', 1000, 'milliseconds of silence before an election'),
  'snapshot-count': count('snapshot-count', 10_000, 'log entries kept for members that lag'),
  'max-snapshots': count('max-snapshots', 5, 'most snapshot files kept; none is ever kept', 0),
  'max-wals': count('max-wals', 5, 'most log files kept that are not needed; none is ever kept', 0),
  'quota-backend-bytes': numberFlag(
    0,
    'bytes in use at which puts are refused; no defrag is needed; 0 is 2 GiB, -1 no bound',
    {
      env: env('quota-backend-bytes'),
      min: -1,
    },
  ),
  'max-request-bytes': count('max-request-bytes', 1_572_864, 'largest request of a client'),
  'max-concurrent-streams': numberFlag(1_000, 'most calls of one connection at a time', {
    env: env('max-concurrent-streams'),
    min: 1,
    max: 4_294_967_295,
  }),
  'grpc-keepalive-interval': durationFlag(
    60_000,
    'silence after which a client is asked for a sign of life',
    {
      env: env('grpc-keepalive-interval'),
      placeholder: '1m',
    },
  ),
  'grpc-keepalive-timeout': durationFlag(20_000, 'how long it may take to give one', {
    env: env('grpc-keepalive-timeout'),
    placeholder: '20s',
  }),
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
  metrics: text('metrics', 'basic', 'basic, or extensive: with histograms of the time of calls'),
  'experimental-initial-corrupt-check': booleanFlag(
    false,
    'compare the data with that of the other members before serving; its own checksums are always checked',
    { env: env('experimental-initial-corrupt-check') },
  ),
  'experimental-corrupt-check-time': durationFlag(
    0,
    'how often the leader compares the data of all members; 0s is never',
    { env: env('experimental-corrupt-check-time'), placeholder: '0s' },
  ),
  'experimental-enable-lease-checkpoint': booleanFlag(
    false,
    'write down what is left of long leases, so that a new leader goes on from there',
    { env: env('experimental-enable-lease-checkpoint') },
  ),
  'experimental-enable-lease-checkpoint-persist': booleanFlag(
    false,
    'keep that on disk, too; it always is, with --experimental-enable-lease-checkpoint',
    { env: env('experimental-enable-lease-checkpoint-persist') },
  ),
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
  // The other name of ours comes from the supervisor, who says it to every process of a host.
  'log-level': {
    ...stringFlag(
      process.env['TIMONIER_LOG_LEVEL'] ?? 'info',
      'debug, info, warn, error, panic or fatal; trace too',
      { env: env('log-level'), placeholder: 'info' },
    ),
    parse: (level: string): string => (level === 'panic' ? 'fatal' : level),
  },
};
