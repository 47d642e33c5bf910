/** The part of etcd's v3 protocol that the clients of a chaos run speak. */
import { type GrpcClient, loadService } from '@timonier/grpc';

export interface WireKeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface Header {
  readonly revision: number;
  readonly memberId: bigint;
}

export interface PutAnswer {
  readonly header: Header;
  readonly prevKv?: WireKeyValue | undefined;
}

export interface DeleteAnswer {
  readonly header: Header;
  readonly deleted: number;
  readonly prevKvs: readonly WireKeyValue[];
}

export interface RangeAnswer {
  readonly header: Header;
  readonly kvs: readonly WireKeyValue[];
}

export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeAnswer }[];
}

export interface WatchAnswer {
  readonly header: Header;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly events: readonly { readonly type: number; readonly kv: WireKeyValue }[];
}

type KvShape = {
  put: { request: object; response: PutAnswer };
  deleteRange: { request: object; response: DeleteAnswer };
  range: { request: object; response: RangeAnswer };
  txn: { request: object; response: TxnAnswer };
  compact: { request: object; response: object };
};
type WatchShape = { watch: { request: object; response: WatchAnswer; kind: 'bidi' } };
type MaintenanceShape = {
  status: {
    request: object;
    response: { readonly header: Header; readonly leader: bigint; readonly raftTerm: number };
  };
  moveLeader: { request: object; response: object };
};

export interface MemberAnswer {
  readonly ID: bigint;
  readonly peerURLs: readonly string[];
  readonly isLearner: boolean;
}

type ClusterShape = {
  memberList: { request: object; response: { readonly members: readonly MemberAnswer[] } };
  memberAdd: { request: object; response: object };
  memberRemove: { request: object; response: object };
  memberPromote: { request: object; response: object };
};

const options = { bigintFields: ['ID', 'clusterId', 'memberId', 'leader', 'lease', 'targetID'] };

export const kvService = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV', options);
export const watchService = loadService<WatchShape>('etcd/rpc.proto', 'etcdserverpb.Watch', options);
export const maintenanceService = loadService<MaintenanceShape>(
  'etcd/rpc.proto',
  'etcdserverpb.Maintenance',
  options,
);

export const clusterService = loadService<ClusterShape>('etcd/rpc.proto', 'etcdserverpb.Cluster', options);

export type ClusterClient = GrpcClient<ClusterShape>;
export type KvClient = GrpcClient<KvShape>;
