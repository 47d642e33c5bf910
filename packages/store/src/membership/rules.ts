/**
 * Which changes of members are allowed, and which of them this store makes by itself. Pure: the leader's view of the
 * group in, an error of etcd's or a decision out.
 */
import type { GrpcError } from '@timonier/grpc';
import type { Configuration, NodeId } from '@timonier/raft';
import { etcdError } from '../errors.ts';
import { noBugs } from '../known-bugs.ts';
import type { MemberChange, StoredMember } from './change.ts';

export interface Situation {
  readonly configuration: Configuration;
  readonly members: ReadonlyMap<NodeId, StoredMember>;
  readonly removed: ReadonlySet<NodeId>;
  /** Members heard of within an election timeout, the leader among them. */
  readonly healthy: ReadonlySet<NodeId>;
  /** How far each other member's log agrees with the leader's, and how far that is committed. */
  readonly match: ReadonlyMap<NodeId, number>;
  readonly committed: number;
  /** Members that are known to be elsewhere than the log tells. */
  readonly elsewhere: ReadonlySet<NodeId>;
  /** Whether changes that endanger the quorum are refused: etcd's --strict-reconfig-check. */
  readonly strict: boolean;
  readonly maxLearners: number;
}

/** Etcd's measure of a learner that has caught up. */
const readyShare = 0.9;

/** Why a change may not be made, or undefined. The checks and their order are etcd's. */
export function objectionTo(change: MemberChange, situation: Situation): GrpcError | undefined {
  return (situation.strict ? dangerOf(change, situation) : undefined) ?? invalidityOf(change, situation);
}

/** What would put the quorum at risk. */
function dangerOf(change: MemberChange, situation: Situation): GrpcError | undefined {
  const { configuration, healthy } = situation;
  const { voters } = configuration;
  const started = startedOf(situation, voters);
  switch (change.kind) {
    case 'add': {
      const alive = voters.filter((id) => healthy.has(id)).length;
      // A learner does not count, and a single voter may always get a second one.
      if (change.learner || (started === 1 && voters.length === 1))
        return alive < majority(voters.length) ? etcdError.unhealthy() : undefined;
      // The new one is not there yet: the others must make the larger quorum by themselves.
      if (started < majority(voters.length + 1)) return etcdError.notEnoughStarted();
      return alive < majority(voters.length + 1) ? etcdError.unhealthy() : undefined;
    }
    case 'promote':
      // Unless it cannot be promoted anyway, for a reason that says more.
      return invalidityOf(change, situation) === undefined && started + 1 < majority(voters.length + 1)
        ? etcdError.notEnoughStarted()
        : undefined;
    case 'remove':
      return voters.includes(change.id) ? dangerOfRemoving(change.id, situation) : undefined;
    default:
      return undefined;
  }
}

function dangerOfRemoving(id: NodeId, situation: Situation): GrpcError | undefined {
  const { healthy, elsewhere } = situation;
  const { voters } = situation.configuration;
  const rest = voters.filter((other) => other !== id);
  if (rest.length === 0) return etcdError.notEnoughStarted();
  // Those who went somewhere else find each other through those who did not: they could start again, and never meet.
  // Dead or alive: a quorum that can take it out can also be told first where its own members are.
  const isLastInPlace = !elsewhere.has(id) && rest.every((other) => elsewhere.has(other));
  if (isLastInPlace && rest.length > 1) return etcdError.lastInPlace();
  const alive = voters.filter((other) => healthy.has(other)).length;
  // A dead member only raises the number of others that must live: while a quorum does, taking it out is a gain.
  if (!healthy.has(id) && alive >= majority(voters.length)) return undefined;
  if (startedOf(situation, rest) < majority(rest.length)) return etcdError.notEnoughStarted();
  const left = rest.filter((other) => healthy.has(other)).length;
  return left < majority(rest.length) ? etcdError.unhealthy() : undefined;
}

/** What makes no sense, whatever the state of the group. */
function invalidityOf(change: MemberChange, situation: Situation): GrpcError | undefined {
  const { configuration, members, removed } = situation;
  const taken = (urls: readonly string[], except?: NodeId): boolean =>
    [...members.values()].some(
      (member) => member.id !== except && member.peerUrls.some((url) => urls.includes(url)),
    );
  switch (change.kind) {
    case 'add':
      if (removed.has(change.member.id)) return etcdError.memberNotFound();
      if (members.has(change.member.id)) return etcdError.memberExists();
      if (taken(change.member.peerUrls)) return etcdError.peerUrlExists();
      return change.learner && configuration.learners.length >= situation.maxLearners
        ? etcdError.tooManyLearners()
        : undefined;
    case 'promote':
      if (!members.has(change.id)) return etcdError.memberNotFound();
      // In this order, as in etcd, also for a voter that never came.
      if (!hasCaughtUp(change.id, situation)) return etcdError.learnerNotReady();
      return configuration.learners.includes(change.id) ? undefined : etcdError.memberNotLearner();
    case 'remove':
      if (!members.has(change.id)) return etcdError.memberNotFound();
      return stateIsLostBy(change.id, situation);
    default:
      if (!members.has(change.id)) return etcdError.memberNotFound();
      return taken(change.peerUrls, change.id) ? etcdError.peerUrlExists() : undefined;
  }
}

/**
 * Whatever the flags say: a group without a voter that has the state is no group. Witnesses keep the log, but have no
 * state to send to a voter that is still waiting for it, and whoever leads with that log cannot hand over to anybody.
 */
function stateIsLostBy(removal: NodeId, situation: Situation): GrpcError | undefined {
  const { configuration } = situation;
  const rest = configuration.voters.filter((id) => id !== removal);
  const full = rest.filter((id) => !isWitness(configuration, id));
  if (full.length === 0) return etcdError.notEnoughStarted();
  return full.length < rest.length && !full.some((id) => hasCaughtUp(id, situation))
    ? etcdError.stateIsLost()
    : undefined;
}

/** The leader itself has no match, and everything. */
function hasCaughtUp(id: NodeId, { match, committed }: Situation): boolean {
  return (match.get(id) ?? Infinity) >= committed * readyShare;
}

/**
 * The learner to promote now, if there is one: marked for it by our own verb, alive, as far as the leader, and such
 * that the voters survive at least as many failures after it as before.
 */
export function dueForPromotion(situation: Situation, bugs = noBugs): NodeId | undefined {
  const { configuration, members } = situation;
  return configuration.learners.find(
    (id) => members.get(id)?.autoPromote === true && (bugs.has('promoted-unready') || isReady(id, situation)),
  );
}

function isReady(id: NodeId, { configuration, members, healthy, match, committed }: Situation): boolean {
  return (
    healthy.has(id) &&
    // It was started, and has everything that was committed a moment ago.
    (members.get(id)?.name ?? '') !== '' &&
    (match.get(id) ?? 0) >= committed &&
    failuresSurvived(withVoter(configuration, id), healthy) >= failuresSurvived(configuration, healthy)
  );
}

function withVoter(configuration: Configuration, id: NodeId): Configuration {
  return { ...configuration, voters: [...configuration.voters, id] };
}

/** How many of the healthy voters may fail before there is no quorum; negative when there is none now. */
export function failuresSurvived({ voters }: Configuration, healthy: ReadonlySet<NodeId>): number {
  return voters.filter((id) => healthy.has(id)).length - majority(voters.length);
}

function startedOf({ members }: Situation, ids: readonly NodeId[]): number {
  return ids.filter((id) => (members.get(id)?.name ?? '') !== '').length;
}

function isWitness(configuration: Configuration, id: NodeId): boolean {
  return configuration.witnesses?.includes(id) === true;
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
