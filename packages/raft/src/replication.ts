/**
 * The leader's side of the log: proposals, pipelined appends to each peer, commit by counting.
 *
 * The leader's own disk works in parallel: it counts itself only up to what its host reported durable. Only entries
 * of the own term are committed by counting; earlier ones follow along. Raft paper §5.3, §5.4.2; dissertation §10.2.
 */
import type { Core } from './core.ts';
import { invariant } from './invariant.ts';
import { leaveIfRemoved } from './leadership.ts';
import { decodeConfiguration, refusalOfChange } from './membership.ts';
import type { AppendResponse, HeartbeatResponse } from './messages.ts';
import { Progress } from './progress.ts';
import { reachedByMajority } from './quorum.ts';
import { handleRoundAnswer, releaseEarlyReads } from './reads.ts';
import { sendTimeoutNowWhenReady } from './transfer.ts';
import { handOver } from './witness.ts';
import type { DropReason, Entry, NodeId, Proposal } from './types.ts';

/** Appends proposals, all or none; what became of them is in `accepted` or `droppedProposals`, under `context`. */
export function propose(core: Core, proposals: readonly Proposal[], context: number | undefined): void {
  const refusal = refusalOf(core, proposals);
  if (refusal !== null) {
    core.drop(context, refusal);
    return;
  }
  if (proposals.length === 0) return;
  const firstIndex = core.log.lastIndex + 1;
  const entries: Entry[] = [];
  for (const proposal of proposals) {
    const index = firstIndex + entries.length;
    entries.push({ term: core.term, index, type: proposal.type ?? 'normal', data: proposal.data });
  }
  core.accept({ context, term: core.term, firstIndex, lastIndex: firstIndex + entries.length - 1 });
  appendAsLeader(core, entries);
}

function refusalOf(core: Core, proposals: readonly Proposal[]): DropReason | null {
  if (core.role !== 'leader') return 'not-leader';
  if (core.diskStalled) return 'disk-stalled';
  if (core.transferee !== null) return 'transferring';
  if (core.isWitness && !core.has('witness-stays')) return 'witness';
  const uncommitted = core.log.lastIndex - core.commit;
  if (uncommitted + proposals.length > (core.options.maxUncommitted ?? 65_536)) return 'overloaded';
  const change = proposals.find((proposal) => proposal.type === 'config');
  if (change === undefined) return null;
  if (!core.termCommitted) return 'term-not-committed';
  if (core.history.index > core.commit && !core.has('two-changes')) return 'change-in-progress';
  if (proposals.length > 1) return 'invalid-configuration';
  try {
    const { configuration } = decodeConfiguration(change.data);
    return refusalOfChange(core.configuration, configuration) === null ? null : 'invalid-configuration';
  } catch {
    return 'invalid-configuration';
  }
}

/** Appends to the own log and sends to every peer that may get more. */
export function appendAsLeader(core: Core, entries: readonly Entry[]): void {
  const before = core.history.index;
  core.append(entries);
  if (core.history.index !== before) syncProgress(core);
  for (const peer of core.progress.values()) replicateTo(core, peer);
  maybeCommit(core);
}

/** Sends what the peer's state allows. */
function replicateTo(core: Core, peer: Progress): void {
  if (peer.state === 'snapshot') return;
  if (peer.state === 'probe') {
    if (peer.probeSent) return;
    sendAppend(core, peer, false);
    peer.probeSent = true;
    return;
  }
  while (peer.state === 'replicate' && peer.next <= core.log.lastIndex && !peer.inflight.full) {
    sendAppend(core, peer, false);
  }
}

function sendAppend(core: Core, peer: Progress, empty: boolean): void {
  const prevIndex = peer.next - 1;
  const prevTerm = core.log.termOrNone(prevIndex);
  if (prevTerm < 0) {
    sendSnapshot(core, peer);
    return;
  }
  const wanted = !empty && peer.next <= core.log.lastIndex;
  const entries = wanted ? core.log.entriesFrom(peer.next, core.options.maxAppendBytes) : [];
  const last = prevIndex + entries.length;
  if (peer.state === 'replicate' && entries.length > 0) {
    peer.next = last + 1;
    peer.inflight.add(last);
    peer.commitSent = Math.max(peer.commitSent, Math.min(core.commit, last));
  }
  core.send({
    type: 'append',
    from: core.id,
    to: peer.id,
    term: core.term,
    afterPersist: core.leaderMustWait,
    prevIndex,
    prevTerm,
    entries,
    commit: core.commit,
  });
}

function sendSnapshot(core: Core, peer: Progress): void {
  // A silent peer would not take it: wait until it answers a heartbeat.
  if (core.ticks - peer.lastContact >= core.electionTicks) return;
  const { index, term, configuration } = core.log.snapshot();
  invariant(index > 0, () => `the log starts at ${core.log.firstIndex} without a snapshot`);
  peer.becomeSnapshot(index);
  const afterPersist = core.leaderMustWait;
  const envelope = { from: core.id, to: peer.id, term: core.term, afterPersist };
  core.send({ type: 'snapshot', ...envelope, index, snapshotTerm: term, configuration });
}

/** A peer holds the log up to `index`, or refused an append that did not follow on what it has (§5.3). */
export function handleAppendResponse(core: Core, peer: Progress, response: AppendResponse): void {
  peer.contacted(core.ticks);
  handOver(core);
  if (response.rejected) {
    handleRejection(core, peer, response);
    return;
  }
  invariant(response.index <= core.log.lastIndex, () => {
    return `${peer.id} acknowledges ${response.index}, the leader's log ends at ${core.log.lastIndex}`;
  });
  const advanced = response.index > peer.match;
  if (advanced) {
    peer.match = response.index;
    peer.next = Math.max(peer.next, response.index + 1);
  }
  if (peer.state === 'replicate') {
    peer.inflight.freeTo(response.index);
  } else if (peer.state === 'probe') {
    if (response.index >= peer.match) peer.becomeReplicate();
  } else if (peer.match + 1 >= core.log.firstIndex) {
    peer.becomeReplicate();
  }
  if (advanced) {
    maybeCommit(core);
    if (core.role !== 'leader') return;
    sendTimeoutNowWhenReady(core);
  }
  replicateTo(core, peer);
  notifyCommit(core, peer);
}

function handleRejection(core: Core, peer: Progress, response: AppendResponse): void {
  if (peer.state === 'snapshot' || response.index <= peer.match) return;
  if (peer.state === 'replicate') {
    // Sent in sequence and yet refused: something before it was lost.
    peer.becomeProbe(peer.match + 1);
  } else {
    if (response.index !== peer.next - 1) return; // Answer to an earlier probe.
    const agreement = core.log.lastAgreement(response.hintIndex, response.hintTerm);
    peer.becomeProbe(Math.min(response.index, agreement + 1));
  }
  replicateTo(core, peer);
}

/** A peer answered a round: reads may be ready, and an append that seems lost is sent again. */
export function handleHeartbeatResponse(core: Core, peer: Progress, response: HeartbeatResponse): void {
  peer.contacted(core.ticks);
  handOver(core);
  handleRoundAnswer(core, peer, response);
  peer.probeSent = false;
  if (peer.state === 'replicate') {
    // No acknowledgement between two answers: ask with an empty append whether the pipeline still holds.
    if (peer.match < peer.next - 1 && peer.matchAtHeartbeat === peer.match) sendAppend(core, peer, true);
    peer.matchAtHeartbeat = peer.match;
  }
  if (peer.match < core.log.lastIndex || peer.state === 'probe') replicateTo(core, peer);
}

/** Up to where a majority of these voters holds the log durably. */
function reachedBy(core: Core, voters: readonly NodeId[]): number {
  const reached: number[] = [];
  for (const id of voters) {
    reached.push(id === core.id ? core.persisted : (core.progress.get(id)?.match ?? 0));
  }
  if (core.has('learner-counts'))
    for (const { match, voter } of core.progress.values()) if (!voter) reached[0] = match;
  return reachedByMajority(reached);
}

/**
 * Commits what a majority holds durably, if it is of the own term. A change that takes no voter out, and what comes
 * before it, may also be committed by a majority of the configuration that it ends: majorities of the two overlap, so
 * whoever is elected by either has it. A single voter could not be given a second one that is not there yet otherwise.
 * Who is taken out does not count for that: its data is thrown away at once, and a new machine in its place may be told,
 * by somebody who does not know of it yet, that it is the same member.
 */
export function maybeCommit(core: Core): void {
  let index = reachedBy(core, core.configuration.voters);
  const changedAt = core.history.index;
  const before = core.history.previous.voters;
  if (
    changedAt > core.commit &&
    index < changedAt &&
    before.every((id) => core.configuration.voters.includes(id))
  )
    index = Math.max(index, Math.min(reachedBy(core, before), changedAt));
  if (index <= core.commit) return;
  if (index < core.termStart && !core.has('commit-old-term')) return;
  const termWasCommitted = core.termCommitted;
  core.commit = index;
  for (const peer of core.progress.values()) notifyCommit(core, peer);
  if (!termWasCommitted && core.termCommitted) releaseEarlyReads(core);
  leaveIfRemoved(core);
}

/** Tells an idle peer about the commit index; a busy one learns it with the next append. */
function notifyCommit(core: Core, peer: Progress): void {
  if (peer.state !== 'replicate' || peer.inflight.count > 0) return;
  const commit = Math.min(core.commit, peer.match);
  if (commit <= peer.commitSent) return;
  peer.commitSent = commit;
  core.send({
    type: 'commit',
    from: core.id,
    to: peer.id,
    term: core.term,
    afterPersist: core.leaderMustWait,
    commit,
  });
}

/** The host handed a snapshot over completely, or could not: probes where the peer is now. */
export function snapshotReported(core: Core, peer: Progress, sent: boolean): void {
  if (peer.state !== 'snapshot') return;
  peer.becomeProbe(sent ? peer.pendingSnapshot + 1 : peer.match + 1);
  peer.probeSent = true; // The next heartbeat's answer, or the snapshot's own acknowledgement, goes on.
}

/** Appends may be lost: goes on one at a time from what the peer is known to hold. */
export function peerUnreachable(peer: Progress): void {
  if (peer.state === 'replicate') peer.becomeProbe(peer.match + 1);
}

/** Leaders: makes the set of peers what the configuration in force says. */
export function syncProgress(core: Core): void {
  const { voters, learners } = core.configuration;
  for (const id of core.progress.keys()) {
    if (!voters.includes(id) && !learners.includes(id)) core.progress.delete(id);
  }
  for (const [ids, voter] of [
    [voters, true],
    [learners, false],
  ] as const) {
    for (const id of ids) {
      if (id === core.id) continue;
      const known = core.progress.get(id);
      if (known === undefined) {
        const next = core.log.lastIndex + 1;
        core.progress.set(id, new Progress(id, voter, next, core.ticks, core.options.maxInflight));
      } else {
        known.voter = voter;
      }
    }
  }
}
