/** Requests of etcd's API with all their fields, from the few that matter. */
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
} from '../../../packages/store/src/types.ts';

const nothing = Buffer.alloc(0);

export function putRequest(key: string, value: string, more: Partial<PutRequest> = {}): PutRequest {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...more,
  };
}

export function deleteRequest(key: string, end = ''): DeleteRangeRequest {
  return { key: Buffer.from(key), rangeEnd: Buffer.from(end), prevKv: true };
}

export function rangeRequest(key: string, end: string, more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: Buffer.from(key),
    rangeEnd: Buffer.from(end),
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
    ...more,
  };
}

export const compareTarget = { version: 0, create: 1, mod: 2, value: 3 } as const;

export function equalTo(key: string, what: Partial<Compare> & { readonly target: number }): Compare {
  return { result: 0, key: Buffer.from(key), rangeEnd: nothing, ...what };
}

export const put = (request: PutRequest): RequestOp => ({ requestPut: request });
export const remove = (request: DeleteRangeRequest): RequestOp => ({ requestDeleteRange: request });
export const get = (request: RangeRequest): RequestOp => ({ requestRange: request });
