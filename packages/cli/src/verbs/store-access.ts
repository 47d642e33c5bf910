/** How verbs on a store reach it: etcdctl's flags and environment. */
import { readFileSync } from 'node:fs';
import { type FlagValues, stringFlag, UsageError } from '@timonier/component';
import type { StoreAccess } from '@timonier/store/snapshot';

export const accessFlags = {
  endpoint: stringFlag('127.0.0.1:2379', 'member to ask, host:port or unix:/path', {
    env: 'TIMONIER_STORE',
  }),
  cacert: stringFlag('', 'PEM of the authorities that sign the store’s certificates', {
    env: 'ETCDCTL_CACERT',
  }),
  cert: stringFlag('', 'PEM certificate to show to the store', { env: 'ETCDCTL_CERT' }),
  key: stringFlag('', 'PEM key of it', { env: 'ETCDCTL_KEY' }),
  user: stringFlag('', 'name:password, where the store has users', { env: 'ETCDCTL_USER' }),
};

function pem(flag: string, path: string): Buffer | undefined {
  if (path === '') return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--${flag}: ${(error as Error).message}`, { cause: error });
  }
}

/** A scheme of `https://`, or any certificate, means TLS. */
export function accessOf(flags: FlagValues<typeof accessFlags>): StoreAccess {
  const { endpoint, cacert, cert, key, user } = flags;
  const tls = endpoint.startsWith('https://') || [cacert, cert, key].some((path) => path !== '');
  if ((cert === '') !== (key === '')) throw new UsageError('--cert and --key go together');
  return {
    target: endpoint.replace(/^https?:\/\//, '').replace(/\/$/, ''),
    tls: tls ? { ca: pem('cacert', cacert), cert: pem('cert', cert), key: pem('key', key) } : undefined,
    user,
  };
}
