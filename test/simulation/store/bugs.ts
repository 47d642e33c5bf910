/** The known bugs of core and store: what each breaks, and a hunt for one of them. */
import type { KnownBug } from '../../../packages/store/src/known-bugs.ts';
import { RunFailure, simulate } from './simulation.ts';

/** Transfers and what ends a promise are hunted where leases are (../lease.test.ts). */
type Elsewhere = Extract<KnownBug, 'late-transfer' | 'absolved-by-anyone'>;

/** Every other bug, so that one cannot be added without being hunted. */
export const knownBugs: Readonly<Record<Exclude<KnownBug, Elsewhere>, string>> = {
  'vote-twice': 'grants a second vote in the same term',
  'vote-without-log-check': 'votes for candidates that lack committed entries',
  'ack-before-persist': 'a follower acknowledges appends that a crash may lose',
  'vote-before-persist': 'lets votes leave that a crash may forget',
  'commit-old-term': 'commits entries of earlier terms by counting (Raft paper, figure 8)',
  'read-without-quorum': 'serves reads without a read-index round',
  'read-before-own-term': 'serves reads before the leader committed in its term',
  'keep-conflicts': 'does not cut conflicting entries off the log',
  'stale-acknowledgement': 'does not check the term of acknowledgements',
  disloyal: 'grants pre-votes and votes while the leader is alive',
  'ack-before-fsync': 'the log answers before fdatasync',
  'hard-state-not-repeated': 'term and vote go with the oldest segment of the log',
  'recovered-not-synced': 'counts on what a killed process left in the page cache',
  'torn-rest-stays': 'leaves rests of a torn write behind the end of the log',
  'state-ahead-of-log': 'writes the state ahead of the own durable log, whose batch is then lost',
  'full-batch-counts': 'takes for written what LevelDB had no room for',
  'state-not-synced': 'writes LevelDB without a sync',
  'meta-not-in-batch': 'writes what a state says about itself behind the batch',
  'log-released-early': 'cuts the log before the state behind it is on disk',
  'vote-forgotten': 'forgets its vote when it restarts',
  'entry-applied-twice': 'applies the newest entry on disk again after a restart',
  'submitted-twice': 'submits requests again that are still on their way',
  'late-refusal': 'a late refusal takes back what was submitted again since',
  'compare-ignored': 'writes a transaction without comparing',
  'value-not-compared': 'takes an office without comparing its epoch',
  'live-revision-compacted': 'compaction removes the newest revision of a key',
  'deletion-lost': 'loses deletions when it restarts',
  'lease-not-detached': 'a put without a lease leaves the key on its old one',
  'lease-lost-on-restart': 'loses leases when it restarts',
  'lease-not-extended': 'a new leader ends leases that nobody could renew meanwhile',
  'renewed-by-follower': 'a member that does not lead promises renewals',
  'renewed-before-applied': 'renews a lease whose end is in the log and not applied yet',
  'renewed-unproven': 'a leader that was replaced renews leases until it notices',
  'expiry-of-old-leader': 'ends leases under a new leader because the old one decided so',
  'watch-off-by-one': 'a watch that resumes misses its first revision',
  'watch-overtaken': 'a watcher that lags gets new events before the old ones',
  'watch-gap': 'a slow watcher goes on with what is new',
  'txn-events-reversed': 'reverses the events of one transaction',
  'watch-not-replayed': 'an installed snapshot is not replayed to watchers',
  'snapshot-without-history': 'an installed snapshot lacks the history before it',
  'read-by-lease': "serves reads by the leader's lease, also while connections are reset",
  'read-before-applied': 'serves reads before their index is applied',
  'learner-counts': "takes a learner's copy for a voter's",
  'two-changes': 'changes members before the last change is committed',
  'configuration-stays': 'keeps a configuration whose entry was cut off',
  'removed-leads-on': 'leads on after its own removal',
  'promoted-unready': 'promotes a learner that is not there',
  'removal-forgotten': 'forgets by a restart who was removed',
  'flags-ignored': 'does not look where the flags say that others are',
  'version-unheard': 'raises the version of the log without having heard of every member',
  'witness-serves': 'a witness answers clients',
  'witness-stays': 'a witness that leads takes proposals',
  'witness-forgets': 'a witness drops entries that a full member lacks',
  'promise-cut-short': 'a shorter timeout holds at once, breaking promises',
  'no-abstention': 'votes right after a restart, breaking promises',
};

export type BugName = keyof typeof knownBugs;

/** In the order of the table above. */
export const bugNames = Object.keys(knownBugs) as readonly BugName[];

/** The mix of faults is drawn from the seed alone: the same for every bug, and for the code without any. */
export interface Catch {
  readonly seed: number;
  /** Of that seed's run. */
  readonly step: number;
  /** Seconds of CPU time since the hunt began. */
  readonly cpuSeconds: number;
  readonly message: string;
}

/** Lives through seeds until one shows the bug. Undefined when none of `count` seeds does. */
export async function hunt(
  bug: KnownBug,
  from: number,
  count: number,
  steps: number,
): Promise<Catch | undefined> {
  const begin = process.cpuUsage();
  for (let seed = from; seed < from + count; seed += 1)
    try {
      await simulate({ seed, steps, bugs: [bug] });
    } catch (error) {
      if (!(error instanceof RunFailure)) throw error;
      const { user, system } = process.cpuUsage(begin);
      const { step, message } = error;
      return { seed, step, cpuSeconds: (user + system) / 1e6, message };
    }
  return undefined;
}
