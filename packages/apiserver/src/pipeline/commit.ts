/**
 * The commit of a write: one transaction that compares the object's revision, the office, and whatever else the write
 * depends on. When it fails, its other branch reads the office and the object, so that a stale epoch and a stale
 * revision stay distinct on any store.
 */
import { serviceUnavailable, StatusError, timeout } from '@timonier/api/statuses';
import type { ApiObject } from '@timonier/api/decode';
import { GrpcError, Status as GrpcStatus } from '@timonier/grpc';
import type { Compare, RequestOp, TxnResponse } from '../storage/etcd-messages.ts';
import { UnknownOutcome } from '../storage/store-failures.ts';
import { fromStored, StoredObject } from '../storage/stored-object.ts';
import { storedValue } from '../storage/views.ts';
import type { ServerState, WriteContext } from '../server-state.ts';
import { strategyOf } from '../strategies/index.ts';
import type { CommitExtras } from './commit-extras.ts';
import { notActive, officeKey, staleEpoch } from './fence-gate.ts';

export interface Change {
  readonly key: string;
  /** Revision of the state that the change was computed from; 0 when there was none. */
  readonly expected: number;
  readonly createRevision: number;
  /** The new state, or undefined for a deletion. */
  readonly object: ApiObject | undefined;
  /** Its stored form in the shape of the resource, where that is known already. */
  readonly value?: Buffer | undefined;
  readonly extras?: CommitExtras | undefined;
}

export type CommitResult =
  | { readonly outcome: 'committed'; readonly stored: StoredObject | undefined; readonly revision: number }
  /** The object is not what the change was computed from; `current` is what it is now. */
  | { readonly outcome: 'conflict'; readonly current: StoredObject | undefined }
  /** The object is, but one of the extra conditions did not hold. */
  | { readonly outcome: 'extras' };

export async function commit(context: WriteContext, change: Change): Promise<CommitResult> {
  const { server, fence, user, target } = context;
  // Dry runs pass the fence without a look.
  if (context.dryRun) throw new Error(`a dry run of ${target.verb} would be committed`);
  const { failpoints } = server;
  if (fence?.holder === 'client') await failpoints.beforeCommit(user.name);
  const value =
    change.object === undefined ? undefined : await storedValue(target.info, change.object, change.value);
  const fenced = fence !== undefined && !failpoints.fenceDisabled;
  const compare: Compare[] = [
    { key: change.key, target: 'MOD', result: 'EQUAL', modRevision: change.expected },
    ...(change.extras?.compare ?? []),
  ];
  if (fenced) compare.push({ key: officeKey, target: 'VALUE', result: 'EQUAL', value: fence.token });
  const since = performance.now();
  const kind = value === undefined ? 'delete' : change.expected === 0 ? 'create' : 'update';
  let response: TxnResponse | undefined;
  try {
    response = await send(context, change, value, compare);
  } catch (error) {
    throw error instanceof UnknownOutcome ? nobodyKnows(context) : error;
  } finally {
    server.metrics.store.answered(kind, target.info, since, response === undefined);
  }
  if (response.succeeded) {
    const revision = response.header?.revision ?? 0;
    const stored =
      value === undefined
        ? undefined
        : server.cache.committed(change.key, revision, () =>
            fromStored(change.key, value, revision, change.createRevision || revision),
          );
    return { outcome: 'committed', stored, revision };
  }
  const office = response.responses[0]?.responseRange?.kvs[0]?.value.toString();
  if (fenced && office !== fence.token) {
    server.metrics.fenceRejections.inc({ stage: 'commit' });
    // Our own token not being the office's any more means that we are not the active one, whatever we believe.
    throw fence.holder === 'client' ? staleEpoch(target, fence.token, office) : notActive();
  }
  const found = response.responses[1]?.responseRange?.kvs[0];
  if ((found?.modRevision ?? 0) === change.expected) return { outcome: 'extras' };
  const current =
    found === undefined
      ? undefined
      : fromStored(change.key, found.value, found.modRevision, found.createRevision);
  return { outcome: 'conflict', current };
}

/**
 * 504, as upstream where the store does not answer in time, and without a word on when to ask again: programs that are told so
 * send even a creation again by themselves, and what may have been done already would be done twice.
 */
function nobodyKnows({ target }: WriteContext): StatusError {
  return new StatusError(
    timeout(`the store did not answer: whether the ${target.verb} was carried out is not known`),
  );
}

async function send(
  { server, target }: WriteContext,
  change: Change,
  value: Buffer | undefined,
  compare: readonly Compare[],
): Promise<TxnResponse> {
  const { ttlSeconds } = strategyOf(target.info);
  const txn = (operation: RequestOp): Promise<TxnResponse> =>
    server.store.txn(
      compare,
      [operation, ...(change.extras?.success ?? [])],
      [{ requestRange: { key: officeKey } }, { requestRange: { key: change.key } }],
    );
  if (value === undefined) return txn({ requestDeleteRange: { key: change.key } });
  if (ttlSeconds === undefined) return txn({ requestPut: { key: change.key, value } });
  const lease = await leaseOf(server, ttlSeconds);
  try {
    return await txn({ requestPut: { key: change.key, value, lease } });
  } catch (error) {
    if (!(error instanceof GrpcError) || error.code !== GrpcStatus.NOT_FOUND) throw error;
    // Nothing was written. The next lease is a new one.
    await server.leases.lost(lease);
    return txn({ requestPut: { key: change.key, value, lease: await leaseOf(server, ttlSeconds) } });
  }
}

/** Throws 503 when the store does not answer: the object is not written then, so that it may be sent again. */
function leaseOf({ leases }: ServerState, seconds: number): Promise<number> {
  return leases.forSeconds(seconds).catch((error: unknown) => {
    if (!(error instanceof UnknownOutcome)) throw error;
    throw new StatusError({ ...serviceUnavailable(error.message), details: { retryAfterSeconds: 1 } });
  });
}
