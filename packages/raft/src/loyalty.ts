/**
 * Whom a member follows, and for how long: the election timer and loyalty.
 *
 * A voter is loyal to a leader it has heard of within electionTicks; loyal voters refuse candidates, so a member that
 * merely lost its own link disturbs nobody. A closed connection from the leader ends loyalty at once, and a try of its own
 * follows after a delay of very few ticks by rank. Raft paper §5.2; dissertation §4.2.3, §9.6.
 */
import type { Core } from './core.ts';
import { isWitness } from './membership.ts';
import type { NodeId } from './types.ts';

/** After a closed connection: this many quick tries before the ordinary timeout takes over again. */
const HURRIED_CAMPAIGNS = 4;

/** Chooses a fresh timeout and starts it now. Ranks get their own slots; after a failure pure chance breaks ties. */
export function restartElectionTimer(core: Core): void {
  const { random } = core.options;
  const { electionTicks } = core;
  core.timerStart = core.ticks;
  core.wasAsked = false;
  if (core.failedCampaigns > 0) {
    core.timeout = electionTicks + Math.floor(random() * electionTicks);
    return;
  }
  const slot = Math.max(1, Math.floor(electionTicks / Math.max(1, core.configuration.voters.length)));
  const within = rankOf(core, core.leader) * slot + Math.floor(random() * slot);
  core.timeout = electionTicks + Math.min(within, electionTicks - 1);
}

/** The host measured what silence means now. A timer that runs keeps its place among the candidates. */
export function setElectionTicks(core: Core, ticks: number): void {
  const change = ticks - core.electionTicks;
  // Shorter than a whole timeout is a hurried try after a closed connection: it stays hurried.
  if (core.timeout >= core.electionTicks) core.timeout += change;
  core.electionTicks = ticks;
}

/** How many voters come before this one among the candidates, `without` one of them. */
export function rankOf(core: Core, without: NodeId | null): number {
  if (core.options.rank !== undefined) return core.options.rank;
  let rank = 0;
  for (const voter of core.configuration.voters) {
    if (voter === without || voter === core.id) continue;
    if (precedes(core, voter, core.id)) rank += 1;
  }
  return rank;
}

/** Witnesses come last: one that leads could only hand over. */
export function precedes(core: Core, a: NodeId, b: NodeId): boolean {
  const later = isWitness(core.configuration, a);
  return later === isWitness(core.configuration, b) ? a < b : !later;
}

/** A message proved that `leader` leads the current term. */
export function hearLeader(core: Core, leader: NodeId): void {
  core.timerStart = core.ticks;
  if (core.leader === leader && core.role === 'follower') {
    if (core.wasAsked) restartElectionTimer(core);
    return;
  }
  core.failedCampaigns = 0;
  core.hurriedCampaigns = 0;
  becomeFollower(core, core.term, leader);
}

/** Whether a candidate is refused whatever it has. */
export function isLoyal(core: Core): boolean {
  if (core.role === 'leader' || core.abstains) return true;
  if (core.has('disloyal')) return false;
  return core.leader !== null && core.ticks - core.timerStart < core.electionTicks;
}

/** Follows `leader`, or nobody that is known yet, in this term; what only a leader or a candidate has is dropped. */
export function becomeFollower(core: Core, term: number, leader: NodeId | null): void {
  for (const request of core.reads.abandon(leader)) {
    if (request.origin === null) continue;
    core.send({
      type: 'read-index-response',
      from: core.id,
      to: request.origin,
      term: Math.max(term, core.term),
      afterPersist: true,
      context: request.context,
      index: null,
    });
  }
  core.setTerm(term, term === core.term ? core.vote : null);
  core.role = 'follower';
  core.leader = leader;
  core.votes.clear();
  core.progress.clear();
  core.rounds = [];
  core.quorumRound = null;
  core.transferee = null;
  restartElectionTimer(core);
}

/** The connection from the leader was closed: stop being loyal, and ask soon whether others see it like that. */
export function loseLeader(core: Core): void {
  const lost = core.leader;
  // It was heard of in this life: it was elected when promises to earlier leaders were over, and its own are void now.
  core.absolved = true;
  becomeFollower(core, core.term, null);
  core.hurriedCampaigns = HURRIED_CAMPAIGNS;
  core.timeout = 1 + rankOf(core, lost);
}
