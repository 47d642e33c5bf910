/**
 * Flags of etcd 3.4 and 3.5 about which this store can do one thing only: the values that mean that thing are
 * accepted, and every other is refused with the reason, so that nobody believes in a setting that has no effect.
 */
import { booleanFlag, type Flag, stringFlag, UsageError } from '@timonier/component';
import { env } from './etcd-flags.ts';

export interface FixedFlag {
  readonly accepts: readonly string[];
  readonly why: string;
}

const off = ['false'];
const none = [''];
const only = (why: string, ...accepts: string[]): FixedFlag => ({ accepts, why });
const never = (why: string): FixedFlag => ({ accepts: none, why });
const noDiscovery = never('there is no discovery service; name the members with --initial-cluster');
const noProxy = (...accepts: string[]): FixedFlag => only('there is no v2 proxy', ...accepts);
const noTracing = (...accepts: string[]): FixedFlag => only('there is no tracing', ...accepts);
const noRotation = 'logs go to standard error; let systemd or logrotate keep them';
const noBolt = 'the state is not kept in bbolt';

export const fixed: Readonly<Record<string, FixedFlag>> = {
  'wal-dir': never('the log lies in --data-dir; put that on the disk that the log shall be on'),
  'initial-election-tick-advance': only(
    'a member that starts waits no longer than it must, whatever the timeouts',
    'true',
  ),
  'backend-batch-interval': only(
    'the state is written every few seconds; the log is synced at once',
    '',
    '0s',
    '0',
  ),
  'backend-batch-limit': only('the state is written every few seconds; the log is synced at once', '0'),
  'backend-bbolt-freelist-type': only(noBolt, 'map', 'array'),
  'experimental-backend-bbolt-freelist-type': only(noBolt, 'map', 'array'),
  'grpc-keepalive-min-time': only('how often clients may ask for signs of life is bounded otherwise', '5s'),
  discovery: noDiscovery,
  'discovery-fallback': only('there is no discovery service', 'proxy', 'exit'),
  'discovery-proxy': noDiscovery,
  'discovery-srv': noDiscovery,
  'discovery-srv-name': noDiscovery,
  'pre-vote': only('elections always begin with a pre-vote', 'true'),
  'enable-v2': only('there is no v2 API', ...off),
  'v2-deprecation': only('there is no v2 API', 'not-yet', 'write-only', 'write-only-drop-data', 'gone'),
  'experimental-enable-v2v3': never('there is no v2 API'),
  'listen-client-http-urls': never('HTTP/1 and gRPC share --listen-client-urls'),
  'enable-grpc-gateway': only('the JSON gateway is always there', 'true'),
  'auto-tls': only('certificates are not made here: give --cert-file and --key-file', ...off),
  'peer-auto-tls': only('certificates are not made here: give --peer-cert-file and --peer-key-file', ...off),
  'self-signed-cert-validity': only('certificates are not made here', '1'),
  'client-cert-allowed-hostname': never('every certificate that --trusted-ca-file signed is accepted'),
  'client-cert-file': never('--cert-file is shown to clients and servers alike'),
  'client-key-file': never('--key-file belongs to --cert-file'),
  'peer-client-cert-file': never('--peer-cert-file is shown to whoever connects and is connected to'),
  'peer-client-key-file': never('--peer-key-file belongs to --peer-cert-file'),
  'peer-crl-file': never('revoked certificates of members are not looked up; remove the member'),
  'peer-cert-allowed-cn': never('every certificate that --peer-trusted-ca-file signed is accepted'),
  'peer-cert-allowed-hostname': never('every certificate that --peer-trusted-ca-file signed is accepted'),
  'experimental-peer-skip-client-san-verification': only(
    'the names of those who connect are not looked at',
    'true',
    'false',
  ),
  'tls-max-version': only('TLS 1.3 is always offered', '', 'TLS1.3'),
  'enable-pprof': only('there is no Go profile; use node --cpu-prof', ...off),
  logger: only('logs are lines of JSON, as of zap', 'zap'),
  'log-outputs': only(noRotation, 'default', 'stderr'),
  'log-package-levels': never('there is one --log-level for all'),
  debug: only('use --log-level=debug', ...off),
  'enable-log-rotation': only(noRotation, ...off),
  'log-rotation-config-json': never(noRotation),
  proxy: noProxy('off'),
  'proxy-failure-wait': noProxy('5000'),
  'proxy-refresh-interval': noProxy('30000'),
  'proxy-dial-timeout': noProxy('1000'),
  'proxy-write-timeout': noProxy('5000'),
  'proxy-read-timeout': noProxy('0'),
  'experimental-compact-hash-check-enabled': only(
    'members compare their whole data, by --experimental-corrupt-check-time',
    ...off,
  ),
  'experimental-compact-hash-check-time': only(
    'members compare their whole data, by --experimental-corrupt-check-time',
    '1m',
    '1m0s',
  ),
  'experimental-compaction-batch-limit': only('compaction goes in slices that pace themselves', '1000'),
  'experimental-compaction-sleep-interval': only('compaction goes in slices that pace themselves', '10ms'),
  'experimental-downgrade-check-time': only('there are no downgrades', '5s'),
  'experimental-warning-apply-duration': only(
    'slow requests are seen in the metrics, not in the log',
    '100ms',
  ),
  'experimental-warning-unary-request-duration': only(
    'slow requests are seen in the metrics, not in the log',
    '300ms',
  ),
  'experimental-memory-mlock': only('memory is not locked', ...off),
  'experimental-txn-mode-write-with-shared-buffer': only(
    'transactions read what they wrote, without a copy',
    'true',
  ),
  'experimental-bootstrap-defrag-threshold-megabytes': only('there is nothing to defragment', '0'),
  'experimental-stop-grpc-service-on-defrag': only(
    'there is nothing to defragment, and nobody stops',
    ...off,
  ),
  'experimental-wait-cluster-ready-timeout': only(
    'clients are served once their requests can be answered',
    '5s',
  ),
  'experimental-snapshot-catchup-entries': only('--snapshot-count says how many entries are kept', '5000'),
  'experimental-enable-distributed-tracing': noTracing(...off),
  'experimental-distributed-tracing-address': noTracing('', 'localhost:4317'),
  'experimental-distributed-tracing-service-name': noTracing('', 'etcd'),
  'experimental-distributed-tracing-instance-id': noTracing(''),
  'experimental-distributed-tracing-sampling-rate': noTracing('0'),
  'raft-read-timeout': only('a silent member is found by its heartbeats', '5s'),
  'raft-write-timeout': only('a silent member is found by its heartbeats', '5s'),
  'socket-reuse-address': only('a second process on a port is an error', ...off),
  'socket-reuse-port': only('a second process on a port is an error', ...off),
  'unsafe-no-fsync': only('what is acknowledged is on disk, always', ...off),
};

/** A flag whose values are all `true` or `false` may be given bare. */
function isBoolean({ accepts }: FixedFlag): boolean {
  return accepts.every((value) => value === 'true' || value === 'false');
}

/** The flags as the parser takes them: text or choices, by default at a value that is accepted. */
export function fixedFlags(): Readonly<Record<string, Flag<string> | Flag<boolean>>> {
  return Object.fromEntries(
    Object.entries(fixed).map(([name, flag]) => {
      const options = { env: env(name) };
      const [first = ''] = flag.accepts;
      const help = `cannot be changed: ${flag.why}`;
      return [
        name,
        isBoolean(flag) ? booleanFlag(first === 'true', help, options) : stringFlag(first, help, options),
      ];
    }),
  );
}

/** Throws a `UsageError` that says why for the first flag at a value that cannot be honoured. */
export function checkFixed(values: Readonly<Record<string, unknown>>): void {
  for (const [name, { accepts, why }] of Object.entries(fixed)) {
    const value = String(values[name]);
    if (!accepts.includes(value)) throw new UsageError(`--${name}=${value} cannot be honoured: ${why}`);
  }
}
