/** etcdserverpb.Cluster and .Maintenance: who the members are, how this one is, and moving leadership. */
import type { Handlers } from '@timonier/grpc';
import { changeSetCodec } from '../codecs.ts';
import { idNumber, idText } from '../cluster.ts';
import { crc32c } from '../crc32c.ts';
import { etcdError, unimplemented } from '../errors.ts';
import type { Mvcc } from '../mvcc.ts';
import { checkRevision } from '../range.ts';
import type { Member } from '../types.ts';
import { header, type ServiceContext } from './context.ts';

/** The version of etcd's API this store speaks; clients ask it for what they may use. */
export const apiVersion = '3.5.21';

export type ClusterShape = {
  memberList: { request: { linearizable: boolean }; response: object };
  memberAdd: { request: object; response: object };
  memberRemove: { request: object; response: object };
  memberUpdate: { request: object; response: object };
  memberPromote: { request: object; response: object };
};

export type MaintenanceShape = {
  alarm: { request: { action: number }; response: object };
  status: { request: object; response: object };
  defragment: { request: object; response: object };
  hash: { request: object; response: object };
  hashKV: { request: { revision: number }; response: object };
  moveLeader: { request: { targetID: bigint }; response: object };
  snapshot: { request: object; response: object; kind: 'server-stream' };
  downgrade: { request: object; response: object };
};

export function clusterHandlers(context: ServiceContext): Handlers<ClusterShape> {
  const refuse = (what: string) => () => Promise.reject(unimplemented(what));
  return {
    memberList: async ({ linearizable }) => {
      const { member } = context;
      if (linearizable) await member.barrier();
      const { learners } = member.machine.configuration;
      const members: Member[] = member.members.map(({ id, name, peerUrls, clientUrls }) => ({
        ID: idNumber(id),
        name,
        peerURLs: peerUrls,
        clientURLs: clientUrls,
        isLearner: learners.includes(id),
      }));
      return { header: header(context), members };
    },
    memberAdd: refuse('MemberAdd'),
    memberRemove: refuse('MemberRemove'),
    memberUpdate: refuse('MemberUpdate'),
    memberPromote: refuse('MemberPromote'),
  };
}

export function maintenanceHandlers(context: ServiceContext): Handlers<MaintenanceShape> {
  const { member } = context;
  return {
    status: async () => {
      const { leader, term, commitIndex } = member.host;
      const dbSize = await member.disk.size();
      return {
        header: header(context),
        version: apiVersion,
        dbSize,
        dbSizeInUse: dbSize,
        leader: leader === null ? 0n : idNumber(leader),
        raftIndex: commitIndex,
        raftTerm: term,
        raftAppliedIndex: member.machine.appliedIndex,
        errors: leader === null ? ['etcdserver: no leader'] : [],
        isLearner: member.machine.configuration.learners.includes(member.id),
        storageVersion: '3.5.0',
      };
    },
    alarm: ({ action }) => {
      if (action === 1) throw unimplemented('raising alarms by hand');
      return { header: header(context), alarms: [] };
    },
    // LevelDB compacts by itself.
    defragment: () => ({ header: header(context) }),
    hash: () => ({
      header: header(context),
      hash: hashOf(member.machine.state, member.machine.state.revision),
    }),
    hashKV: async ({ revision }) => {
      await member.barrier();
      const { state } = member.machine;
      checkRevision(state, revision);
      const at = revision > 0 ? revision : state.revision;
      return {
        header: header(context),
        hash: hashOf(state, at),
        compactRevision: state.compactRevision,
        hashRevision: at,
      };
    },
    moveLeader: async ({ targetID }) => {
      await member.transfer(idText(targetID));
      return { header: header(context) };
    },
    snapshot: () => Promise.reject(unimplemented('Snapshot')),
    downgrade: () => Promise.reject(unimplemented('Downgrade')),
  };
}

/** A checksum over all history up to a revision; equal on members that agree. */
function hashOf(state: Mvcc, revision: number): number {
  let hash = 0;
  for (let main = Math.max(1, state.compactRevision); main <= revision; main++) {
    const changes = state.changes(main);
    if (changes !== undefined) hash = crc32c(changeSetCodec.encode({ changes }), hash);
  }
  if (revision > state.current) throw etcdError.futureRevision();
  return hash;
}
