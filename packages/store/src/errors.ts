/** etcd's errors: the texts and codes that its clients compare against. */
import { GrpcError, Status, type StatusCode } from '@timonier/grpc';

function make(code: StatusCode, text: string): () => GrpcError {
  return () => new GrpcError(code, `etcdserver: ${text}`);
}

export const etcdError = {
  emptyKey: make(Status.INVALID_ARGUMENT, 'key is not provided'),
  keyNotFound: make(Status.INVALID_ARGUMENT, 'key not found'),
  valueProvided: make(Status.INVALID_ARGUMENT, 'value is provided'),
  leaseProvided: make(Status.INVALID_ARGUMENT, 'lease is provided'),
  tooManyOps: make(Status.INVALID_ARGUMENT, 'too many operations in txn request'),
  duplicateKey: make(Status.INVALID_ARGUMENT, 'duplicate key given in txn request'),
  invalidSortOption: make(Status.INVALID_ARGUMENT, 'invalid sort option'),
  compacted: make(Status.OUT_OF_RANGE, 'mvcc: required revision has been compacted'),
  futureRevision: make(Status.OUT_OF_RANGE, 'mvcc: required revision is a future revision'),
  noSpace: make(Status.RESOURCE_EXHAUSTED, 'mvcc: database space exceeded'),
  leaseNotFound: make(Status.NOT_FOUND, 'requested lease not found'),
  leaseExists: make(Status.FAILED_PRECONDITION, 'lease already exists'),
  leaseTtlTooLarge: make(Status.OUT_OF_RANGE, 'too large lease TTL'),
  memberNotFound: make(Status.NOT_FOUND, 'member not found'),
  memberExists: make(Status.FAILED_PRECONDITION, 'member ID already exist'),
  peerUrlExists: make(Status.FAILED_PRECONDITION, 'Peer URLs already exists'),
  memberBadUrls: make(Status.INVALID_ARGUMENT, 'given member URLs are invalid'),
  memberNotLearner: make(Status.FAILED_PRECONDITION, 'can only promote a learner member'),
  learnerNotReady: make(
    Status.FAILED_PRECONDITION,
    'can only promote a learner member which is in sync with leader',
  ),
  tooManyLearners: make(Status.FAILED_PRECONDITION, 'too many learner members in cluster'),
  // Without a code of its own in etcd, too.
  notEnoughStarted: make(Status.UNKNOWN, 're-configuration failed due to not enough started members'),
  unhealthy: make(Status.UNAVAILABLE, 'unhealthy cluster'),
  // Not of etcd, where nobody looks.
  lastInPlace: make(
    Status.FAILED_PRECONDITION,
    'the other voters have moved: update their peer URLs before this member is removed',
  ),
  stateIsLost: make(
    Status.FAILED_PRECONDITION,
    'no full voter that would be left has caught up: wait until one has',
  ),
  notForLearner: make(Status.UNAVAILABLE, 'rpc not supported for learner'),
  witness: (): GrpcError =>
    new GrpcError(
      Status.UNAVAILABLE,
      'timonier store: this member is a witness and serves no clients; ask another member',
    ),
  transferTimeout: make(Status.UNAVAILABLE, 'request timed out, leader transfer took too long'),
  requestTooLarge: make(Status.INVALID_ARGUMENT, 'request is too large'),
  tooManyRequests: make(Status.RESOURCE_EXHAUSTED, 'too many requests'),
  noLeader: make(Status.UNAVAILABLE, 'no leader'),
  notLeader: make(Status.FAILED_PRECONDITION, 'not leader'),
  leaderChanged: make(Status.UNAVAILABLE, 'leader changed'),
  stopped: make(Status.UNAVAILABLE, 'server stopped'),
  replacing: make(Status.UNAVAILABLE, 'a snapshot is being installed'),
  timeout: make(Status.UNAVAILABLE, 'request timed out'),
  corrupt: make(Status.DATA_LOSS, 'corrupt cluster'),
  badLeaderTransferee: make(Status.FAILED_PRECONDITION, 'bad leader transferee'),
} as const;

/** A method of etcd's API that this store does not offer. */
export function unimplemented(what: string): GrpcError {
  return new GrpcError(Status.UNIMPLEMENTED, `timonier store: ${what} is not supported`);
}
