/**
 * One member of a Raft group as a state machine: inputs in, effects out, nothing else.
 *
 * This file dispatches inputs and settles terms; what happens inside a term is in loyalty.ts, election.ts, replication.ts,
 * follower.ts, reads.ts, transfer.ts and leadership.ts. types.ts states what the host owes the effects.
 */
import { Core } from './core.ts';
import {
  campaign,
  handlePreVote,
  handlePreVoteResponse,
  handleVote,
  handleVoteResponse,
  tickElection,
} from './election.ts';
import {
  becomeFollower,
  hearLeader,
  isLoyal,
  loseLeader,
  restartElectionTimer,
  setElectionTicks,
} from './loyalty.ts';
import { answerStale, handleAppend, handleCommit, handleHeartbeat, handleSnapshot } from './follower.ts';
import { invariant } from './invariant.ts';
import { setDiskStalled, tickLeader } from './leadership.ts';
import type { Message, VoteRequest } from './messages.ts';
import { handleRead, handleReadIndex, handleReadIndexResponse, sendHeartbeat } from './reads.ts';
import {
  handleAppendResponse,
  handleHeartbeatResponse,
  maybeCommit,
  peerUnreachable,
  propose,
  snapshotReported,
} from './replication.ts';
import { statusOf } from './status.ts';
import { startTransfer, transferStands } from './transfer.ts';
import type { Effects, Input, RaftOptions, RaftStatus } from './types.ts';

export class RaftNode {
  readonly #core: Core;

  constructor(options: RaftOptions) {
    this.#core = new Core(options);
    restartElectionTimer(this.#core);
  }

  /**
   * Advances the state machine by one input; see types.ts for what the host owes the result. Throws
   * RaftInvariantError when going on could lose committed entries: the host must stop this member.
   */
  step(input: Input): Effects {
    const core = this.#core;
    core.log.settle();
    switch (input.type) {
      case 'tick':
        core.ticks += 1;
        core.now = Math.max(core.now, input.now);
        if (core.role === 'leader') tickLeader(core);
        else tickElection(core);
        break;
      case 'message':
        receive(core, input.message);
        break;
      case 'propose':
        propose(core, input.entries, input.context);
        break;
      case 'read':
        if (input.now !== undefined) core.now = Math.max(core.now, input.now);
        handleRead(core, input.context);
        break;
      case 'transfer':
        startTransfer(core, input.target);
        break;
      case 'peer-closed':
        if (core.has('absolved-by-anyone')) core.absolved = true;
        if (core.leader === input.peer && core.role === 'follower') loseLeader(core);
        else reassure(core, input.peer);
        break;
      case 'persisted':
        core.durableTerm = Math.max(core.durableTerm, input.term);
        // A write of an earlier term says nothing reliable: its entries may have been replaced since. In the own
        // term nothing was replaced, and its first write covers everything before.
        if (core.role === 'leader' && input.term === core.term && input.index > core.persisted) {
          core.persisted = input.index;
          maybeCommit(core);
        }
        break;
      case 'applied':
        invariant(input.index <= core.commit, () => `applied ${input.index} beyond commit ${core.commit}`);
        core.applied = Math.max(core.applied, input.index);
        break;
      case 'campaign':
        campaign(core, 'pre-vote');
        break;
      case 'snapshot-sent':
      case 'snapshot-failed': {
        const peer = core.progress.get(input.peer);
        if (peer !== undefined) snapshotReported(core, peer, input.type === 'snapshot-sent');
        break;
      }
      case 'unreachable':
        unreachable(core, input.peer);
        break;
      case 'election-timeout':
        setElectionTicks(core, input.ticks);
        break;
      case 'disk-stalled':
        setDiskStalled(core, input.stalled);
        break;
    }
    return core.takeEffects();
  }

  /** Witnesses: no full voter needs an entry up to here any more. */
  get settled(): number {
    return this.#core.settled;
  }

  /** A copy of the state worth showing; allocates, not for the hot path. */
  get status(): RaftStatus {
    return statusOf(this.#core);
  }
}

/** A leader whose connection broke claims the peer's loyalty again with the first message of the next connection. */
function reassure(core: Core, id: string): void {
  unreachable(core, id);
  const peer = core.progress.get(id);
  if (peer !== undefined) sendHeartbeat(core, peer, core.sentRound);
}

function unreachable(core: Core, id: string): void {
  const peer = core.progress.get(id);
  if (peer !== undefined) peerUnreachable(peer);
}

/** Settles the term of a message, then hands it to its module. */
function receive(core: Core, message: Message): void {
  if (message.to !== core.id || message.from === core.id) return;
  if (message.type === 'pre-vote') {
    handlePreVote(core, message);
    return;
  }
  if (message.type === 'pre-vote-response' && message.granted) {
    handlePreVoteResponse(core, message);
    return;
  }
  if (message.term > core.term) {
    // A loyal voter does not even move to the candidate's term, or it could no longer follow its leader.
    if (message.type === 'vote' && isLoyal(core) && !isNamed(core, message)) return;
    becomeFollower(core, message.term, null);
  } else if (message.term < core.term && !isTrusted(core, message)) {
    if (message.type === 'vote') handleVote(core, message);
    else answerStale(core, message);
    return;
  }
  switch (message.type) {
    case 'append':
    case 'heartbeat':
    case 'commit':
    case 'snapshot':
      receiveFromLeader(core, message);
      break;
    case 'pre-vote-response':
      handlePreVoteResponse(core, message);
      break;
    case 'vote':
      handleVote(core, message);
      break;
    case 'vote-response':
      handleVoteResponse(core, message);
      break;
    case 'append-response':
    case 'heartbeat-response': {
      const peer = core.progress.get(message.from);
      if (peer === undefined || core.role !== 'leader') break;
      if (message.type === 'append-response') handleAppendResponse(core, peer, message);
      else handleHeartbeatResponse(core, peer, message);
      break;
    }
    case 'read-index':
      handleReadIndex(core, message);
      break;
    case 'read-index-response':
      handleReadIndexResponse(core, message);
      break;
    case 'timeout-now':
      if (transferStands(core, message)) campaign(core, 'transfer', message.abandoned);
      break;
  }
}

/** Whether the leader of this member itself wants the candidate elected, and has not thought better of it. */
function isNamed(core: Core, request: VoteRequest): boolean {
  if (!request.transfer) return false;
  // Named in a later term than the own one: nothing was promised to that leader.
  return request.term > core.term + 1 || transferStands(core, request);
}

/** By mistake only. */
function isTrusted(core: Core, message: Message): boolean {
  return message.type === 'append-response' && core.role === 'leader' && core.has('stale-acknowledgement');
}

type FromLeader = Extract<Message, { type: 'append' | 'heartbeat' | 'commit' | 'snapshot' }>;

function receiveFromLeader(core: Core, message: FromLeader): void {
  invariant(core.role !== 'leader', () => `${message.from} leads term ${core.term} too`);
  hearLeader(core, message.from);
  switch (message.type) {
    case 'append':
      handleAppend(core, message);
      break;
    case 'heartbeat':
      handleHeartbeat(core, message);
      break;
    case 'commit':
      handleCommit(core, message);
      break;
    case 'snapshot':
      handleSnapshot(core, message);
      break;
  }
}
