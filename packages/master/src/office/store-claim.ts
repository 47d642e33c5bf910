/**
 * Whose a foreign etcd is. Members of one cluster find each other, and its objects, under fixed keys; a second cluster
 * on the same etcd would mix its own with them. The first that comes writes down who it is, and others are refused.
 */
import { createHash } from 'node:crypto';
import { createClient, type GrpcClient, loadService } from '@timonier/grpc';
import { pause } from '@timonier/client';
import type { StoreTarget } from './store-office.ts';

const claimKey = Buffer.from('/timonier/cluster');
const callTimeoutMs = 2_000;
const retryMs = 1_000;

type KvShape = {
  txn: {
    request: { compare: readonly object[]; success: readonly object[]; failure: readonly object[] };
    response: {
      succeeded: boolean;
      responses: readonly {
        readonly responseRange?: { readonly kvs: readonly { readonly value: Buffer }[] };
      }[];
    };
  };
};

/** Names a cluster for good: `NAME@` and the first 16 hexadecimal digits of its authority's SHA-256. */
export function clusterIdentity(name: string, authority: Buffer): string {
  return `${name}@${createHash('sha256').update(authority).digest('hex').slice(0, 16)}`;
}

/**
 * Resolves when the store is this cluster's, now or since long. Rejects when it is another's, with what to do about
 * it, and when `signal` aborts. A store that does not answer is asked again, and `onError` told.
 */
export async function claimStore(
  targets: readonly StoreTarget[],
  identity: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  const service = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');
  const clients = targets.map(({ target, tls }) =>
    createClient(service, target, tls === undefined ? {} : { tls }),
  );
  try {
    const owner = await ask(clients, identity, signal, onError);
    if (owner === identity) return;
    throw new Error(
      `the etcd of --store-endpoints holds the data of cluster "${owner}", and this is "${identity}": ` +
        `give each cluster an etcd of its own, or delete the prefixes /registry/ and /timonier/ there if that cluster is gone`,
    );
  } finally {
    for (const client of clients) client.close();
  }
}

/** Writes the identity where there is none, and returns the one that is there. */
async function ask(
  clients: readonly GrpcClient<KvShape>[],
  identity: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<string> {
  for (let i = 0; ; i++) {
    const client = clients[i % clients.length];
    if (client === undefined) throw new Error('the store has no address');
    try {
      const { succeeded, responses } = await client.unary(
        'txn',
        {
          compare: [{ target: 1, result: 0, key: claimKey, createRevision: 0 }],
          success: [{ requestPut: { key: claimKey, value: Buffer.from(identity) } }],
          failure: [{ requestRange: { key: claimKey } }],
        },
        { timeoutMs: callTimeoutMs, signal },
      );
      return succeeded ? identity : String(responses[0]?.responseRange?.kvs[0]?.value ?? '');
    } catch (error) {
      signal.throwIfAborted();
      onError(error);
      await pause(retryMs, signal);
    }
  }
}
