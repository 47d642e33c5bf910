/**
 * Bugs that can be switched on in the real code, to prove that the simulator finds them: a checker that cannot fail
 * proves nothing. They are options of constructors that no flag, file or message reaches, so nobody can switch one on
 * from outside; docs/simulator.md says what each breaks.
 */
import type { Mutation } from '@timonier/raft';

export type StoreBug =
  /** The log answers before `fdatasync` made the write durable. */
  | 'ack-before-fsync'
  /** A new segment does not repeat the hard state, which goes with the oldest one. */
  | 'hard-state-not-repeated'
  /** What a killed process wrote counts as durable without being synced. */
  | 'recovered-not-synced'
  /** Rests of a torn write stay behind the end of the log. */
  | 'torn-rest-stays'
  /** The state on disk may be ahead of what the own log has durably. */
  | 'state-ahead-of-log'
  /** What LevelDB had no room for counts as written. */
  | 'full-batch-counts'
  /** LevelDB is written without a sync. */
  | 'state-not-synced'
  /** What the state on disk says about itself is written behind the batch, not with it. */
  | 'meta-not-in-batch'
  /** The log is let go before the state behind it is on disk. */
  | 'log-released-early'
  /** The vote is forgotten by a restart. */
  | 'vote-forgotten'
  /** The state on disk claims one entry less than it holds. */
  | 'entry-applied-twice'
  /** Requests of the current term are submitted again too when leadership changes. */
  | 'submitted-twice'
  /** A refusal of an earlier term takes back what was submitted again since. */
  | 'late-refusal'
  /** A comparison in a transaction always holds. */
  | 'compare-ignored'
  /** A comparison of values always holds, so that an office can be taken twice. */
  | 'value-not-compared'
  /** Compaction takes what readers at its own revision still see. */
  | 'live-revision-compacted'
  /** Deletions are not recovered from disk. */
  | 'deletion-lost'
  /** A put without a lease leaves the key on its old one. */
  | 'lease-not-detached'
  /** Leases are not written to disk. */
  | 'lease-lost-on-restart'
  /** A new leader counts the time of leases from when nobody could renew them. */
  | 'lease-not-extended'
  /** A member that does not lead answers renewals as if it did. */
  | 'renewed-by-follower'
  /** A new leader renews leases whose end may be in its log, and not applied yet. */
  | 'renewed-before-applied'
  /** A leader renews leases however long ago a majority confirmed that it leads, and its successor waits for none. */
  | 'renewed-unproven'
  /** What an old leader decided about the end of a lease is carried out under a new one. */
  | 'expiry-of-old-leader'
  /** A watch that resumes misses the revision it asked for. */
  | 'watch-off-by-one'
  /** A watcher that lags gets new events at once, and never the older ones. */
  | 'watch-overtaken'
  /** A watcher whose client was slow goes on with what is new. */
  | 'watch-gap'
  /** The events of one transaction are delivered backwards. */
  | 'txn-events-reversed'
  /** An installed snapshot is not replayed to watchers. */
  | 'watch-not-replayed'
  /** A snapshot leaves out the oldest history. */
  | 'snapshot-without-history'
  /** Linearizable reads rest on the leader's lease instead of a quorum round. */
  | 'read-by-lease'
  /** A read does not wait until its index is applied. */
  | 'read-before-applied'
  /** A learner becomes a voter whether it is there or not. */
  | 'promoted-unready'
  /** Who was removed is forgotten by a restart. */
  | 'removal-forgotten'
  /** Others are not looked for where the flags say. */
  | 'flags-ignored'
  /** The leader counts on it that all members speak the version that it speaks itself. */
  | 'version-unheard'
  /** A witness answers clients. */
  | 'witness-serves'
  /** A shorter timeout is in force at once, whatever was promised under the longer one. */
  | 'promise-cut-short'
  /** A member votes right after a restart, although it may have promised its loyalty. */
  | 'no-abstention';

export type KnownBug = Mutation | StoreBug;

export type KnownBugs = ReadonlySet<KnownBug>;

export const noBugs: KnownBugs = new Set();
