/**
 * One change of who belongs to the group, as it travels: from a client's request to the leader, and in the log as the
 * context of the configuration entry that puts it in force.
 */
import type { Configuration, NodeId } from '@timonier/raft';

export interface StoredMember {
  readonly id: NodeId;
  /** Empty until the member was started for the first time, as in etcd. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** A learner that becomes a voter by itself once that is safe; only our own verb asks for it. */
  readonly autoPromote?: boolean;
  /** Votes and keeps the log, without a state of its own. */
  readonly witness?: boolean;
}

export type MemberChange =
  | { readonly kind: 'add'; readonly member: StoredMember; readonly learner: boolean }
  | { readonly kind: 'remove'; readonly id: NodeId }
  | { readonly kind: 'update'; readonly id: NodeId; readonly peerUrls: readonly string[] }
  | { readonly kind: 'promote'; readonly id: NodeId };

/** As text, for the log; old members must read what new ones write. */
export function encodeChange(change: MemberChange): string {
  return JSON.stringify(change);
}

/** Throws TypeError on anything that `encodeChange` did not make. */
export function decodeChange(text: string): MemberChange {
  const value = JSON.parse(text) as MemberChange | null;
  // Written by members of this cluster only; what a newer version may add must not be taken for something else.
  if (value === null || !['add', 'remove', 'update', 'promote'].includes(value.kind))
    throw new TypeError(`not a change of members: ${text.slice(0, 100)}`);
  return value;
}

/** The configuration after a change. */
export function configurationAfter(current: Configuration, change: MemberChange): Configuration {
  const without = (ids: readonly NodeId[] | undefined, id: NodeId): NodeId[] =>
    (ids ?? []).filter((other) => other !== id);
  const withId = (ids: readonly NodeId[] | undefined, id: NodeId): NodeId[] =>
    [...without(ids, id), id].toSorted();
  const { voters, learners, witnesses } = current;
  switch (change.kind) {
    case 'add': {
      const { id, witness } = change.member;
      return {
        voters: change.learner ? voters : withId(voters, id),
        learners: change.learner ? withId(learners, id) : learners,
        ...(witness === true
          ? { witnesses: withId(witnesses, id) }
          : witnesses === undefined
            ? {}
            : { witnesses }),
      };
    }
    case 'remove': {
      const left = without(witnesses, change.id);
      return {
        voters: without(voters, change.id),
        learners: without(learners, change.id),
        ...(left.length === 0 ? {} : { witnesses: left }),
      };
    }
    case 'promote':
      return { ...current, voters: withId(voters, change.id), learners: without(learners, change.id) };
    default:
      return current;
  }
}
