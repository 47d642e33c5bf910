/**
 * Taking turns by keys: who has the oldest key under a prefix has its turn. What locks and elections share.
 *
 * Everything goes through the KV handlers in the name of the call, so it is allowed or not like any other request. A
 * call that waits holds one watch and no memory beside it, and ends with its client or its lease.
 */
import type { Handlers, ServerCall } from '@timonier/grpc';
import { GrpcError, Status } from '@timonier/grpc';
import { etcdError } from '../errors.ts';
import { keyRange } from '../key-index.ts';
import type {
  DeleteRangeRequest,
  KeyValue,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseHeader,
  TxnResponse,
  WatchEvent,
} from '../types.ts';
import type { ServiceContext } from './context.ts';
import type { KvShape } from './kv.ts';

const nothing = Buffer.alloc(0);
const order = { ascend: 1, descend: 2 } as const;
const byCreation = 2;

const noRange: Omit<RangeRequest, 'key' | 'rangeEnd'> = {
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

/** The end of the range of all keys that begin with `prefix`. */
function prefixEnd(prefix: Buffer): Buffer {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0;
    if (byte < 0xff) return Buffer.concat([prefix.subarray(0, i), Buffer.from([byte + 1])]);
  }
  return Buffer.from([0]);
}

/** A linearizable read of one key. */
export function oneKey(key: Buffer): RangeRequest {
  return { ...noRange, key, rangeEnd: nothing };
}

/** The oldest key under a prefix: whose turn it is. */
export function firstCreated(prefix: Buffer): RangeRequest {
  return {
    ...noRange,
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    limit: 1,
    sortOrder: order.ascend,
    sortTarget: byCreation,
  };
}

function lastCreatedBefore(prefix: Buffer, revision: number): RangeRequest {
  return {
    ...firstCreated(prefix),
    sortOrder: order.descend,
    maxCreateRevision: revision,
  };
}

/** The key of a lease under a name, as etcd's clients make it too. */
export function turnKey(name: Buffer, lease: bigint): Buffer {
  return Buffer.concat([name, Buffer.from(`/${BigInt.asUintN(64, lease).toString(16)}`)]);
}

export function turnPrefix(name: Buffer): Buffer {
  return Buffer.concat([name, Buffer.from('/')]);
}

export interface Read extends RangeResponse {
  header: ResponseHeader;
}

export interface Done extends TxnResponse {
  header: ResponseHeader;
}

export class Turns {
  readonly #context: ServiceContext;
  readonly #kv: Handlers<KvShape>;

  constructor(context: ServiceContext, kv: Handlers<KvShape>) {
    this.#context = context;
    this.#kv = kv;
  }

  async range(call: ServerCall, request: RangeRequest): Promise<Read> {
    return (await this.#kv.range?.(request, call)) as Read;
  }

  /** If the key was created at `created` (0: is not there), the first operations, otherwise the others. */
  async ifCreatedAt(
    call: ServerCall,
    key: Buffer,
    created: number,
    success: readonly RequestOp[],
    failure: readonly RequestOp[] = [],
  ): Promise<Done> {
    const compare = [{ result: 0, target: 1, key, createRevision: created, rangeEnd: nothing }];
    return (await this.#kv.txn?.({ compare, success, failure }, call)) as Done;
  }

  async delete(call: ServerCall, key: Buffer): Promise<{ header: ResponseHeader }> {
    const request: DeleteRangeRequest = { key, rangeEnd: nothing, prevKv: false };
    return (await this.#kv.deleteRange?.(request, call)) as { header: ResponseHeader };
  }

  /** Resolves when no key under the prefix is older than `revision` any more. Rejects when the call ends before. */
  async waitForOlder(call: ServerCall, prefix: Buffer, revision: number): Promise<ResponseHeader> {
    for (;;) {
      const older = await this.range(call, lastCreatedBefore(prefix, revision - 1));
      const [kv] = older.kvs;
      if (kv === undefined) return older.header;
      await this.waitForDeletion(call, kv.key, older.header.revision);
    }
  }

  async waitForDeletion(call: ServerCall, key: Buffer, from: number): Promise<void> {
    await this.follow(call, key, nothing, from, (event) => event.type === 1);
  }

  /** Resolves with the first event of the range, from a revision on, that is `wanted`. */
  follow(
    call: ServerCall,
    key: Buffer,
    rangeEnd: Buffer,
    from: number,
    wanted: (event: WatchEvent) => boolean,
  ): Promise<WatchEvent> {
    const { hub } = this.#context.member;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        hub.remove(watcher);
        call.signal.removeEventListener('abort', aborted);
      };
      const fail = (error: GrpcError): void => {
        finish();
        reject(error);
      };
      const aborted = (): void => fail(cancelled());
      const watcher = hub.add({
        range: keyRange(key, rangeEnd),
        from,
        prevKv: false,
        noPut: false,
        noDelete: false,
        deliver: (events) => {
          const found = events.find((event) => wanted(event));
          if (found !== undefined) {
            finish();
            resolve(found);
          }
          return true;
        },
        compacted: () => fail(etcdError.compacted()),
      });
      if (call.signal.aborted) aborted();
      else call.signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /** The first key that is put under the prefix, from a revision on. */
  async nextPut(call: ServerCall, prefix: Buffer, from: number): Promise<KeyValue> {
    return (await this.follow(call, prefix, prefixEnd(prefix), from, ({ type }) => type === 0)).kv;
  }
}

export function cancelled(): GrpcError {
  return new GrpcError(Status.CANCELLED, 'context canceled');
}

/** The same call, but not ended with its client: for cleaning up after it. */
export function outliving(call: ServerCall): ServerCall {
  const { signal } = new AbortController();
  return {
    signal,
    peer: call.peer,
    clientName: call.clientName,
    metadata: (name) => call.metadata(name),
  };
}

/** The one key-value of a read inside a transaction. */
export function readIn(done: Done, position: number): KeyValue | undefined {
  return done.responses[position]?.responseRange?.kvs[0];
}
