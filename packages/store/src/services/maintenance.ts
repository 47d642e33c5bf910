/** etcdserverpb.Maintenance: how this member is, what it is worried about, its snapshots, and moving leadership. */
import { GrpcError, type Handlers, Status } from '@timonier/grpc';
import { idNumber, idText } from '../cluster.ts';
import { etcdError, unimplemented } from '../errors.ts';
import { hashHistory } from '../history-hash.ts';
import { checkRevision } from '../range.ts';
import { streamSnapshot } from '../snapshot-stream.ts';
import { alarmType } from '../types.ts';
import { etcdClusterVersion, firstVersion } from '../versions/entry-versions.ts';
import { header, type ServiceContext, withHeader } from './context.ts';
import { encodedInPlace, type SnapshotResponse } from './snapshot-message.ts';

/** The version of etcd's API this store speaks; clients ask it for what they may use. */
export const apiVersion = '3.5.21';

const alarmNames = ['NONE', 'NOSPACE', 'CORRUPT'] as const;

export type MaintenanceShape = {
  alarm: { request: { action: number; memberID: bigint; alarm: number }; response: object };
  status: { request: object; response: object };
  defragment: { request: object; response: object };
  hash: { request: object; response: object };
  hashKV: { request: { revision: number }; response: object };
  moveLeader: { request: { targetID: bigint }; response: object };
  snapshot: { request: object; response: SnapshotResponse; kind: 'server-stream' };
  downgrade: { request: object; response: object };
};

export function maintenanceHandlers(context: ServiceContext): Handlers<MaintenanceShape> {
  const { member } = context;
  return {
    status: () => {
      const { leader, term, commitIndex } = member.host;
      return {
        header: header(context),
        version: apiVersion,
        dbSize: member.diskBytes,
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
        storageVersion: etcdClusterVersion(member.machine.clusterVersion ?? firstVersion),
      };
    },
    alarm: async ({ action, memberID, alarm }) => {
      if (action !== 0) {
        if (alarm !== alarmType.noSpace && alarm !== alarmType.corrupt && action === 1)
          throw new GrpcError(Status.INVALID_ARGUMENT, `timonier store: there is no alarm ${alarm}`);
        return withHeader(context, await member.alarm(action === 1, { member: idText(memberID), alarm }));
      }
      // As in etcd, where this goes through the log, too: who lags knows what was raised or taken back before the call.
      await member.barrier();
      const alarms = member.machine.alarms.filter((raised) => alarm === 0 || raised.alarm === alarm);
      return {
        header: header(context),
        alarms: alarms.map((raised) => ({ memberID: idNumber(raised.member), alarm: raised.alarm })),
      };
    },
    defragment: () => {
      member.log.info({}, 'asked to defragment: nothing to do, room is given back without being asked for');
      return { header: header(context) };
    },
    hash: async () => {
      const { revision } = member.machine.state;
      return { header: header(context), hash: await hashHistory(() => member.machine.state, revision) };
    },
    hashKV: async ({ revision }) => {
      await member.barrier();
      const { state } = member.machine;
      checkRevision(state, revision);
      if (revision > state.revision) throw etcdError.futureRevision();
      // What compaction leaves of its own revision differs from what was there before.
      if (revision > 0 && revision <= state.compactRevision) throw etcdError.compacted();
      const at = revision > 0 ? revision : state.revision;
      const { compactRevision } = state;
      const hash = await hashHistory(() => member.machine.state, at);
      return { header: header(context), hash, compactRevision, hashRevision: at };
    },
    moveLeader: async ({ targetID }) => {
      await member.transfer(idText(targetID));
      return { header: header(context) };
    },
    snapshot: async (_request, call) => {
      // Everything that was acknowledged before the call is in it.
      await member.barrier();
      await streamSnapshot(member, call.signal, async (piece) => {
        const { blob, remaining: remainingBytes } = piece;
        const response = { header: header(context), remainingBytes, blob, version: apiVersion };
        const message = call.writeLent === undefined ? undefined : encodedInPlace(response, piece.room);
        if (message !== undefined) await call.writeLent?.(message);
        else if (!call.write(response)) await call.drained();
      });
    },
    downgrade: () => Promise.reject(unimplemented('Downgrade')),
  };
}
