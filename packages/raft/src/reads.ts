/**
 * Linearizable reads by read index, in batched quorum rounds, and the rounds themselves.
 *
 * A read is confirmed by a round that was sent after the read arrived: a quorum answering it proves that nobody newer
 * led at that time, so the commit index noted on arrival covers every write acknowledged before. Reads that arrive
 * while a round is out share the next one. No clock is involved. Dissertation §6.4.
 */
import type { Core } from './core.ts';
import { isWitness } from './membership.ts';
import type { HeartbeatResponse, ReadIndexRequest, ReadIndexResponse } from './messages.ts';
import type { Progress } from './progress.ts';
import type { ReadRequest } from './read-queue.ts';
import { reachedByMajority } from './quorum.ts';
import { settledIndex } from './witness.ts';

/** A read of this host. */
export function handleRead(core: Core, context: number): void {
  if (core.role === 'leader') {
    if (core.reads.full) core.reads.reject(context, core.leader);
    else enqueue(core, { origin: null, context });
    return;
  }
  if (core.leader === null || core.reads.full) {
    core.reads.reject(context, core.leader);
    return;
  }
  const wire = core.reads.forward(context, core.ticks);
  core.send({
    type: 'read-index',
    from: core.id,
    to: core.leader,
    term: core.term,
    afterPersist: false,
    context: wire,
  });
}

/** A read of another member. */
export function handleReadIndex(core: Core, request: ReadIndexRequest): void {
  if (core.role !== 'leader' || core.reads.full) answer(core, request.from, request.context, null);
  else enqueue(core, { origin: request.from, context: request.context });
}

/** The leader's answer to a read of this member: from which index on it may be served, or that it may not. */
export function handleReadIndexResponse(core: Core, response: ReadIndexResponse): void {
  core.reads.answered(response.context, response.index, core.leader);
}

function enqueue(core: Core, request: ReadRequest): void {
  if (!core.termCommitted && !core.has('read-before-own-term')) {
    core.reads.addEarly(request);
    return;
  }
  if (core.has('read-without-quorum')) {
    release(core, request, core.commit);
    return;
  }
  core.reads.addWaiting(request, core.commit, core.sentRound + 1);
  if (core.sentRound === core.ackedRound) startRound(core, false);
}

/** The first entry of the leader's term is committed: the commit index is now known to be current. */
export function releaseEarlyReads(core: Core): void {
  for (const request of core.reads.takeEarly()) enqueue(core, request);
}

function release(core: Core, request: ReadRequest, index: number): void {
  if (request.origin === null) core.reads.ready(request.context, index);
  else answer(core, request.origin, request.context, index);
}

function answer(core: Core, to: string, context: number, index: number | null): void {
  const message = {
    type: 'read-index-response',
    from: core.id,
    to,
    term: core.term,
    context,
    index,
  } as const;
  core.send({ ...message, afterPersist: index === null });
}

/** Sends a leadership round; learners take part only in the regular ones, to know that there is a leader. */
export function startRound(core: Core, regular: boolean): void {
  core.sentRound += 1;
  core.rounds.push({ round: core.sentRound, sentAt: core.now });
  for (const peer of core.progress.values()) {
    if (peer.voter || regular) sendHeartbeat(core, peer, core.sentRound);
  }
  confirmRounds(core);
}

/** Also repeats an earlier round: an answer still proves leadership after that round was first sent. */
export function sendHeartbeat(core: Core, peer: Progress, round: number): void {
  const commit = Math.min(core.commit, peer.match);
  peer.commitSent = Math.max(peer.commitSent, commit);
  const afterPersist = core.leaderMustWait;
  const { id: from, term, abandoned } = core;
  const settled = isWitness(core.configuration, peer.id) ? settledIndex(core) : 0;
  core.send({ type: 'heartbeat', from, to: peer.id, term, afterPersist, round, commit, abandoned, settled });
}

/** The part of a heartbeat's answer that is about rounds; replication looks at it too. */
export function handleRoundAnswer(core: Core, peer: Progress, response: HeartbeatResponse): void {
  if (response.round <= peer.ackedRound || response.round > core.sentRound) return;
  peer.ackedRound = response.round;
  if (response.round > core.ackedRound) confirmRounds(core);
}

function confirmRounds(core: Core): void {
  const reached: number[] = [];
  for (const id of core.configuration.voters) {
    reached.push(id === core.id ? core.sentRound : (core.progress.get(id)?.ackedRound ?? 0));
  }
  const round = reachedByMajority(reached);
  if (round <= core.ackedRound) return;
  core.ackedRound = round;
  const done = core.rounds.findLastIndex((sent) => sent.round <= round);
  const newest = core.rounds[done];
  if (newest !== undefined) {
    core.rounds.splice(0, done + 1);
    if (core.transferee === null && !core.isWitness && newest.round > core.unprovenRound)
      core.reportRound({ term: core.term, round: newest.round, sentAt: newest.sentAt });
  }
  for (let read = core.reads.nextConfirmed(round); read; read = core.reads.nextConfirmed(round)) {
    release(core, read, read.index);
  }
  if (core.reads.anyWaiting && core.sentRound === core.ackedRound) startRound(core, false);
}
