/**
 * Transactions: comparisons, then one branch of operations under one revision.
 *
 * As in etcd, all comparisons, those of nested transactions too, look at the state before the transaction; everything
 * that can fail is checked before the first change.
 */
import { etcdError } from './errors.ts';
import { keyRange } from './key-index.ts';
import type { Mvcc } from './mvcc.ts';
import { checkRevision, range } from './range.ts';
import type {
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from './types.ts';

/** Puts one key inside a write. Throws etcd's error, and has changed nothing, when its lease or the key it builds on is not there. */
export function put(state: Mvcc, request: PutRequest): PutResponse {
  checkPut(state, request);
  const needsBefore = request.prevKv || request.ignoreValue || request.ignoreLease;
  const before = needsBefore ? state.get(request.key.toString('latin1')) : undefined;
  const value = request.ignoreValue ? (before?.value ?? request.value) : request.value;
  const lease = request.ignoreLease ? (before?.lease ?? 0n) : request.lease;
  state.put(request.key, value, lease);
  return request.prevKv ? { prevKv: before } : {};
}

/** Deletes what exists of a range, inside a write. */
export function deleteRange(state: Mvcc, request: DeleteRangeRequest): DeleteRangeResponse {
  const deleted = state.deleteRange(keyRange(request.key, request.rangeEnd));
  return { deleted: deleted.length, prevKvs: request.prevKv ? deleted : [] };
}

function checkPut(state: Mvcc, request: PutRequest): void {
  if (request.lease !== 0n && !state.leases.has(request.lease)) throw etcdError.leaseNotFound();
  if ((request.ignoreValue || request.ignoreLease) && state.get(request.key.toString('latin1')) === undefined)
    throw etcdError.keyNotFound();
}

/** Which branch of a transaction, and of each one nested in it, will run. */
interface Plan {
  readonly succeeded: boolean;
  readonly operations: readonly RequestOp[];
  readonly nested: ReadonlyMap<RequestOp, Plan>;
}

function plan(state: Mvcc, request: TxnRequest): Plan {
  const succeeded =
    request.compare.every((compare) => holds(state, compare)) || state.bugs.has('compare-ignored');
  const operations = succeeded ? request.success : request.failure;
  const nested = new Map<RequestOp, Plan>();
  for (const operation of operations)
    if (operation.requestTxn !== undefined) nested.set(operation, plan(state, operation.requestTxn));
  return { succeeded, operations, nested };
}

function check(state: Mvcc, { operations, nested }: Plan): void {
  for (const operation of operations) {
    if (operation.requestPut !== undefined) checkPut(state, operation.requestPut);
    else if (operation.requestRange !== undefined) checkRevision(state, operation.requestRange.revision);
    const inner = nested.get(operation);
    if (inner !== undefined) check(state, inner);
  }
}

/**
 * Decides every branch first, nested ones too, then checks and only then runs: throws etcd's error, and has changed nothing,
 * when one operation of it cannot be carried out.
 */
export function txn(state: Mvcc, request: TxnRequest): TxnResponse {
  const chosen = plan(state, request);
  check(state, chosen);
  return run(state, chosen);
}

/** An operation's answer tells the revision it saw or made, and nothing else of a header: clients rely on it. */
function header(state: Mvcc): ResponseHeader {
  return { ...emptyHeader, revision: state.current };
}

const emptyHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

function run(state: Mvcc, { succeeded, operations, nested }: Plan): TxnResponse {
  const responses = operations.map((operation): ResponseOp => {
    if (operation.requestRange !== undefined)
      return { responseRange: { ...range(state, operation.requestRange), header: header(state) } };
    if (operation.requestPut !== undefined)
      return { responsePut: { ...put(state, operation.requestPut), header: header(state) } };
    if (operation.requestDeleteRange !== undefined)
      return {
        responseDeleteRange: { ...deleteRange(state, operation.requestDeleteRange), header: header(state) },
      };
    const inner = nested.get(operation);
    // A nested transaction has a header that tells nothing.
    return inner === undefined ? {} : { responseTxn: { ...run(state, inner), header: emptyHeader } };
  });
  return { succeeded, responses };
}

/** Whether running it can change nothing, so that it may be served as a read. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    (operation) =>
      operation.requestPut === undefined &&
      operation.requestDeleteRange === undefined &&
      (operation.requestTxn === undefined || isReadOnly(operation.requestTxn)),
  );
}

const compareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** A comparison over a range must hold for every key in it; over nothing it holds unless it asks for a value. */
function holds(state: Mvcc, compare: Compare): boolean {
  const kvs: KeyValue[] = [];
  state.index.scan(keyRange(compare.key, compare.rangeEnd), state.current, (_key, record) => {
    kvs.push(state.content(record));
  });
  if (compare.target === compareTarget.value && state.bugs.has('value-not-compared')) return true;
  if (kvs.length === 0) {
    // The value of a key that is not there compares with nothing.
    if (compare.target === compareTarget.value) return false;
    return holdsFor(compare, absent);
  }
  return kvs.every((kv) => holdsFor(compare, kv));
}

const absent: KeyValue = {
  key: Buffer.alloc(0),
  createRevision: 0,
  modRevision: 0,
  version: 0,
  value: Buffer.alloc(0),
  lease: 0n,
};

function holdsFor(compare: Compare, kv: KeyValue): boolean {
  const sign = difference(compare, kv);
  switch (compare.result) {
    case 0:
      return sign === 0;
    case 1:
      return sign > 0;
    case 2:
      return sign < 0;
    default:
      return sign !== 0;
  }
}

function difference(compare: Compare, kv: KeyValue): number {
  switch (compare.target) {
    case compareTarget.version:
      return kv.version - (compare.version ?? 0);
    case compareTarget.create:
      return kv.createRevision - (compare.createRevision ?? 0);
    case compareTarget.mod:
      return kv.modRevision - (compare.modRevision ?? 0);
    case compareTarget.value:
      return kv.value.compare(compare.value ?? Buffer.alloc(0));
    default: {
      const lease = compare.lease ?? 0n;
      return kv.lease === lease ? 0 : kv.lease > lease ? 1 : -1;
    }
  }
}

/** etcd's checks of a transaction's form, before it is proposed. */
export function validateTxn(request: TxnRequest, maxOperations: number): void {
  const widest = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (widest > maxOperations) throw etcdError.tooManyOps();
  for (const compare of request.compare) if (compare.key.length === 0) throw etcdError.emptyKey();
  validateBranch(request.success, maxOperations);
  validateBranch(request.failure, maxOperations);
}

function validateBranch(operations: readonly RequestOp[], maxOperations: number): void {
  const written = new Set<string>();
  collectWrites(operations, written, []);
  for (const operation of operations) {
    if (operation.requestRange !== undefined) validateKey(operation.requestRange.key);
    else if (operation.requestPut !== undefined) validatePut(operation.requestPut);
    else if (operation.requestDeleteRange !== undefined) validateKey(operation.requestDeleteRange.key);
    else if (operation.requestTxn !== undefined) validateTxn(operation.requestTxn, maxOperations);
    else throw etcdError.keyNotFound();
  }
}

/** No key may be put twice, or put and deleted, on any path through a branch. */
function collectWrites(
  operations: readonly RequestOp[],
  written: Set<string>,
  deleted: DeleteRangeRequest[],
): void {
  for (const { requestDeleteRange } of operations)
    if (requestDeleteRange !== undefined) deleted.push(requestDeleteRange);
  const ranges = deleted.map(({ key, rangeEnd }) => keyRange(key, rangeEnd));
  for (const operation of operations) {
    const key = operation.requestPut?.key.toString('latin1');
    if (key !== undefined) {
      const clash = ranges.some(({ from, to }) =>
        to === undefined ? key === from : key >= from && key < to,
      );
      if (clash || written.has(key)) throw etcdError.duplicateKey();
      written.add(key);
    }
    if (operation.requestTxn !== undefined) {
      // Only one of the branches runs: each is checked against what surrounds it, and both count afterwards.
      const success = new Set(written);
      const failure = new Set(written);
      collectWrites(operation.requestTxn.success, success, [...deleted]);
      collectWrites(operation.requestTxn.failure, failure, [...deleted]);
      for (const each of [...success, ...failure]) written.add(each);
    }
  }
}

/** Throws etcd's error for an empty key. */
export function validateKey(key: Buffer): void {
  if (key.length === 0) throw etcdError.emptyKey();
}

/** Throws etcd's error for a put that contradicts itself. */
export function validatePut(request: PutRequest): void {
  validateKey(request.key);
  if (request.ignoreValue && request.value.length > 0) throw etcdError.valueProvided();
  if (request.ignoreLease && request.lease !== 0n) throw etcdError.leaseProvided();
}

/** Whether any branch, of nested transactions too, puts something. */
export function hasPut(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].some(
    ({ requestPut, requestTxn }) =>
      requestPut !== undefined || (requestTxn !== undefined && hasPut(requestTxn)),
  );
}
