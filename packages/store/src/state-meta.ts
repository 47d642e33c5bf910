/** What a state says about itself: a record that is written with every batch. Where it lies: meta-records.ts. */
import type { Configuration } from '@timonier/raft';
import type { StoredMember } from './membership/change.ts';
import type { Tally } from './state-seal.ts';
import type { Alarm } from './types.ts';

export interface StateMeta {
  readonly cluster: string;
  /** The log entry that brought the state here, and its term. */
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly configuration: Configuration;
  readonly members: readonly StoredMember[];
  /** Absent in states of before there were alarms. */
  readonly alarms?: readonly Alarm[];
  /** Version of what entries do; absent when none was decided. */
  readonly clusterVersion?: number;
  /** Ids that were members once and never will be again. */
  readonly removed?: readonly string[];
  /** What all other records add up to. Absent in states of before records had seals. */
  readonly tally?: Tally;
}

export type { StoredMember };
