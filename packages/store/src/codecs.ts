/** What the log and the state hold, as messages that are compiled once. Which 64-bit fields are ids is decided here. */
import { loadMessage } from '@timonier/grpc';
import type { AuthChange, Authentication } from './auth/types.ts';
import type {
  Alarm,
  CompactionRequest,
  DeleteRangeRequest,
  KeyValue,
  LeaseGrantRequest,
  PutRequest,
  TxnRequest,
} from './types.ts';

/** Random 64-bit ids; everything else of 64 bits is a revision, a count or a time and fits a number. */
export const idFields = ['ID', 'lease', 'clusterId', 'memberId', 'memberID', 'leader', 'targetID'] as const;

const options = { bigintFields: idFields };

export interface StoredRequest {
  readonly id: number;
  readonly put?: PutRequest;
  readonly deleteRange?: DeleteRangeRequest;
  readonly txn?: TxnRequest;
  readonly compaction?: CompactionRequest;
  readonly leaseGrant?: LeaseGrantRequest;
  readonly leaseRevoke?: { readonly ID: bigint };
  readonly leaseExpiry?: { readonly ID: bigint; readonly term: number };
  readonly clusterVersion?: ClusterVersionChange;
  readonly leaseCheckpoints?: LeaseCheckpoints;
  readonly memberAttributes?: MemberAttributes;
  readonly alarm?: Alarm & { readonly activate: boolean };
  readonly auth?: AuthChange;
  readonly authenticate?: Authentication;
  /** Who asked; neither is there while nobody needs to say. */
  readonly username?: string;
  readonly authRevision?: number;
}

export interface ClusterVersionChange {
  readonly version: number;
  /** Who belonged to the cluster when it was decided. */
  readonly members: readonly string[];
}

/** Seconds that are left of leases; 0 takes an earlier word on it back. */
export interface LeaseCheckpoints {
  readonly term: number;
  readonly checkpoints: readonly { readonly ID: bigint; readonly remainingTtl: number }[];
}

export interface MemberAttributes {
  readonly id: string;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
}

export interface EntryBatch {
  readonly proposer: number;
  readonly requests: readonly StoredRequest[];
}

export const entryBatchCodec = loadMessage<EntryBatch>(
  'raft/log.proto',
  'timonier.raft.v1.EntryBatch',
  options,
);
export const changeSetCodec = loadMessage<{ readonly changes: readonly KeyValue[] }>(
  'raft/log.proto',
  'timonier.raft.v1.ChangeSet',
  options,
);
