/** etcdserverpb.Cluster and .Maintenance: who the members are, how this one is, and moving leadership. */
import type { Handlers } from '@timonier/grpc';
import { changeSetCodec } from '../codecs.ts';
import { idNumber, idText } from '../cluster.ts';
import { crc32c } from '../crc32c.ts';
import { etcdError, unimplemented } from '../errors.ts';
import type { Mvcc } from '../mvcc.ts';
import { checkRevision } from '../range.ts';
import type { Member } from '../types.ts';
import { header, type ServiceContext, withHeader } from './context.ts';

/** The version of etcd's API this store speaks; clients ask it for what they may use. */
export const apiVersion = '3.5.21';

const alarmNames = ['NONE', 'NOSPACE', 'CORRUPT'] as const;

export type ClusterShape = {
  memberList: { request: { linearizable: boolean }; response: object };
  memberAdd: { request: object; response: object };
  memberRemove: { request: { ID: bigint }; response: object };
  memberUpdate: { request: { ID: bigint }; response: object };
  memberPromote: { request: { ID: bigint }; response: object };
};

export type MaintenanceShape = {
  alarm: { request: { action: number; memberID: bigint; alarm: number }; response: object };
  status: { request: object; response: object };
  defragment: { request: object; response: object };
  hash: { request: object; response: object };
  hashKV: { request: { revision: number }; response: object };
  moveLeader: { request: { targetID: bigint }; response: object };
  snapshot: { request: object; response: object; kind: 'server-stream' };
  downgrade: { request: object; response: object };
};

export function clusterHandlers(context: ServiceContext): Handlers<ClusterShape> {
  const refuse =
    (what: string) =>
    ({ ID }: { ID: bigint }): never => {
      if (!context.member.machine.members.has(idText(ID))) throw etcdError.memberNotFound();
      throw unimplemented(what);
    };
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
      // As in etcd, without a revision: members are no keys.
      return { header: header(context, 0), members };
    },
    memberAdd: () => Promise.reject(unimplemented('MemberAdd')),
    memberRemove: refuse('MemberRemove'),
    memberUpdate: refuse('MemberUpdate'),
    memberPromote: refuse('MemberPromote'),
  };
}

export function maintenanceHandlers(context: ServiceContext): Handlers<MaintenanceShape> {
  const { member } = context;
  return {
    status: () => {
      const { leader, term, commitIndex } = member.host;
      return {
        header: header(context),
        version: apiVersion,
        dbSize: member.quota.used,
        dbSizeInUse: member.quota.used,
        dbSizeQuota: Number.isFinite(member.quota.limit) ? member.quota.limit : 0,
        leader: leader === null ? 0n : idNumber(leader),
        raftIndex: commitIndex,
        raftTerm: term,
        raftAppliedIndex: member.machine.appliedIndex,
        errors: [
          ...(leader === null ? ['etcdserver: no leader'] : []),
          ...member.machine.alarms.map(
            (raised) =>
              `memberID:${idNumber(raised.member)} alarm:${alarmNames[raised.alarm] ?? raised.alarm} `,
          ),
        ],
        isLearner: member.machine.configuration.learners.includes(member.id),
        storageVersion: '3.5.0',
      };
    },
    alarm: async ({ action, memberID, alarm }) => {
      if (action !== 0) return withHeader(context, await member.alarm(action === 1, idText(memberID), alarm));
      const alarms = member.machine.alarms.filter((raised) => alarm === 0 || raised.alarm === alarm);
      return {
        header: header(context),
        alarms: alarms.map((raised) => ({ memberID: idNumber(raised.member), alarm: raised.alarm })),
      };
    },
    defragment: async () => {
      await member.disk.defragment();
      return { header: header(context) };
    },
    hash: () => ({
      header: header(context),
      hash: hashOf(member.machine.state, member.machine.state.revision),
    }),
    hashKV: async ({ revision }) => {
      await member.barrier();
      const { state } = member.machine;
      checkRevision(state, revision);
      // What compaction leaves of its own revision differs from what was there before.
      if (revision > 0 && revision <= state.compactRevision) throw etcdError.compacted();
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
    // Gaps that compaction left may be there or not.
    const changes = state.changes(main)?.filter((change) => change.key.length > 0) ?? [];
    if (changes.length > 0) hash = crc32c(changeSetCodec.encode({ changes }), hash);
  }
  if (revision > state.current) throw etcdError.futureRevision();
  return hash;
}
