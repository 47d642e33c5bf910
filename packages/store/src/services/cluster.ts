/** etcdserverpb.Cluster: who the members are, and changing that. */
import { randomBytes } from 'node:crypto';
import type { Handlers } from '@timonier/grpc';
import { idNumber, idText, parseUrl } from '../cluster.ts';
import { etcdError } from '../errors.ts';
import type { MemberChange, StoredMember } from '../membership/change.ts';
import type { Member } from '../types.ts';
import { header, type ServiceContext } from './context.ts';

export type ClusterShape = {
  memberList: { request: { linearizable: boolean }; response: object };
  memberAdd: { request: { peerURLs: readonly string[]; isLearner: boolean }; response: object };
  memberRemove: { request: { ID: bigint }; response: object };
  memberUpdate: { request: { ID: bigint; peerURLs: readonly string[] }; response: object };
  memberPromote: { request: { ID: bigint }; response: object };
};

export function clusterHandlers(context: ServiceContext): Handlers<ClusterShape> {
  const { member } = context;
  // As in etcd, without a revision: members are no keys.
  const answer = (more: object = {}): object => ({
    header: header(context, 0),
    members: list(context),
    ...more,
  });
  const make = async (change: MemberChange): Promise<object> => {
    await member.membership.make(change);
    return answer();
  };
  return {
    memberList: async ({ linearizable }) => {
      if (linearizable) await member.barrier();
      return answer();
    },
    memberAdd: async ({ peerURLs, isLearner }) => {
      const added = newMember(peerURLs);
      await member.membership.make({ kind: 'add', member: added, learner: isLearner });
      const { id, name, peerUrls, clientUrls } = added;
      return answer({
        member: { ID: idNumber(id), name, peerURLs: peerUrls, clientURLs: clientUrls, isLearner },
      });
    },
    memberRemove: ({ ID }) => make({ kind: 'remove', id: idText(ID) }),
    memberUpdate: ({ ID, peerURLs }) => make({ kind: 'update', id: idText(ID), peerUrls: peerURLs }),
    memberPromote: ({ ID }) => make({ kind: 'promote', id: idText(ID) }),
  };
}

/** A member that nobody has started yet, with an id of its own. Throws etcd's error about addresses. */
export function newMember(peerUrls: readonly string[]): StoredMember {
  return { id: randomId(), name: '', peerUrls: checkUrls(peerUrls), clientUrls: [] };
}

/** Etcd sorts addresses, and wants at least one, each an http or https URL with a port and without a path. */
function checkUrls(urls: readonly string[]): readonly string[] {
  for (const url of urls) {
    try {
      parseUrl('peer URL', url);
      if (new URL(url).pathname !== '/' || url.endsWith('/')) throw etcdError.memberBadUrls();
    } catch {
      throw etcdError.memberBadUrls();
    }
  }
  if (urls.length === 0) throw etcdError.memberBadUrls();
  return urls.toSorted();
}

/** In the form of `idText`: hex without leading zeros, never zero. */
function randomId(): string {
  const id = randomBytes(8).readBigUInt64BE();
  return id === 0n ? randomId() : idText(id);
}

function list({ member }: ServiceContext): Member[] {
  const { learners } = member.machine.configuration;
  return member.members.map(({ id, name, peerUrls, clientUrls }) => ({
    ID: idNumber(id),
    name,
    peerURLs: peerUrls,
    clientURLs: clientUrls,
    isLearner: learners.includes(id),
  }));
}
