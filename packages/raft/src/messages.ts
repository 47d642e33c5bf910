/**
 * What members say to each other, as plain data.
 *
 * The host encodes these for its wire (every field except `afterPersist`, which is advice to the sender's host) and
 * hands decoded ones back as `{ type: 'message', message }`. Loss, delay, duplication and reordering are all
 * tolerated; only corruption and forged senders are not.
 */
import type { Configuration, Entry, NodeId } from './entry.ts';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; in pre-votes the term the candidate would campaign in. */
  readonly term: number;
  /**
   * True: the host sends it only when everything asked to be persisted in the same and in all earlier effects is
   * durable (votes, append acknowledgements). False: it may leave at once, in parallel with the disk write (a leader's
   * appends and heartbeats). Not part of the wire format.
   */
  readonly afterPersist: boolean;
}

/** Would you vote for me in `term`? Asking changes nobody's term. */
export interface PreVoteRequest extends Envelope {
  readonly type: 'pre-vote';
  readonly lastIndex: number;
  readonly lastTerm: number;
}

export interface PreVoteResponse extends Envelope {
  readonly type: 'pre-vote-response';
  readonly granted: boolean;
}

export interface VoteRequest extends Envelope {
  readonly type: 'vote';
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The candidate was named by the leader itself, so loyalty to that leader is no reason to refuse. */
  readonly transfer: boolean;
  /** With `transfer`: how many transfers that leader had given up when it named the candidate. */
  readonly abandoned: number;
}

export interface VoteResponse extends Envelope {
  readonly type: 'vote-response';
  readonly granted: boolean;
}

/** Entries following (prevIndex, prevTerm). Also the probe (`entries` may be empty). */
export interface AppendRequest extends Envelope {
  readonly type: 'append';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/** Accepted: the log agrees with the leader's up to `index`. Rejected: `index` repeats prevIndex, hints say where to retry. */
export interface AppendResponse extends Envelope {
  readonly type: 'append-response';
  readonly rejected: boolean;
  readonly index: number;
  /** On rejection: the last index at which agreement is possible, and the term of the follower's entry there. */
  readonly hintIndex: number;
  readonly hintTerm: number;
}

/** One leadership round: a quorum answering `round` proves leadership at the time the round was sent. */
export interface HeartbeatRequest extends Envelope {
  readonly type: 'heartbeat';
  readonly round: number;
  /** Never beyond what this follower is known to hold. */
  readonly commit: number;
  /** How many transfers the leader has given up in its term: whoever it named for one of them is not to be believed. */
  readonly abandoned: number;
  /** To witnesses: up to where every full voter holds the log durably; 0 to all others. */
  readonly settled: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeat-response';
  readonly round: number;
}

/** The commit index moved and there is nothing else to send. One-way. */
export interface CommitNotice extends Envelope {
  readonly type: 'commit';
  readonly commit: number;
}

/** A follower or learner asks the leader for a read index. */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'read-index';
  readonly context: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'read-index-response';
  readonly context: number;
  /** The read may be served once this index is applied; null: refused, ask again. */
  readonly index: number | null;
}

/** Leadership transfer: campaign now, without a pre-vote. */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now';
  /** How many transfers the leader had given up before this one. */
  readonly abandoned: number;
}

/**
 * The follower needs a snapshot. The sender's host sends its state at `index` (or later: then with that state's index,
 * term and configuration in this message) together with the message over a bulk channel, and reports `snapshot-sent`
 * or `snapshot-failed`. The receiver's host steps the message only when all data has arrived.
 */
export interface SnapshotRequest extends Envelope {
  readonly type: 'snapshot';
  readonly index: number;
  readonly snapshotTerm: number;
  readonly configuration: Configuration;
}

export type Message =
  | PreVoteRequest
  | PreVoteResponse
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | HeartbeatRequest
  | HeartbeatResponse
  | CommitNotice
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow
  | SnapshotRequest;

export type MessageType = Message['type'];
