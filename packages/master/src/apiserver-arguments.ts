/**
 * Flags of the API server that people give to a master, as `NAME=VALUE`: which of them may be given, and how they are
 * passed on. Pure.
 */
import { flags } from '@timonier/apiserver/command';
import { commonFlags, parseArguments, UsageError } from '@timonier/component';

/** What the master says itself, because other parts of the host or the cluster count on it. */
const ownFlags: ReadonlySet<string> = new Set([
  'advertise-address',
  'bind-address',
  'client-ca-file',
  'etcd-cafile',
  'etcd-certfile',
  'etcd-keyfile',
  'etcd-prefix',
  'etcd-servers',
  'internal-port',
  'kubelet-certificate-authority',
  'kubelet-client-certificate',
  'kubelet-client-key',
  'masters',
  'office-socket',
  'ops-address',
  'private-socket',
  'proxy-client-cert-file',
  'proxy-client-key-file',
  'requestheader-client-ca-file',
  'secure-port',
  'service-account-signing-key-file',
  'service-cluster-ip-range',
  'tls-cert-file',
  'tls-private-key-file',
]);

/** The arguments to pass on, after the master's own. Throws a `UsageError` that says what is wrong with which. */
export function apiserverArguments(given: readonly string[]): readonly string[] {
  return given.map((text) => {
    const argument = `--${text.replace(/^--?/, '')}`;
    const name = argument.slice(2).split('=')[0] ?? '';
    const fail = (why: string): never => {
      throw new UsageError(`--apiserver-arg ${text}: ${why}`);
    };
    if (!argument.includes('=')) fail('it must be NAME=VALUE');
    if (ownFlags.has(name)) fail('the master says this itself');
    try {
      parseArguments({ ...commonFlags, ...flags }, [argument]);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
    return argument;
  });
}
