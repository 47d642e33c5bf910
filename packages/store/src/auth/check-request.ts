/**
 * Whether a request may do what it asks for. Asked where the request is applied, so that it is decided by the users
 * and roles of that very moment, and for reads where they are served.
 */
import type { StoredRequest } from '../codecs.ts';
import type { Mvcc } from '../mvcc.ts';
import type { PutRequest, RequestOp, TxnRequest } from '../types.ts';
import type { AuthState } from './auth-state.ts';
import type { Credentials } from './types.ts';

const oneKey = Buffer.alloc(0);

/** Throws etcd's error when the request is not allowed. */
export function checkRequest(auth: AuthState, state: Mvcc, request: StoredRequest): void {
  if (!auth.enabled) return;
  const who = { username: request.username ?? '', authRevision: request.authRevision ?? 0 };
  if (request.put !== undefined) checkPut(auth, state, who, request.put);
  else if (request.deleteRange !== undefined) {
    const { key, rangeEnd, prevKv } = request.deleteRange;
    auth.check(who, key, rangeEnd, 'write');
    if (prevKv) auth.check(who, key, rangeEnd, 'read');
  } else if (request.txn !== undefined) checkTxn(auth, state, who, request.txn);
  else if (request.leaseRevoke !== undefined) checkLease(auth, state, who, request.leaseRevoke.ID, 'write');
  else if (request.auth !== undefined) auth.checkAdmin(who);
}

function checkPut(auth: AuthState, state: Mvcc, who: Credentials, { key, lease, prevKv }: PutRequest): void {
  auth.check(who, key, oneKey, 'write');
  // Whoever attaches a key to a lease could delete its other keys with it.
  checkLease(auth, state, who, lease, 'write');
  if (prevKv) auth.check(who, key, oneKey, 'read');
}

/** Throws unless the caller may read, or write, all keys of a lease. */
export function checkLease(
  auth: AuthState,
  state: Mvcc,
  who: Credentials,
  lease: bigint,
  access: 'read' | 'write',
): void {
  if (!auth.enabled || lease === 0n || auth.isAdmin(who)) return;
  for (const key of state.leases.get(lease)?.keys ?? [])
    auth.check(who, Buffer.from(key, 'latin1'), oneKey, access);
}

/** Both branches count, whichever will run. A put in one needs what a put by itself needs. */
export function checkTxn(auth: AuthState, state: Mvcc, who: Credentials, txn: TxnRequest): void {
  if (!auth.enabled) return;
  for (const { key, rangeEnd } of txn.compare) auth.check(who, key, rangeEnd, 'read');
  for (const operations of [txn.success, txn.failure]) checkOperations(auth, state, who, operations);
}

function checkOperations(
  auth: AuthState,
  state: Mvcc,
  who: Credentials,
  operations: readonly RequestOp[],
): void {
  for (const { requestRange, requestPut, requestDeleteRange, requestTxn } of operations) {
    if (requestRange !== undefined) auth.check(who, requestRange.key, requestRange.rangeEnd, 'read');
    else if (requestPut !== undefined) checkPut(auth, state, who, requestPut);
    else if (requestDeleteRange !== undefined) {
      const { key, rangeEnd, prevKv } = requestDeleteRange;
      if (prevKv) auth.check(who, key, rangeEnd, 'read');
      auth.check(who, key, rangeEnd, 'write');
    } else if (requestTxn !== undefined) checkTxn(auth, state, who, requestTxn);
  }
}
