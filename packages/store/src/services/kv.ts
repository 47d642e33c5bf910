/** etcdserverpb.KV: reads behind a linearizable barrier unless asked otherwise, writes through the log. */
import type { Handlers, ServerCall } from '@timonier/grpc';
import { checkTxn } from '../auth/check-request.ts';
import type { Credentials } from '../auth/types.ts';
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
import { header, proposeFor, type ServiceContext, withHeader } from './context.ts';

export type KvShape = {
  range: { request: RangeRequest; response: object };
  rangeStream: { request: RangeRequest; response: object; kind: 'server-stream' };
  put: { request: PutRequest; response: object };
  deleteRange: { request: DeleteRangeRequest; response: object };
  txn: { request: TxnRequest; response: object };
  compact: { request: CompactionRequest; response: object };
};

/** For so long a client may wait until what it compacted is gone. */
const physicalMs = 600_000;

export function kvHandlers(context: ServiceContext): Handlers<KvShape> {
  const { member, metrics, maxRequestBytes, maxTxnOps } = context;

  async function propose(
    call: ServerCall,
    request: Omit<StoredRequest, 'id'>,
    bytes: number,
    grows: boolean,
  ): Promise<object> {
    if (bytes > maxRequestBytes) throw etcdError.requestTooLarge();
    if (grows && !member.quota.hasRoomFor(bytes)) await member.quota.check(bytes);
    return withHeader(context, await proposeFor(context, call, request, bytes));
  }

  /** Asked after the barrier, so that the users and roles of now decide. */
  async function allowRead(call: ServerCall, check: (who: Credentials) => void): Promise<void> {
    check(await context.credentials.of(call));
  }

  return {
    range: async (request, call) => {
      validateKey(request.key);
      metrics.ranges.inc();
      if (request.sortTarget > 4 || request.sortOrder > 2) throw etcdError.invalidSortOption();
      if (!request.serializable) await member.barrier();
      if (member.isCorrupt) throw etcdError.corrupt();
      if (member.machine.auth.enabled)
        await allowRead(call, (who) => member.machine.auth.check(who, request.key, request.rangeEnd, 'read'));
      return { ...range(member.machine.state, request), header: header(context) };
    },
    rangeStream: () => Promise.reject(unimplemented('RangeStream')),
    put: (put, call) => {
      validatePut(put);
      metrics.puts.inc();
      return propose(call, { put }, put.key.length + put.value.length + 32, true);
    },
    deleteRange: (deleteRange, call) => {
      validateKey(deleteRange.key);
      metrics.deletes.inc();
      const bytes = deleteRange.key.length + deleteRange.rangeEnd.length + 32;
      return propose(call, { deleteRange }, bytes, false);
    },
    txn: async (request, call) => {
      validateTxn(request, maxTxnOps);
      metrics.txns.inc();
      if (!isReadOnly(request))
        return await propose(call, { txn: request }, txnBytes(request), hasPut(request));
      if (!isSerializable(request)) await member.barrier();
      const { auth } = member.machine;
      if (auth.enabled) await allowRead(call, (who) => checkTxn(auth, member.machine.state, who, request));
      return { ...txn(member.machine.state, request), header: header(context) };
    },
    compact: async (compaction, call) => {
      const answer = await propose(call, { compaction }, 32, false);
      if (compaction.physical) await member.swept(physicalMs, call.signal);
      return answer;
    },
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
