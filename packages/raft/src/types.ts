/**
 * The public vocabulary of the consensus core: what a host feeds in, what it must do with what comes out.
 *
 * The contract of a host, in order, for every `step(input)`:
 *  1. `installSnapshot`: replace state and log by the received snapshot (the log view at once, durably in order).
 *  2. `append`: add to the log view before the next `step` (first cutting everything from `append[0].index` on).
 *  3. send `messages` whose `afterPersist` is false; queue the others behind the write of this effect.
 *  4. write `hardState` and `append` durably, in order with earlier writes; several effects may share one fsync.
 *  5. when durable: send the queued messages, and step `{ type: 'persisted', ...effects.persist }` (the newest one
 *     is enough when several became durable together).
 *  6. `commit`: apply entries up to it, in order, when convenient; then step `{ type: 'applied', index }`.
 * The core is synchronous and never calls back.
 */
import type { Configuration, Entry, NodeId } from './entry.ts';
import type { Message } from './messages.ts';

export type { Configuration, Entry, EntryType, NodeId } from './entry.ts';

/** What a member must remember across a crash besides its log. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId | null;
  /** Only a hint that speeds up restart: never beyond the durable log, may be behind. */
  readonly commit: number;
}

export interface SnapshotDescriptor {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

/**
 * The host's synchronous view of its log, persisted and unpersisted alike. `MemoryLog` is the in-memory twin.
 * Entries up to `snapshot().index` may be gone; an empty log has lastIndex() = snapshot().index.
 */
export interface RaftLog {
  /** The first index still held; snapshot().index + 1 or lower (a host may keep entries behind its snapshot). */
  firstIndex(): number;
  lastIndex(): number;
  /** Term of the entry; also answers for firstIndex() - 1. Below: throws CompactedError; above lastIndex(): RangeError. */
  term(index: number): number;
  /** [from, toExclusive), cut so that data stays within maxBytes but at least one entry. CompactedError as above. */
  entries(from: number, toExclusive: number, maxBytes: number): readonly Entry[];
  /** The newest snapshot that could be sent to a follower. { index: 0, term: 0, configuration } when there is none. */
  snapshot(): SnapshotDescriptor;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface Proposal {
  /** `normal` unless said otherwise. At most one `config` per input, and then alone. */
  readonly type?: 'normal' | 'config';
  readonly data: Uint8Array;
}

export type Input =
  /**
   * Time passed. A late tick is stepped once, not several times, and only after all queued messages, so that a
   * stalled process does not mistake its own lateness for the leader's silence. `now`: opaque monotonic
   * milliseconds (CLOCK_BOOTTIME), only ever handed back in `quorumRound`.
   */
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'message'; readonly message: Message }
  /** All entries or none are accepted. Not the leader: droppedProposals names it, and the host forwards. */
  | { readonly type: 'propose'; readonly entries: readonly Proposal[]; readonly context?: number }
  /**
   * Linearizable read barrier. `context` is the host's, unique among its unanswered reads; one may stand for any
   * number of client reads collected in this turn. Works on every member (forwarded to the leader).
   */
  | { readonly type: 'read'; readonly context: number; readonly now?: number }
  /** Hand leadership over; ignored by non-leaders. Gives up after electionTicks. */
  | { readonly type: 'transfer'; readonly target: NodeId }
  /** The connection from this peer was closed (FIN or RST): its process is most likely gone. */
  | { readonly type: 'peer-closed'; readonly peer: NodeId }
  /** Echo of `effects.persist`: that write and all earlier ones are durable. */
  | { readonly type: 'persisted'; readonly index: number; readonly term: number }
  | { readonly type: 'applied'; readonly index: number }
  /** Start an election now, through a pre-vote (bootstrap, tests, operators). Ignored by leaders and non-voters. */
  | { readonly type: 'campaign' }
  /** The snapshot asked for by a `snapshot` message was handed over completely, or was not. */
  | { readonly type: 'snapshot-sent'; readonly peer: NodeId }
  | { readonly type: 'snapshot-failed'; readonly peer: NodeId }
  /** A message to this peer was not delivered (queue full, no connection). */
  | { readonly type: 'unreachable'; readonly peer: NodeId }
  /**
   * From now on this many ticks take the place of `RaftOptions.electionTicks` on this member. A host that lowers it
   * must have let everything pass that it promised under the old one.
   */
  | { readonly type: 'election-timeout'; readonly ticks: number }
  /** The oldest unfinished disk write became too old (true), or the disk caught up (false). */
  | { readonly type: 'disk-stalled'; readonly stalled: boolean };

export type DropReason =
  | 'not-leader'
  | 'transferring'
  | 'witness' // it leads only to hand over
  | 'disk-stalled'
  | 'overloaded' // maxUncommitted entries are waiting for a quorum
  | 'term-not-committed' // membership change before the leader committed in its own term
  | 'change-in-progress' // the previous membership change is not committed yet
  | 'invalid-configuration'; // not a change of at most one voter, or malformed

export interface DroppedProposal {
  readonly context: number | undefined;
  readonly reason: DropReason;
  readonly leader: NodeId | null;
}

/** Where accepted proposals went: committed if and only if the entry at these indexes has this term when applied. */
export interface AcceptedProposal {
  readonly context: number | undefined;
  readonly term: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** Never reported while leadership is being handed over, nor of a round sent before that was given up. */
export interface QuorumRound {
  readonly term: number;
  readonly round: number;
  /**
   * The latest `now` known when the round was sent (so never later than the true send time). A leader's lease is
   * proven until `sentAt` + the election timeout; it may close gates, it never serves a read.
   */
  readonly sentAt: number;
}

export interface RoleChange {
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId | null;
}

/** What one step asks of the host; see the contract at the top of this file. Absent and empty mean nothing to do. */
export interface Effects {
  /** Replace state and log by this snapshot, whose data the host received with the `snapshot` message. */
  readonly installSnapshot?: SnapshotDescriptor;
  /** Must be durable before messages with `afterPersist` leave. */
  readonly hardState?: HardState;
  /** Persist, truncating any conflict from append[0].index on. */
  readonly append: readonly Entry[];
  /** Present when anything above is: the token to step back as `persisted` once it is all durable. */
  readonly persist?: { readonly index: number; readonly term: number };
  readonly messages: readonly Message[];
  /**
   * New commit index (after a restart the first effects name the recovered one): apply up to here. May be ahead of the local disk (a quorum of others suffices); a state machine
   * that persists by itself must not hold entries its own log could still lose.
   */
  readonly commit?: number;
  /** Reads that may be served once applied >= index. */
  readonly reads: readonly { readonly context: number; readonly index: number }[];
  /** Reads whose barrier failed (no leader, leadership lost): ask again or fail the client. */
  readonly rejectedReads: readonly { readonly context: number; readonly leader: NodeId | null }[];
  readonly droppedProposals: readonly DroppedProposal[];
  readonly accepted?: AcceptedProposal;
  /** Role, term or known leader changed. */
  readonly roleChange?: RoleChange;
  /** The configuration in force changed (it applies from append on, and returns when its entry is cut off). */
  readonly configuration?: Configuration;
  /** Leaders: a newer round was acknowledged by a quorum. */
  readonly quorumRound?: QuorumRound;
}

/** Known bugs, switched on in the real code to prove that the simulator finds them. Never set outside tests. */
export type Mutation =
  | 'vote-twice' // grants a second vote in the same term
  | 'vote-without-log-check' // votes for candidates that lack committed entries
  | 'ack-before-persist' // acknowledges appends that a crash may lose
  | 'vote-before-persist' // lets votes leave that a crash may forget
  | 'commit-old-term' // counts replicas of entries of earlier terms (Raft paper, figure 8)
  | 'read-without-quorum' // serves reads on the leader's word alone
  | 'read-before-own-term' // serves reads before the leader committed in its term
  | 'keep-conflicts' // does not cut off conflicting entries
  | 'late-transfer' // obeys the call of a transfer that was given up
  | 'witness-stays' // a witness that leads takes proposals and keeps its office
  | 'witness-forgets' // a witness drops entries that a full voter lacks
  | 'learner-counts' // takes a learner's copy for a voter's
  | 'two-changes' // changes the configuration before the last change is committed
  | 'configuration-stays' // keeps a configuration whose entry was cut off
  | 'removed-leads-on' // keeps the office when its own removal is committed
  | 'stale-acknowledgement' // counts acknowledgements of an earlier term
  | 'absolved-by-anyone' // forgets promises of an earlier life when any connection closes
  | 'disloyal'; // grants pre-votes and votes while the leader is heard

export interface RaftOptions {
  readonly id: NodeId;
  readonly log: RaftLog;
  /** As recovered; `{ term: 0, vote: null, commit: 0 }` for a new member. */
  readonly hardState: HardState;
  /** In force at the log's snapshot (or at bootstrap); `config` entries found in the log are replayed over it. */
  readonly configuration: Configuration;
  /** Applied by the recovered state machine, at most the log's last index. */
  readonly applied?: number;
  /** Silence for this many ticks ends loyalty to a leader; timeouts fall in [electionTicks, 2 × electionTicks). */
  readonly electionTicks: number;
  /**
   * For this many ticks after the start this member neither campaigns nor grants a vote, except to one whom the leader
   * named: it may have promised its loyalty before a crash. It ends early when a leader that was heard of since closes
   * its connection. Default 0.
   */
  readonly abstainTicks?: number;
  readonly heartbeatTicks: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Append messages in flight to one peer. */
  readonly maxInflight: number;
  /** Bytes of entry data in one append message (one entry is always allowed). */
  readonly maxAppendBytes: number;
  /** Entries appended and not yet committed, beyond which a leader refuses proposals. Default 65,536. */
  readonly maxUncommitted?: number;
  /** Reads waiting for a barrier, beyond which they are rejected. Default 65,536. */
  readonly maxPendingReads?: number;
  /** Order among candidates, 0 first. Default: position of the id among the voters other than the lost leader. */
  readonly rank?: number;
  readonly mutations?: ReadonlySet<Mutation>;
}

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export interface PeerStatus {
  readonly state: ProgressState;
  readonly voter: boolean;
  readonly match: number;
  readonly next: number;
  readonly inflight: number;
  /** Whether it was ever heard of in this term. */
  readonly heard: boolean;
  /** Ticks since it was last heard of, or since this member came to look after it. */
  readonly silentTicks: number;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly vote: NodeId | null;
  readonly leader: NodeId | null;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  /** Own log, durable up to here (as far as needed: exact on leaders). */
  readonly persisted: number;
  readonly configuration: Configuration;
  readonly transferring: NodeId | null;
  readonly diskStalled: boolean;
  /** Leaders: an entry of the own term is committed, so reads and membership changes are possible. */
  readonly termCommitted: boolean;
  /** Leaders: the newest acknowledged round. */
  readonly quorumRound: QuorumRound | null;
  /** Leaders: every other member. */
  readonly progress: ReadonlyMap<NodeId, PeerStatus>;
}
