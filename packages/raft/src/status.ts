/** The view of a member's state that is shown to hosts and people. */
import type { Core } from './core.ts';
import type { NodeId, PeerStatus, RaftStatus } from './types.ts';

/** A copy that later steps do not change. */
export function statusOf(core: Core): RaftStatus {
  const progress = new Map<NodeId, PeerStatus>();
  for (const peer of core.progress.values()) {
    progress.set(peer.id, {
      state: peer.state,
      voter: peer.voter,
      match: peer.match,
      next: peer.next,
      inflight: peer.inflight.count,
      heard: peer.heard,
      silentTicks: core.ticks - peer.lastContact,
    });
  }
  return {
    id: core.id,
    role: core.role,
    term: core.term,
    vote: core.vote,
    leader: core.leader,
    commit: core.commit,
    applied: core.applied,
    lastIndex: core.log.lastIndex,
    persisted: core.persisted,
    configuration: core.configuration,
    transferring: core.transferee,
    diskStalled: core.diskStalled,
    termCommitted: core.termCommitted,
    quorumRound: core.quorumRound,
    progress,
  };
}
