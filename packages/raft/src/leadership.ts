/**
 * What keeps a leader in office, and how it leaves: check-quorum, the regular rounds, a stalled disk, its own removal.
 */
import type { Core } from './core.ts';
import { becomeFollower } from './loyalty.ts';
import { isWitness } from './membership.ts';
import { ballotResult } from './quorum.ts';
import { startRound } from './reads.ts';
import { sendTimeoutNow, tickTransfer } from './transfer.ts';
import type { NodeId } from './types.ts';

/** One tick of a leader: it resigns without a majority's answers, goes on with a transfer and sends heartbeats. */
export function tickLeader(core: Core): void {
  if (!hasQuorumContact(core)) {
    becomeFollower(core, core.term, null);
    return;
  }
  tickTransfer(core);
  if (core.ticks - core.heartbeatStart >= core.options.heartbeatTicks) {
    core.heartbeatStart = core.ticks;
    startRound(core, true);
  }
}

/** Check-quorum: a leader that a majority no longer answers has most likely been replaced. */
function hasQuorumContact(core: Core): boolean {
  const contacts = new Map<NodeId, boolean>([[core.id, true]]);
  for (const peer of core.progress.values()) {
    contacts.set(peer.id, core.ticks - peer.lastContact < core.electionTicks);
  }
  return ballotResult(core.configuration.voters, contacts) === 'won';
}

/** Leaves office in favour of the full voter that is furthest along. */
export function resign(core: Core): void {
  let best: { id: NodeId; match: number } | null = null;
  for (const peer of core.progress.values()) {
    if (isWitness(core.configuration, peer.id)) continue;
    if (peer.voter && (best === null || peer.match > best.match)) best = { id: peer.id, match: peer.match };
  }
  if (best !== null) sendTimeoutNow(core, best.id);
  becomeFollower(core, core.term, null);
}

/** A leader that took itself out of the configuration leads until that is committed (dissertation §4.2.2). */
export function leaveIfRemoved(core: Core): void {
  if (core.role !== 'leader' || core.isVoter || core.has('removed-leads-on')) return;
  if (core.history.index <= core.commit) resign(core);
}

/** The host's word that the oldest unfinished write is too old, or done: a leader resigns, others do not campaign. */
export function setDiskStalled(core: Core, stalled: boolean): void {
  core.diskStalled = stalled;
  if (stalled && core.role === 'leader') resign(core);
}
