/**
 * Leadership on a foreign etcd: one key, created under a lease by whoever finds it missing. The lease is renewed
 * often and proven only from the moment a renewal was sent, so that etcd cannot have let it expire while we still
 * count on it. Members of one cluster share a prefix; that no other cluster does is seen to before (store-claim.ts).
 */
import { type ClientTls, createClient, type GrpcClient, loadService } from '@timonier/grpc';
import { pause } from '@timonier/client';
import type { LeadershipSource } from './keeper.ts';
import { type Leadership, noLeadership } from './machine.ts';
import type { StoreTarget } from './store-office.ts';

const electionKey = Buffer.from('/timonier/election');
/** etcd refuses less than about its election timeout; it answers with what it granted. */
const leaseSeconds = 2;
const renewEveryMs = 300;
const callTimeoutMs = 1_000;
const retryMs = 150;
/** Clocks of two machines may run at slightly different rates. */
const driftMs = 100;

type KvShape = {
  range: {
    request: { key: Buffer };
    response: { kvs: readonly { readonly value: Buffer; readonly createRevision: number }[] };
  };
  txn: {
    request: { compare: readonly object[]; success: readonly object[] };
    response: { succeeded: boolean; header?: { revision: number } };
  };
};
type LeaseShape = {
  leaseGrant: { request: { TTL: number }; response: { ID: bigint; TTL: number } };
  leaseRevoke: { request: { ID: bigint }; response: object };
  leaseKeepAlive: { request: { ID: bigint }; response: { ID: bigint; TTL: number } };
};

interface Connection {
  readonly kv: GrpcClient<KvShape>;
  readonly lease: GrpcClient<LeaseShape>;
}

export function etcdLeadership(
  self: string,
  targets: readonly StoreTarget[],
  now: () => number,
  onError: (error: unknown) => void,
): LeadershipSource {
  const options = { longs: 'number', bigintFields: ['ID', 'lease'] } as const;
  const kvService = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV', options);
  const leaseService = loadService<LeaseShape>('etcd/rpc.proto', 'etcdserverpb.Lease', options);
  const connections = targets.map(({ target, tls }): Connection => {
    const clientOptions = tls === undefined ? {} : { tls };
    return {
      kv: createClient(kvService, target, clientOptions),
      lease: createClient(leaseService, target, clientOptions),
    };
  });
  const closing = new AbortController();
  let held: { readonly id: bigint; readonly connection: Connection } | undefined;
  let listener: (leadership: Leadership) => void = () => undefined;
  let notBefore = 0;

  /** Campaigns once; leads until the lease is lost. Throws when this member cannot be used. */
  const campaign = async (connection: Connection): Promise<void> => {
    const found = (await connection.kv.unary('range', { key: electionKey }, { timeoutMs: callTimeoutMs }))
      .kvs[0];
    if (found !== undefined) {
      listener({ ...noLeadership, term: found.createRevision, leader: found.value.toString('utf8') });
      return;
    }
    if (now() < notBefore) return;
    const asked = now();
    const granted = await connection.lease.unary(
      'leaseGrant',
      { TTL: leaseSeconds },
      { timeoutMs: callTimeoutMs },
    );
    held = { id: granted.ID, connection };
    const won = await connection.kv.unary(
      'txn',
      {
        compare: [{ target: 1, result: 0, key: electionKey, createRevision: 0 }],
        success: [{ requestPut: { key: electionKey, value: Buffer.from(self), lease: granted.ID } }],
      },
      { timeoutMs: callTimeoutMs },
    );
    if (!won.succeeded) {
      await resign();
      return;
    }
    await renew(connection, granted.ID, won.header?.revision ?? 0, asked, granted.TTL);
  };

  const renew = async (
    connection: Connection,
    id: bigint,
    term: number,
    asked: number,
    ttl: number,
  ): Promise<void> => {
    const proven = (from: number, seconds: number): Leadership => ({
      leads: true,
      term,
      leader: self,
      leaseUntil: from + seconds * 1000 - driftMs,
    });
    let lease = proven(asked, ttl);
    listener(lease);
    const stream = connection.lease.bidi('leaseKeepAlive', { signal: closing.signal });
    const sent: number[] = [];
    const renewal = setInterval(() => {
      if (now() >= lease.leaseUntil) stream.cancel();
      else {
        sent.push(now());
        stream.write({ ID: id });
      }
    }, renewEveryMs);
    try {
      for await (const answer of stream) {
        const from = sent.shift() ?? 0;
        if (answer.TTL <= 0 || held?.id !== id) break;
        lease = proven(from, answer.TTL);
        listener(lease);
      }
    } finally {
      clearInterval(renewal);
      listener(noLeadership);
      await resign();
    }
  };

  const resign = async (): Promise<void> => {
    const lease = held;
    held = undefined;
    if (lease === undefined) return;
    // Best effort: unrevoked, it runs out by itself.
    await lease.connection.lease
      .unary('leaseRevoke', { ID: lease.id }, { timeoutMs: callTimeoutMs })
      .catch(() => undefined);
  };

  const run = async (): Promise<void> => {
    for (let turn = 0; !closing.signal.aborted;) {
      const connection = connections[turn % connections.length];
      if (connection === undefined) throw new Error('the store has no address');
      try {
        await campaign(connection);
      } catch (error) {
        if (!closing.signal.aborted) onError(error);
        listener(noLeadership);
        turn++;
      }
      await pause(retryMs, closing.signal).catch(() => undefined);
    }
  };

  return {
    follow: (follower) => {
      listener = follower;
      void run();
    },
    transfer: async () => {
      notBefore = now() + 2 * leaseSeconds * 1000;
      listener(noLeadership);
      await resign();
    },
    close: async () => {
      await resign();
      closing.abort();
      for (const { kv, lease } of connections) {
        kv.close();
        lease.close();
      }
    },
  };
}

/** Targets of etcd URLs such as `https://10.0.0.1:2379`; `tls` is for those over https. */
export function etcdTargets(urls: readonly string[], tls: ClientTls = {}): readonly StoreTarget[] {
  return urls.map((text) => {
    const url = new URL(text);
    const target = `${url.hostname}:${url.port === '' ? '2379' : url.port}`;
    return url.protocol === 'https:' ? { target, tls } : { target };
  });
}
