/** Puts data into a store, many keys to a transaction, and proves that it is there. */
import { createClient, loadService } from '@timonier/grpc';

type Shape = {
  txn: { request: object; response: { succeeded: boolean } };
  range: { request: object; response: { count: number } };
};

const kv = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.KV');

export interface Filling {
  /** Ends in `/`. */
  readonly prefix: string;
  readonly keys: number;
  readonly valueBytes: number;
  readonly name?: (index: number) => string;
  /** How often every key is written. */
  readonly times?: number;
}

/** etcd's default limit of operations in a transaction is 128. */
const perTxn = 100;
const inFlight = 12;

/** Throws when not every key is there in the end. */
export async function fill(address: string, filling: Filling): Promise<void> {
  const { prefix, keys, valueBytes, times = 1 } = filling;
  const name = filling.name ?? ((i: number): string => String(i).padStart(8, '0'));
  const client = createClient(kv, address, { timeoutMs: 60_000 });
  try {
    const total = keys * times;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < total) {
        const first = next;
        next = Math.min(total, first + perTxn);
        const success: object[] = [];
        const taken = new Set<string>();
        for (let i = first; i < next; i++) {
          const key = prefix + name(i % keys);
          // A transaction may write a key only once.
          if (taken.has(key)) continue;
          taken.add(key);
          // Different bytes for each, so that nobody gains by compressing.
          const value = Buffer.alloc(valueBytes, `${i} of ${total} `);
          success.push({ requestPut: { key: Buffer.from(key), value } });
        }
        await client.unary('txn', { success });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    const { count } = await client.unary('range', {
      key: Buffer.from(prefix),
      rangeEnd: Buffer.from(`${prefix.slice(0, -1)}0`),
      countOnly: true,
    });
    if (count < keys) throw new Error(`${keys} keys were written, ${count} are there`);
  } finally {
    client.close();
  }
}
