/** What the leader knows when it judges a change of members. */
import type { NodeId } from '@timonier/raft';
import type { RaftHost } from '../host.ts';
import { noBugs } from '../known-bugs.ts';
import type { StateMachine } from '../state-machine.ts';
import type { Situation } from './rules.ts';

export interface Strictness {
  /** Etcd's --strict-reconfig-check. */
  readonly strict: boolean;
  readonly maxLearners: number;
}

/** Undefined when this member does not lead, or has not applied the configuration in force. */
export function situationOf(
  host: RaftHost,
  machine: StateMachine,
  { strict, maxLearners }: Strictness,
  elsewhere: ReadonlySet<NodeId> = new Set(),
  bugs = noBugs,
): Situation | undefined {
  const { role, id, configuration, progress, commit } = host.status;
  if (role !== 'leader') return undefined;
  const isApplied = JSON.stringify(configuration) === JSON.stringify(machine.configuration);
  if (!isApplied && !bugs.has('two-changes')) return undefined;
  const healthy = new Set<NodeId>([id]);
  const match = new Map<NodeId, number>();
  for (const [peer, { silentTicks, match: index, heard }] of progress) {
    if (heard && silentTicks < host.electionTicks) healthy.add(peer);
    match.set(peer, index);
  }
  return {
    configuration,
    members: machine.members,
    removed: machine.removed,
    healthy,
    match,
    committed: commit,
    elsewhere,
    strict,
    maxLearners,
  };
}
