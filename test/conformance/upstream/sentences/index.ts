/** All sentences, in the order in which they are begun; those that stop programs come last. */
import type { Sentence } from '../world.ts';
import { availability } from './availability.ts';
import { budgets } from './budgets.ts';
import { certificates } from './certificates.ts';
import { cluster } from './cluster.ts';
import { cronJobSentences } from './cron-jobs.ts';
import { jobSentences } from './jobs.ts';
import { network } from './network.ts';
import { nodeSentences } from './nodes.ts';
import { scheduling } from './scheduling.ts';
import { storage } from './storage.ts';
import { workloads } from './workloads.ts';

export const sentences: readonly Sentence[] = [
  ...nodeSentences,
  ...certificates,
  ...jobSentences,
  ...cronJobSentences,
  ...workloads,
  ...network,
  ...budgets,
  ...cluster,
  ...storage,
  ...scheduling,
  ...availability,
];
