/** timonier.store.v1.Membership: what etcd's Cluster service cannot say about members. */
import type { Handlers } from '@timonier/grpc';
import { situationOf } from '../membership/situation.ts';
import { newMember } from './cluster.ts';
import type { ServiceContext } from './context.ts';

export const part = { voter: 0, learner: 1 } as const;
export const condition = { unknown: 0, alive: 1, silent: 2, neverStarted: 3 } as const;

export interface MemberView {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly part: number;
  readonly witness: boolean;
  readonly promotedWhenReady: boolean;
  readonly condition: number;
  readonly behind: number;
}

export interface MemberViews {
  readonly cluster: string;
  readonly leader: string;
  readonly self: string;
  readonly members: readonly MemberView[];
}

export type MembershipShape = {
  add: { request: { peerUrls: readonly string[]; witness: boolean }; response: { id: string } };
  list: { request: object; response: MemberViews };
};

export function membershipHandlers({ member }: ServiceContext): Handlers<MembershipShape> {
  return {
    add: async ({ peerUrls, witness }) => {
      const added = { ...newMember(peerUrls), autoPromote: true, ...(witness ? { witness } : {}) };
      await member.membership.make({ kind: 'add', member: added, learner: true });
      return { id: added.id };
    },
    list: () => {
      const { machine, host } = member;
      // Judged by the leader alone; how strict it is does not matter here.
      const situation = situationOf(host, machine, { strict: true, maxLearners: 1 });
      const { learners } = machine.configuration;
      return {
        cluster: member.clusterId.toString(16),
        leader: host.leader ?? '',
        self: member.id,
        members: member.members.map(({ id, name, peerUrls, clientUrls, witness, autoPromote }) => ({
          id,
          name,
          peerUrls,
          clientUrls,
          part: learners.includes(id) ? part.learner : part.voter,
          witness: witness === true,
          promotedWhenReady: autoPromote === true,
          condition:
            situation?.healthy.has(id) === true
              ? condition.alive
              : name === ''
                ? condition.neverStarted
                : situation === undefined
                  ? condition.unknown
                  : condition.silent,
          behind:
            situation === undefined || id === member.id
              ? 0
              : Math.max(0, situation.committed - (situation.match.get(id) ?? 0)),
        })),
      };
    },
  };
}
