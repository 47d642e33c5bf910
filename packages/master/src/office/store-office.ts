/**
 * Leadership and office in a store that speaks etcd's API: our own over its private socket, or a foreign etcd.
 */
import { createClient, type ClientTls, type GrpcClient, loadService } from '@timonier/grpc';
import { pause } from '@timonier/client';
import type { LeadershipSource, OfficeRecord } from './keeper.ts';
import { type Leadership, noLeadership } from './machine.ts';

export const officeKey = Buffer.from('/timonier/office');

export interface StoreTarget {
  /** `unix:/path` or `host:port`. */
  readonly target: string;
  readonly tls?: ClientTls;
}

interface KeyValue {
  readonly value: Buffer;
}

type KvShape = {
  range: { request: { key: Buffer; serializable: boolean }; response: { kvs: readonly KeyValue[] } };
  txn: {
    request: { compare: readonly object[]; success: readonly object[] };
    response: { succeeded: boolean; header?: { revision: number } };
  };
};

// Enum numbers of etcd's Compare.
const equal = 0;
const compareCreate = 1;
const compareValue = 3;

const readTimeoutMs = 1_000;
const takeTimeoutMs = 1_000;

/** The office key, through the first target that answers. */
export function storeOfficeRecord(targets: readonly StoreTarget[]): OfficeRecord & { close(): void } {
  const service = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');
  const clients = targets.map(({ target, tls }) =>
    createClient(service, target, tls === undefined ? {} : { tls }),
  );
  let current = 0;
  // What the store on this host has applied is nearly always the newest, and saves a round of the group while nobody can
  // write. A newer one makes the transaction fail; then it is asked for.
  let doubtful = false;
  const call = async <T>(use: (client: GrpcClient<KvShape>) => Promise<T>): Promise<T> => {
    const client = clients[current % clients.length];
    if (client === undefined) throw new Error('the store has no address');
    try {
      return await use(client);
    } catch (error) {
      // The machine in front of us retries; it then asks the next member.
      current++;
      throw error;
    }
  };
  return {
    read: () =>
      call(async (client) => {
        const { kvs } = await client.unary(
          'range',
          { key: officeKey, serializable: !doubtful },
          { timeoutMs: readTimeoutMs },
        );
        return kvs[0]?.value.toString('utf8') ?? null;
      }),
    take: (expected, token) =>
      call(async (client) => {
        const unchanged =
          expected === null
            ? { target: compareCreate, result: equal, key: officeKey, createRevision: 0 }
            : { target: compareValue, result: equal, key: officeKey, value: Buffer.from(expected) };
        const put = { requestPut: { key: officeKey, value: Buffer.from(token) } };
        const answer = await client.unary(
          'txn',
          { compare: [unchanged], success: [put] },
          { timeoutMs: takeTimeoutMs },
        );
        doubtful = !answer.succeeded;
        return answer.succeeded ? { revision: answer.header?.revision ?? 0 } : null;
      }),
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

type LeadershipShape = {
  observe: {
    request: object;
    response: { role: number; term: number; leader: string; leaseUntil: number };
  };
  transfer: { request: { to: string }; response: { to: string } };
};

const roleLeader = 2;
const reconnectMs = 50;
const transferTimeoutMs = 2_000;

/** Leadership as our own store on this host reports it. */
export function storeLeadership(
  { target }: StoreTarget,
  onError: (error: unknown) => void,
): LeadershipSource {
  const service = loadService<LeadershipShape>('timonier/leadership.proto', 'timonier.store.v1.Leadership');
  const client = createClient(service, target);
  const closing = new AbortController();
  const observe = async (listener: (leadership: Leadership) => void): Promise<void> => {
    let known = noLeadership;
    while (!closing.signal.aborted) {
      try {
        for await (const state of client.serverStream('observe', {}, { signal: closing.signal })) {
          known = {
            leads: state.role === roleLeader,
            term: state.term,
            leader: state.leader,
            leaseUntil: state.leaseUntil,
          };
          listener(known);
        }
      } catch (error) {
        // The store is restarting, or has not started yet.
        if (!closing.signal.aborted) onError(error);
      }
      if (closing.signal.aborted) return;
      // A store that is gone leads nobody; what was proven stays proven no longer than its lease.
      if (known !== noLeadership) listener((known = noLeadership));
      await pause(reconnectMs, closing.signal).catch(() => undefined);
    }
  };
  return {
    follow: (listener) => void observe(listener),
    transfer: async () => {
      await client.unary('transfer', { to: '' }, { timeoutMs: transferTimeoutMs });
    },
    close: async () => {
      closing.abort();
      client.close();
    },
  };
}
