/** etcdserverpb.KV: reads behind a linearizable barrier unless asked otherwise, writes through the log. */
import type { Handlers } from '@timonier/grpc';
import type { StoredRequest } from '../codecs.ts';
import { etcdError, unimplemented } from '../errors.ts';
import { range } from '../range.ts';
import { hasPut, isReadOnly, txn, validateKey, validatePut, validateTxn } from '../txn.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../types.ts';
import { header, type ServiceContext, withHeader } from './context.ts';

export type KvShape = {
  range: { request: RangeRequest; response: object };
  rangeStream: { request: RangeRequest; response: object; kind: 'server-stream' };
  put: { request: PutRequest; response: object };
  deleteRange: { request: DeleteRangeRequest; response: object };
  txn: { request: TxnRequest; response: object };
  compact: { request: CompactionRequest; response: object };
};

export function kvHandlers(context: ServiceContext): Handlers<KvShape> {
  const { member, metrics, maxRequestBytes, maxTxnOps } = context;

  async function propose(request: Omit<StoredRequest, 'id'>, bytes: number, grows: boolean): Promise<object> {
    if (bytes > maxRequestBytes) throw etcdError.requestTooLarge();
    if (grows && !member.quota.hasRoomFor(bytes)) await member.quota.check(bytes);
    return withHeader(context, await member.propose(request, bytes));
  }

  return {
    range: async (request) => {
      validateKey(request.key);
      metrics.ranges.inc();
      if (request.sortTarget > 4 || request.sortOrder > 2) throw etcdError.invalidSortOption();
      if (!request.serializable) await member.barrier();
      return { ...range(member.machine.state, request), header: header(context) };
    },
    rangeStream: () => Promise.reject(unimplemented('RangeStream')),
    put: (put) => {
      validatePut(put);
      metrics.puts.inc();
      return propose({ put }, put.key.length + put.value.length + 32, true);
    },
    deleteRange: (deleteRange) => {
      validateKey(deleteRange.key);
      metrics.deletes.inc();
      return propose({ deleteRange }, deleteRange.key.length + deleteRange.rangeEnd.length + 32, false);
    },
    txn: async (request) => {
      validateTxn(request, maxTxnOps);
      metrics.txns.inc();
      if (!isReadOnly(request)) return await propose({ txn: request }, txnBytes(request), hasPut(request));
      if (!isSerializable(request)) await member.barrier();
      return { ...txn(member.machine.state, request), header: header(context) };
    },
    compact: (compaction) => propose({ compaction }, 32, false),
  };
}

function txnBytes(request: TxnRequest): number {
  let bytes = 32;
  for (const { key, value, rangeEnd } of request.compare)
    bytes += 32 + key.length + (value?.length ?? 0) + rangeEnd.length;
  return bytes + operationBytes(request.success) + operationBytes(request.failure);
}

function operationBytes(operations: readonly RequestOp[]): number {
  let bytes = 0;
  for (const { requestPut, requestRange, requestDeleteRange, requestTxn } of operations) {
    bytes += 32;
    if (requestPut !== undefined) bytes += requestPut.key.length + requestPut.value.length;
    else if (requestRange !== undefined) bytes += requestRange.key.length + requestRange.rangeEnd.length;
    else if (requestDeleteRange !== undefined)
      bytes += requestDeleteRange.key.length + requestDeleteRange.rangeEnd.length;
    else if (requestTxn !== undefined) bytes += txnBytes(requestTxn);
  }
  return bytes;
}

function isSerializable(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    (operation) => operation.requestRange === undefined || operation.requestRange.serializable,
  );
}
