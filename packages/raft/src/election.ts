/**
 * How leaders are made: campaigns, pre-votes and votes.
 *
 * Members lose a silent leader at different times: a loyal one that was asked is ready to ask itself as soon as its loyalty
 * (loyalty.ts) ends. Raft paper §5.2, §5.4.1; dissertation §9.6.
 */
import type { Core } from './core.ts';
import { becomeFollower, isLoyal, precedes, rankOf, restartElectionTimer } from './loyalty.ts';
import type { PreVoteRequest, PreVoteResponse, VoteRequest, VoteResponse } from './messages.ts';
import { ballotResult } from './quorum.ts';
import { startRound } from './reads.ts';
import { appendAsLeader, syncProgress } from './replication.ts';

const NO_DATA = new Uint8Array(0);

/** One tick of everyone who does not lead. */
export function tickElection(core: Core): void {
  core.reads.expire(core.ticks - 2 * core.electionTicks, core.leader);
  if (core.ticks - core.timerStart >= core.timeout && !core.abstains) campaign(core, 'pre-vote');
}

/** `abandoned`: of the leader that named this member, for a transfer. */
export function campaign(core: Core, kind: 'pre-vote' | 'vote' | 'transfer', abandoned = 0): void {
  if (!core.mayLead || core.diskStalled || core.role === 'leader') {
    core.timerStart = core.ticks;
    return;
  }
  core.failedCampaigns += 1;
  if (core.role === 'follower') becomeFollower(core, core.term, null);
  core.votes.clear();
  core.votes.set(core.id, true);
  const preVote = kind === 'pre-vote';
  if (preVote) {
    core.role = 'pre-candidate';
  } else {
    core.setTerm(core.term + 1, core.id);
    core.role = 'candidate';
  }
  if (preVote && core.hurriedCampaigns > 0) {
    core.hurriedCampaigns -= 1;
    core.timerStart = core.ticks;
    core.timeout = core.configuration.voters.length + rankOf(core, null);
  } else {
    restartElectionTimer(core);
  }
  const log = { lastIndex: core.log.lastIndex, lastTerm: core.log.lastTerm };
  for (const to of core.configuration.voters) {
    if (to === core.id) continue;
    if (preVote) {
      core.send({ type: 'pre-vote', from: core.id, to, term: core.term + 1, afterPersist: false, ...log });
    } else {
      const afterPersist = !core.has('vote-before-persist');
      const transfer = kind === 'transfer';
      core.send({
        type: 'vote',
        from: core.id,
        to,
        term: core.term,
        afterPersist,
        transfer,
        abandoned,
        ...log,
      });
    }
  }
  countVotes(core);
}

function countVotes(core: Core): void {
  const result = ballotResult(core.configuration.voters, core.votes);
  if (result === 'won') {
    if (core.role === 'pre-candidate') campaign(core, 'vote');
    else becomeLeader(core);
  } else if (result === 'lost') {
    // Keep the timer: another try is due when it expires, and hurried tries stay hurried.
    core.role = 'follower';
    core.votes.clear();
  }
}

function candidateIsUpToDate(core: Core, request: { lastIndex: number; lastTerm: number }): boolean {
  if (request.lastTerm !== core.log.lastTerm) return request.lastTerm > core.log.lastTerm;
  return request.lastIndex >= core.log.lastIndex;
}

/** Says whether this member would vote, without moving to the candidate's term (dissertation §9.6). */
export function handlePreVote(core: Core, request: PreVoteRequest): void {
  const seeks = request.term > core.term && !isLoyal(core);
  const upToDate = candidateIsUpToDate(core, request) || core.has('vote-without-log-check');
  const granted = seeks && upToDate;
  if (request.term > core.term && !seeks) askedWhileLoyal(core);
  if (seeks && !granted) {
    // It lacks what we have and cannot win, but it would vote for us. Our own try may have been lost on it while it
    // was down or stood aside, and the next one be far away.
    const soon = 1 + rankOf(core, null);
    const passed = core.ticks - core.timerStart;
    if (core.timeout - passed > soon) core.timeout = passed + soon;
  } else if (granted) {
    // Give the candidate a head start over our own hurried or ordinary try.
    core.leader = null; // Silent for too long; its next message restores it and the timer.
    if (core.role === 'pre-candidate' && precedes(core, request.from, core.id)) {
      // Two that ask at the same time and grant each other would both go on, and split the vote.
      core.role = 'follower';
      core.votes.clear();
    }
    const patience = core.configuration.voters.length + 1;
    const left = core.timeout - (core.ticks - core.timerStart);
    if (left < patience) core.timeout += patience - left;
  }
  core.send({
    type: 'pre-vote-response',
    from: core.id,
    to: request.from,
    term: granted ? request.term : core.term,
    afterPersist: true,
    granted,
  });
}

/**
 * Somebody lost the leader before this member does, asked in vain, and asks again only after another timeout; but it
 * would vote for us. If the leader stays silent there is no place to wait for among the candidates.
 */
function askedWhileLoyal(core: Core): void {
  if (core.role !== 'follower' || core.leader === null) return;
  const atOnce = core.electionTicks + rankOf(core, core.leader);
  if (core.timeout <= atOnce) return;
  core.timeout = atOnce;
  core.wasAsked = true;
}

/** Counts; a majority begins the vote itself. */
export function handlePreVoteResponse(core: Core, response: PreVoteResponse): void {
  if (core.role !== 'pre-candidate') return;
  if (response.granted && response.term !== core.term + 1) return;
  core.votes.set(response.from, response.granted);
  countVotes(core);
}

/** The term is already settled: the request is of the current term, or of a lower one and refused. */
export function handleVote(core: Core, request: VoteRequest): void {
  const free = core.vote === request.from || (core.vote === null && core.leader === null);
  const granted =
    request.term === core.term &&
    (free || core.has('vote-twice')) &&
    (candidateIsUpToDate(core, request) || core.has('vote-without-log-check'));
  if (granted) {
    core.setTerm(core.term, request.from);
    core.hurriedCampaigns = 0;
    restartElectionTimer(core);
  }
  core.send({
    type: 'vote-response',
    from: core.id,
    to: request.from,
    term: core.term,
    afterPersist: !core.has('vote-before-persist'),
    granted,
  });
}

/** Counts; a majority makes this member leader (§5.2). */
export function handleVoteResponse(core: Core, response: VoteResponse): void {
  if (core.role !== 'candidate' || response.term !== core.term) return;
  core.votes.set(response.from, response.granted);
  countVotes(core);
}

function becomeLeader(core: Core): void {
  core.role = 'leader';
  core.leader = core.id;
  core.failedCampaigns = 0;
  core.hurriedCampaigns = 0;
  core.votes.clear();
  core.abandoned = 0;
  core.unprovenRound = 0;
  core.persisted = 0; // Unknown until a write of this term is reported durable; see RaftNode on 'persisted'.
  core.termStart = core.log.lastIndex + 1;
  core.heartbeatStart = core.ticks;
  core.sentRound = 0;
  core.ackedRound = 0;
  syncProgress(core);
  appendAsLeader(core, [{ term: core.term, index: core.termStart, type: 'noop', data: NO_DATA }]);
  startRound(core, true);
}
