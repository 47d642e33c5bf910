/**
 * The follower's side of the log: appends, heartbeats, commit notices, snapshots.
 *
 * An acknowledgement leaves only after everything it covers is durable. What lies beyond a conflict was never
 * committed and is cut off. Raft paper §5.3, §7.
 */
import type { Core } from './core.ts';
import { invariant } from './invariant.ts';
import type { AppendRequest, CommitNotice, HeartbeatRequest, Message, SnapshotRequest } from './messages.ts';

/** Takes entries over when what comes before them agrees, cutting off what does not; refuses with a hint otherwise (§5.3). */
export function handleAppend(core: Core, request: AppendRequest): void {
  const { prevIndex, prevTerm, entries } = request;
  // Committed entries agree by definition, and may be compacted here: skip them.
  const skip = Math.max(0, core.commit - prevIndex);
  if (skip > 0 && skip >= entries.length) {
    acknowledge(core, request, core.commit);
    return;
  }
  if (skip === 0 && core.log.termOrNone(prevIndex) !== prevTerm) {
    const hintIndex = core.log.lastAgreement(prevIndex, prevTerm);
    core.send({
      type: 'append-response',
      from: core.id,
      to: request.from,
      term: core.term,
      afterPersist: true,
      rejected: true,
      index: prevIndex,
      hintIndex,
      hintTerm: core.log.termOrNone(hintIndex),
    });
    return;
  }
  let known = skip;
  for (; known < entries.length; known += 1) {
    const entry = entries[known];
    if (entry === undefined || entry.index > core.log.lastIndex) break;
    if (core.log.termOrNone(entry.index) !== entry.term && !core.has('keep-conflicts')) break;
  }
  if (known < entries.length) core.append(known === 0 ? entries : entries.slice(known));
  const last = prevIndex + entries.length;
  advanceCommit(core, Math.min(request.commit, last));
  acknowledge(core, request, last);
}

function acknowledge(core: Core, request: AppendRequest | SnapshotRequest, index: number): void {
  core.send({
    type: 'append-response',
    from: core.id,
    to: request.from,
    term: core.term,
    afterPersist: !core.has('ack-before-persist'),
    rejected: false,
    index,
    hintIndex: 0,
    hintTerm: 0,
  });
}

function advanceCommit(core: Core, commit: number): void {
  if (commit <= core.commit) return;
  invariant(commit <= core.log.lastIndex, () => {
    return `told to commit ${commit}, but the log ends at ${core.log.lastIndex}: acknowledged entries are lost`;
  });
  core.commit = commit;
}

/** Answers the leader's round, unless the disk is stalled; learns what is committed and settled. */
export function handleHeartbeat(core: Core, request: HeartbeatRequest): void {
  core.abandoned = Math.max(core.abandoned, request.abandoned);
  core.settled = Math.max(core.settled, request.settled);
  advanceCommit(core, request.commit);
  // A member that cannot write must not keep a leader in office that needs it for commits.
  if (core.diskStalled) return;
  core.send({
    type: 'heartbeat-response',
    from: core.id,
    to: request.from,
    term: core.term,
    afterPersist: core.leaderMustWait,
    round: request.round,
  });
}

/** A leader's one-way word that more is committed. */
export function handleCommit(core: Core, notice: CommitNotice): void {
  advanceCommit(core, notice.commit);
}

/** Begins anew from a snapshot that the host has received (§7), or only learns that what it has is committed. */
export function handleSnapshot(core: Core, request: SnapshotRequest): void {
  const { index, snapshotTerm: term, configuration } = request;
  if (index > core.commit) {
    // When the log already holds the same entry, everything before it agrees and only the commit index was behind.
    if (core.log.termOrNone(index) === term) advanceCommit(core, index);
    else core.install({ index, term, configuration });
  }
  acknowledge(core, request, core.commit);
}

/** Something of a term that is over: tell the sender, so that a leader that lost its office steps down. */
export function answerStale(core: Core, message: Message): void {
  if (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot') {
    core.send({
      type: 'heartbeat-response',
      from: core.id,
      to: message.from,
      term: core.term,
      afterPersist: true,
      round: 0,
    });
  }
}
