/** What clients ask for, and what they learn about it. */
import { GrpcError, Status } from '@timonier/grpc';
import type { KnownBugs } from '../../../packages/store/src/known-bugs.ts';
import type { Member } from '../../../packages/store/src/member.ts';
import { range } from '../../../packages/store/src/range.ts';
import { behindStanding } from '../../../packages/store/src/services/standing.ts';
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  TxnRequest,
  TxnResponse,
} from '../../../packages/store/src/types.ts';
import type { Answer, Part } from './model.ts';

/** Exactly one of these. */
export interface ClientRequest {
  readonly put?: PutRequest;
  readonly deleteRange?: DeleteRangeRequest;
  readonly txn?: TxnRequest;
  readonly range?: RangeRequest;
  readonly leaseGrant?: { readonly ID: bigint; readonly TTL: number };
  readonly leaseRevoke?: { readonly ID: bigint };
  readonly renew?: bigint;
  readonly compaction?: { readonly revision: number; readonly physical: boolean };
}

/**
 * `refused`: it took no place, or changed nothing and tells nothing. `unknown`: it may have taken place, at any time
 * after it began.
 */
export type OutcomeKind = 'pending' | 'ok' | 'refused' | 'unknown';

export class Operation {
  readonly request: ClientRequest;
  readonly client: number;
  readonly member: string;
  /** In steps of the world, and in its milliseconds. */
  readonly begin: number;
  readonly beginMs: number;
  end = Infinity;
  outcome: OutcomeKind = 'pending';
  answer: Answer | undefined;
  /** Renewals: the time to live that was promised, in seconds; 0 when the lease was gone. */
  ttl = 0;
  error = '';

  constructor(request: ClientRequest, client: number, member: string, begin: number, beginMs: number) {
    this.request = request;
    this.client = client;
    this.member = member;
    this.begin = begin;
    this.beginMs = beginMs;
  }

  get changesKeys(): boolean {
    const { put, deleteRange, txn } = this.request;
    return put !== undefined || deleteRange !== undefined || txn !== undefined;
  }

  get writes(): boolean {
    return this.changesKeys || this.request.leaseRevoke !== undefined;
  }

  /** Whether it has a place in the order of everything; a serializable read sees some state of the past. */
  get linearizable(): boolean {
    return this.changesKeys || (this.request.range !== undefined && !this.request.range.serializable);
  }

  get text(): string {
    const { put, deleteRange, txn, range: read } = this.request;
    const what =
      put !== undefined
        ? `put ${put.key.toString()}=${put.value.toString()}`
        : deleteRange !== undefined
          ? `delete ${deleteRange.key.toString()}..${deleteRange.rangeEnd.toString()}`
          : txn !== undefined
            ? 'txn'
            : read !== undefined
              ? `${read.serializable ? 'serializable ' : ''}range ${read.key.toString()}..${read.rangeEnd.toString()}${read.revision > 0 ? `@${read.revision}` : ''}`
              : Object.keys(this.request).join();
    return `${what} of client ${this.client} on ${this.member} at ${this.beginMs.toFixed(1)} ms`;
  }
}

/** Asks a member as its services do, which stand behind what it is. Rejects with etcd's errors. */
export async function ask(member: Member, operation: Operation, bugs: KnownBugs): Promise<void> {
  const handlers = { call: (_request: { readonly serializable: boolean }) => carryOut(member, operation) };
  const { call } = behindStanding({ member }, handlers, [], bugs);
  await call({ serializable: operation.request.range?.serializable === true });
}

async function carryOut(member: Member, operation: Operation): Promise<void> {
  const { put, deleteRange, txn, range: read, renew, ...other } = operation.request;
  if (read !== undefined) {
    if (!read.serializable) await member.barrier();
    const answer = range(member.machine.state, read);
    operation.answer = answerOf(member.machine.state.revision, undefined, [rangePart(answer)]);
  } else if (put !== undefined) {
    const answer = (await member.propose({ put }, 100)) as PutResponse;
    operation.answer = answerOf(revisionOf(answer), undefined, [putPart(answer)]);
  } else if (deleteRange !== undefined) {
    const answer = (await member.propose({ deleteRange }, 100)) as DeleteRangeResponse;
    operation.answer = answerOf(revisionOf(answer), undefined, [deletePart(answer)]);
  } else if (txn !== undefined) {
    const answer = (await member.propose({ txn }, 200)) as TxnResponse;
    const parts = answer.responses.map(({ responsePut, responseDeleteRange, responseRange }): Part => {
      if (responsePut !== undefined) return putPart(responsePut);
      if (responseDeleteRange !== undefined) return deletePart(responseDeleteRange);
      return responseRange === undefined ? { count: 0, kvs: [] } : rangePart(responseRange);
    });
    operation.answer = answerOf(revisionOf(answer), answer.succeeded, parts);
  } else if (renew !== undefined) {
    const { remainingMs, grantedTtl } = await member.leases.ask(renew, true);
    operation.ttl = remainingMs < 0 ? 0 : grantedTtl;
  } else await member.propose(other, 40);
}

function answerOf(revision: number, succeeded: boolean | undefined, parts: readonly Part[]): Answer {
  return { revision, succeeded, parts };
}

function revisionOf(response: { readonly header?: ResponseHeader }): number {
  return response.header?.revision ?? -1;
}

function rangePart({ count, kvs }: RangeResponse): Part {
  return { count, kvs };
}

function putPart({ prevKv }: PutResponse): Part {
  return { count: 0, kvs: prevKv === undefined ? [] : [prevKv] };
}

function deletePart({ deleted, prevKvs }: DeleteRangeResponse): Part {
  return { count: deleted, kvs: prevKvs };
}

/** What an error says about the operation it ended. Anything but etcd's errors is a fault of the store. */
export function outcomeOf(error: unknown, operation: Operation): OutcomeKind {
  if (!(error instanceof GrpcError)) throw error;
  operation.error = error.message;
  return error.code === Status.UNAVAILABLE ? 'unknown' : 'refused';
}
