/**
 * The state of one member and the draft of the current step's effects, shared by the modules that each know one
 * concern (election, replication, reads, membership, transfer). Only they touch it; hosts see RaftNode.
 *
 * Invariants: term and commit only grow; within a term `vote` changes only from null; role is leader only in a term
 * whose ballot was won; entries up to commit never change.
 */
import { invariant } from './invariant.ts';
import { LogView } from './log-view.ts';
import { ConfigurationHistory, decodeConfiguration, isWitness } from './membership.ts';
import type { Message } from './messages.ts';
import { Progress } from './progress.ts';
import { ReadQueue } from './read-queue.ts';
import type {
  AcceptedProposal,
  Configuration,
  DroppedProposal,
  Effects,
  Entry,
  Mutation,
  NodeId,
  QuorumRound,
  RaftOptions,
  Role,
  SnapshotDescriptor,
} from './types.ts';

const NONE: readonly never[] = Object.freeze([]);
const NO_MUTATIONS: ReadonlySet<Mutation> = new Set();

export class Core {
  readonly id: NodeId;
  readonly options: RaftOptions;
  readonly log: LogView;
  readonly history: ConfigurationHistory;
  readonly mutations: ReadonlySet<Mutation>;

  term: number;
  vote: NodeId | null;
  commit: number;
  applied: number;
  role: Role = 'follower';
  leader: NodeId | null = null;
  diskStalled = false;
  /** Nothing that was promised in an earlier life counts any more. */
  absolved = false;

  /** Ticks stepped so far, and the newest `now` the host mentioned. */
  ticks = 0;
  now = 0;
  /** Silence for this many ticks ends loyalty. */
  electionTicks: number;
  /** The election timer: expires when ticks - timerStart >= timeout. */
  timerStart = 0;
  timeout = 0;
  /** Another member asked for a pre-vote since the leader was last heard of, and this one was still loyal. */
  wasAsked = false;
  /** Campaigns since a leader was last heard of, and how many more may follow at short distance. */
  failedCampaigns = 0;
  hurriedCampaigns = 0;

  /** Candidates: answers so far. */
  readonly votes = new Map<NodeId, boolean>();

  /** Leaders: everyone else. */
  readonly progress = new Map<NodeId, Progress>();
  /** Leaders: own log is durable up to here, as far as known. */
  persisted: number;
  /** The term in which a write was last reported durable. */
  durableTerm: number;
  /** Leaders: the first index of the own term. */
  termStart = 0;
  heartbeatStart = 0;
  sentRound = 0;
  ackedRound = 0;
  /** Unacknowledged rounds, oldest first; bounded, because a leader without a quorum's answers steps down. */
  rounds: { round: number; sentAt: number }[] = [];
  quorumRound: QuorumRound | null = null;
  transferee: NodeId | null = null;
  transferStart = 0;
  /** Transfers given up in this term: of the own ones as leader, else as the leader tells; -1 while it did not. */
  abandoned = -1;
  /** Leaders: rounds up to this one were sent when somebody named could still campaign; they prove no lease. */
  unprovenRound = 0;

  /** Witnesses: up to where every full voter is known to hold the log. */
  settled = 0;

  readonly reads: ReadQueue;

  // The draft of this step's effects.
  #messages: Message[] = [];
  #append: readonly Entry[] = NONE;
  #install: SnapshotDescriptor | null = null;
  #hardStateChanged = false;
  #configurationChanged = false;
  #accepted: AcceptedProposal | null = null;
  #dropped: DroppedProposal[] = [];
  #roundReported: QuorumRound | null = null;
  #writtenCommit: number;
  #reported: { role: Role; term: number; leader: NodeId | null; commit: number };

  constructor(options: RaftOptions) {
    const { hardState, log } = options;
    const snapshot = log.snapshot();
    this.id = options.id;
    this.options = options;
    this.electionTicks = options.electionTicks;
    this.mutations = options.mutations ?? NO_MUTATIONS;
    this.log = new LogView(log);
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.commit = Math.max(hardState.commit, snapshot.index, options.applied ?? 0);
    this.applied = Math.max(snapshot.index, options.applied ?? 0);
    this.persisted = this.log.lastIndex;
    this.durableTerm = hardState.term;
    this.history = new ConfigurationHistory(snapshot.index, options.configuration);
    this.reads = new ReadQueue(options.maxPendingReads ?? 65_536, options.random);
    invariant(this.commit <= this.log.lastIndex, () => {
      return `commit ${this.commit} lies beyond the recovered log's end ${this.log.lastIndex}`;
    });
    for (let next = Math.max(log.firstIndex(), snapshot.index + 1); next <= this.log.lastIndex;) {
      const entries = this.log.entriesFrom(next, 1 << 20);
      for (const entry of entries) this.#noteConfiguration(entry);
      next += entries.length;
    }
    this.#configurationChanged = false;
    this.#writtenCommit = hardState.commit;
    // Reporting starts at what was applied, so that the first effects name the recovered commit index.
    this.#reported = { role: this.role, term: this.term, leader: null, commit: this.applied };
  }

  /** In force: that of the newest configuration entry in the log, committed or not. */
  get configuration(): Configuration {
    return this.history.current;
  }

  get isVoter(): boolean {
    return this.configuration.voters.includes(this.id);
  }

  /**
   * Whether this member may campaign. Also when it is a voter only by the committed configuration: the entry that takes
   * it out may exist on nobody else, and those who need its vote then cannot win against its longer log. It leads
   * until that entry is committed (dissertation §4.2.2).
   */
  get mayLead(): boolean {
    return this.isVoter || this.history.committed(this.commit).voters.includes(this.id);
  }

  get isWitness(): boolean {
    return isWitness(this.configuration, this.id);
  }

  /** Leaders: whether an entry of the own term is committed. */
  get termCommitted(): boolean {
    return this.role === 'leader' && this.commit >= this.termStart;
  }

  /** Whether promises of an earlier life may still hold. */
  get abstains(): boolean {
    return !this.absolved && this.ticks < (this.options.abstainTicks ?? 0);
  }

  /** Whether a known bug is switched on. */
  has(mutation: Mutation): boolean {
    return this.mutations.size > 0 && this.mutations.has(mutation);
  }

  /** Adds to the effects of this step. */
  send(message: Message): void {
    this.#messages.push(message);
  }

  /** Leaders' messages may overtake the disk, unless even the term is not durable yet (a group of one voter). */
  get leaderMustWait(): boolean {
    return this.durableTerm < this.term;
  }

  /** Throws `RaftInvariantError` when the term would go back or a vote be changed. */
  setTerm(term: number, vote: NodeId | null): void {
    invariant(term >= this.term, () => `term goes back from ${this.term} to ${term}`);
    if (term === this.term && vote === this.vote) return;
    if (term > this.term) this.abandoned = -1;
    this.term = term;
    this.vote = vote;
    this.#hardStateChanged = true;
  }

  /** Adds entries to the log, cutting off what conflicts. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.log.lastIndex) {
      invariant(first.index > this.commit, () => `entry ${first.index} would replace commit ${this.commit}`);
      this.persisted = Math.min(this.persisted, first.index - 1);
      if (!this.has('configuration-stays') && this.history.cut(first.index))
        this.#configurationChanged = true;
    }
    this.log.append(entries);
    this.#append = entries;
    for (const entry of entries) this.#noteConfiguration(entry);
  }

  #noteConfiguration(entry: Entry): void {
    if (entry.type !== 'config') return;
    this.history.append(entry.index, decodeConfiguration(entry.data).configuration, this.commit);
    this.#configurationChanged = true;
  }

  install(snapshot: SnapshotDescriptor): void {
    this.log.install(snapshot);
    this.history.reset(snapshot.index, snapshot.configuration);
    this.commit = snapshot.index;
    this.applied = snapshot.index;
    this.persisted = 0;
    this.#install = snapshot;
    this.#configurationChanged = true;
    this.#reported.commit = snapshot.index;
  }

  accept(accepted: AcceptedProposal): void {
    this.#accepted = accepted;
  }

  drop(context: number | undefined, reason: DroppedProposal['reason']): void {
    this.#dropped.push({ context, reason, leader: this.leader });
  }

  reportRound(round: QuorumRound): void {
    this.quorumRound = round;
    this.#roundReported = round;
  }

  /** Closes the step: everything the host must do about it. */
  takeEffects(): Effects {
    const reported = this.#reported;
    const effects: { -readonly [K in keyof Effects]: Effects[K] } = {
      append: this.#append,
      messages: this.#messages.length > 0 ? this.#messages : NONE,
      reads: this.reads.takeReady(),
      rejectedReads: this.reads.takeRejected(),
      droppedProposals: this.#dropped.length > 0 ? this.#dropped : NONE,
    };
    const writes = this.#append.length > 0 || this.#install !== null;
    if (this.#install !== null) effects.installSnapshot = this.#install;
    if (this.#hardStateChanged || (writes && this.commit !== this.#writtenCommit)) {
      effects.hardState = { term: this.term, vote: this.vote, commit: this.commit };
      this.#writtenCommit = this.commit;
    }
    if (writes || this.#hardStateChanged) effects.persist = { index: this.log.lastIndex, term: this.term };
    if (this.commit !== reported.commit) {
      effects.commit = this.commit;
      reported.commit = this.commit;
    }
    if (this.#accepted !== null) effects.accepted = this.#accepted;
    if (this.#configurationChanged) effects.configuration = this.configuration;
    if (this.#roundReported !== null) effects.quorumRound = this.#roundReported;
    if (reported.role !== this.role || reported.term !== this.term || reported.leader !== this.leader) {
      reported.role = this.role;
      reported.term = this.term;
      reported.leader = this.leader;
      effects.roleChange = { role: this.role, term: this.term, leader: this.leader };
    }
    if (this.#messages.length > 0) this.#messages = [];
    if (this.#dropped.length > 0) this.#dropped = [];
    this.#append = NONE;
    this.#install = null;
    this.#hardStateChanged = false;
    this.#configurationChanged = false;
    this.#accepted = null;
    this.#roundReported = null;
    return effects;
  }
}
