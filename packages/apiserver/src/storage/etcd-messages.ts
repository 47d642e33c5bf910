/**
 * The messages of the etcd v3 API that the API server uses, as types: what `@timonier/grpc` makes of
 * `proto/etcd/rpc.proto`. Revisions are numbers: they stay exact far beyond what a cluster can write.
 */

export interface ResponseHeader {
  readonly revision: number;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Buffer;
  readonly lease: number;
}

export interface RangeRequest {
  readonly key: string;
  readonly rangeEnd?: string | Buffer;
  readonly limit?: number;
  readonly revision?: number;
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header?: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface Compare {
  readonly result: 'EQUAL' | 'GREATER' | 'LESS' | 'NOT_EQUAL';
  readonly target: 'VERSION' | 'CREATE' | 'MOD' | 'VALUE';
  readonly key: string;
  readonly createRevision?: number;
  readonly modRevision?: number;
  readonly value?: string | Buffer;
}

export interface RequestOp {
  readonly requestRange?: RangeRequest;
  readonly requestPut?: { readonly key: string; readonly value: string | Buffer; readonly lease?: number };
  readonly requestDeleteRange?: { readonly key: string };
}

export interface TxnResponse {
  readonly header?: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeResponse }[];
}

export interface WatchRequest {
  readonly createRequest: {
    readonly key: string | Buffer;
    readonly rangeEnd: string | Buffer;
    readonly startRevision: number;
    readonly prevKv?: boolean;
    readonly progressNotify?: boolean;
  };
}

export interface StoreEvent {
  /** 0 is a put, 1 a deletion. */
  readonly type: number;
  readonly kv?: KeyValue;
  readonly prevKv?: KeyValue;
}

export interface WatchResponse {
  readonly header?: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly StoreEvent[];
}

type TxnRequest = {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
};

export type KvShape = {
  range: { request: RangeRequest; response: RangeResponse };
  txn: { request: TxnRequest; response: TxnResponse };
  compact: { request: { readonly revision: number }; response: { readonly header?: ResponseHeader } };
};

export type LeaseShape = {
  leaseGrant: {
    request: { readonly ID: number; readonly TTL: number };
    response: { readonly error: string };
  };
};

export type WatchShape = {
  watch: { request: WatchRequest; response: WatchResponse };
};
