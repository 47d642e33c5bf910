/**
 * What a member consists of, and how its parts know each other: each is given what it needs of the others as functions,
 * so that none holds another. Whatever happens in turn of time (start, end, frames, what was applied) is member-life.ts.
 */
import type { NodeId } from '@timonier/raft';
import { Announcement } from './announcement.ts';
import { itself } from './auth/types.ts';
import { idText } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import { Consistency } from './consistency/consistency.ts';
import { Forwarding } from './forwarding.ts';
import type { RaftHost } from './host.ts';
import { defaultCheckpointMs } from './lease-checkpoints.ts';
import { LeaseClocks } from './lease-clocks.ts';
import type { MemberOptions } from './member-options.ts';
import { Membership } from './membership/membership.ts';
import type { StoreMetrics } from './metrics.ts';
import { Pace } from './pace.ts';
import type { PeerFrame } from './peer-wire.ts';
import type { Platform, Storage } from './platform.ts';
import { Proposals } from './proposals.ts';
import { Quota } from './quota.ts';
import { Reads } from './reads.ts';
import { receiveSnapshot } from './snapshot.ts';
import { StateDisk } from './state-disk.ts';
import { StateMachine } from './state-machine.ts';
import { Sweeper } from './sweeper.ts';
import { Tenure } from './tenure.ts';
import { type Alarm, alarmType } from './types.ts';
import { Upkeep } from './upkeep.ts';
import { VersionAgreement } from './versions/agreement.ts';
import { leaseCheckpointVersion, spoken } from './versions/entry-versions.ts';
import type { Wal } from './wal.ts';
import { WatchHub } from './watch.ts';

const requestTimeoutMs = 7_000;
const maxPending = 50_000;

/** What parts need of a life that is still to begin. */
export interface LifeToCome {
  /** Whether there is a host. */
  readonly began: () => boolean;
  readonly host: () => RaftHost;
  readonly wal: () => Wal | undefined;
  readonly metrics: () => StoreMetrics | undefined;
  readonly frame: (from: NodeId, frame: PeerFrame) => void;
  readonly peerClosed: (peer: NodeId) => void;
}

export type MemberParts = ReturnType<typeof assemble>;

export function assemble(options: MemberOptions, platform: Platform, storage: Storage, life: LifeToCome) {
  const { clock, bugs } = platform;
  const { cluster } = options;
  const { host } = life;
  const self = cluster.self.id;
  const isWitness = options.witness === true;
  const versions = platform.versions ?? spoken;
  const propose = (request: Omit<StoredRequest, 'id'>, bytes: number): Promise<object> =>
    proposals.propose(request, bytes);
  const alarm = (activate: boolean, raised: Alarm): Promise<object> =>
    propose({ alarm: { activate, ...raised } }, 40);
  const barrier = (): Promise<void> => {
    if (bugs.has('read-by-lease') && tenure.now.leaseUntil > clock.bootTime()) return Promise.resolve();
    return reads.barrier();
  };
  const nameOf = (id: NodeId | null): string => (id === null ? '' : (machine.members.get(id)?.name ?? id));
  /** What a witness has is its log, in memory and on disk. */
  const used = (): number => (isWitness ? (life.began() ? host().logBytes : 0) : machine.bytesInUse);
  const { heartbeatMs, electionMs, maxElectionMs } = options;
  const pace = new Pace({
    heartbeatMs,
    floorMs: electionMs,
    ceilingMs: Math.max(electionMs, maxElectionMs),
    bugs,
  });
  const proposals = new Proposals({
    timeoutMs: requestTimeoutMs,
    limit: maxPending,
    clock,
    bugs,
    submit: (batch) => forwarding.submit(batch.id, batch.data),
    failed: () => life.metrics()?.failedProposals.inc(),
  });
  const reads = new Reads({
    timeoutMs: requestTimeoutMs,
    clock,
    bugs,
    appliedIndex: () => machine.appliedIndex,
    start: (context) => host().step({ type: 'read', context, now: clock.bootTime() }),
  });
  const disk = new StateDisk(storage.levels, bugs);
  disk.onDamage = (error) => {
    // At the start, whoever starts says so.
    if (life.began()) options.onFailure(error);
  };
  const machine = new StateMachine({
    disk,
    bugs,
    stateless: options.witness === true,
    versions,
    cluster: cluster.id,
    configuration: { voters: cluster.members.map(({ id }) => id).toSorted(), learners: [] },
    members: cluster.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    onResult: (proposer, id, result) => {
      if (proposer === proposals.proposer) proposals.applied(id, result);
    },
    onRevisions: (from, to) => hub.revisions(from, to),
    onCompacted: () => undefined,
    onMembership: (...applied) => membership.applied(...applied),
    onLease: (id, change) => {
      if (change === 'granted') leases.granted(id);
      else leases.revoked(id);
    },
  });
  const hub = new WatchHub(machine.state, clock, bugs);
  const leases = new LeaseClocks({
    timeoutMs: requestTimeoutMs,
    clock,
    bugs,
    leader: () => host().leader,
    // A witness that leads for a moment knows of no lease, which must not be taken for its end.
    leads: () => host().role === 'leader' && !isWitness,
    provenAgoMs: () => host().provenAgoMs,
    // A leader on a slow machine hears of a majority as late as this.
    staleMs: Math.max(options.electionMs, options.maxElectionMs),
    leases: () => machine.state.leases,
    send: (to, frame) => transport.send(to, frame),
    expire: (ID) => propose({ leaseExpiry: { ID, term: host().term }, ...itself }, 40),
    checkpointMs:
      options.leaseCheckpoints === true ? (platform.leaseCheckpointMs ?? defaultCheckpointMs) : Infinity,
    checkpointsAllowed: () => (machine.clusterVersion ?? 0) >= leaseCheckpointVersion,
    checkpoint: (checkpoints) =>
      propose({ leaseCheckpoints: { term: host().term, checkpoints }, ...itself }, 20 * checkpoints.length),
  });
  const quota = new Quota({
    bytes: options.quotaBytes,
    autoDisarm: options.autoDisarm,
    used,
    sweeping: () => machine.state.sweeping,
    barrier,
    pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
    raised: () => {
      const own = machine.alarms.find(({ member, alarm }) => member === self && alarm === alarmType.noSpace);
      return own === undefined ? undefined : own.disk === true ? 'disk' : 'quota';
    },
    alarm: (activate, cause) => {
      const room = disk.room();
      options.log.warn(
        { cause, quota: options.quotaBytes, free: room?.free },
        activate ? 'out of space' : 'there is room again',
      );
      return alarm(activate, { member: self, alarm: alarmType.noSpace, disk: cause === 'disk' });
    },
    room: () => disk.room(),
    stuck: () => upkeep.isStuck || life.wal()?.isFull === true,
    refused: () => machine.alarms.length > 0 && machine.isFull,
  });
  const transport = platform.network({
    cluster: cluster.id,
    member: self,
    tls: options.peerTls,
    log: options.log,
    onFrame: (from, frame) => life.frame(from, frame),
    onConnected: (peer) => {
      agreement.connected(peer);
      membership.connected(peer);
      proposals.retry();
    },
    onClosed: (peer) => life.peerClosed(peer),
    onBulk: (from) =>
      receiveSnapshot({
        incoming: disk.incoming,
        from,
        member: self,
        appliedIndex: () => machine.appliedIndex,
        step: (message) => host().step({ type: 'message', message })?.installSnapshot !== undefined,
      }),
    urls: cluster.self.peerUrls,
    onCalled: (from, urls) => membership.called(from, urls),
    isRemoved: (id) => machine.removed.has(id),
    onRemoved: (by) => membership.removedBy(by),
    roster: () => membership.roster(),
    onBytes: (peer, direction, bytes) => {
      if (direction === 'sent') life.metrics()?.peers.sent(peer, bytes);
      else life.metrics()?.peers.received(peer, bytes);
    },
    onDropped: (peer) => life.metrics()?.peers.dropped(peer),
  });
  const forwarding = new Forwarding({
    host,
    send: (to, frame) => transport.send(to, frame),
    refused: (id, term) => proposals.refused(id, term),
  });
  const tenure = new Tenure({
    clock,
    host,
    connected: (peer) => transport.connected(peer),
    transferMs: () => pace.electionMs * 2,
  });
  const membership = new Membership({
    cluster,
    clock,
    host,
    machine,
    transport,
    proposer: proposals.proposer,
    strictness: { strict: options.strictReconfig ?? true, maxLearners: options.maxLearners ?? 1 },
    timeoutMs: requestTimeoutMs,
    log: options.log,
    onRemoved: options.onRemoved,
    bugs,
    onChanged: () => tenure.changed(),
  });
  const { id, name, peerUrls } = cluster.self;
  const announcement = new Announcement({
    // A witness answers no clients, so none should look for it.
    attributes: { id, name, peerUrls, clientUrls: isWitness ? [] : options.clientUrls },
    known: () => machine.members.get(self),
    propose: (request, bytes) => propose(request, bytes),
  });
  const consistency = new Consistency({
    self: self,
    clock,
    everyMs: options.corruptCheckMs ?? 0,
    state: () => machine.state,
    configuration: () => machine.configuration,
    name: (id) => nameOf(id),
    leads: () => host().role === 'leader' && !isWitness,
    send: (to, frame) => transport.send(to, frame),
    barrier: () => barrier(),
    alarm: (id) =>
      alarm(true, {
        // As in later versions of etcd, which does not know who is right either.
        member: id ?? idText(0n),
        alarm: alarmType.corrupt,
        ...(id === undefined ? {} : { apart: true }),
      }),
    log: options.log,
  });
  const agreement = new VersionAgreement({
    self: self,
    range: versions,
    bugs,
    decided: () => machine.clusterVersion,
    members: () => [...machine.members.keys()],
    leads: () => host().role === 'leader' && !isWitness,
    send: (to, frame) => transport.send(to, frame),
    propose: (clusterVersion) => propose({ clusterVersion }, 100),
    log: options.log,
    failed: (error) => options.onFailure(error),
  });
  const sweeper = new Sweeper({
    clock,
    machine,
    flush: () => void upkeep.flush(),
  });
  const upkeep = new Upkeep({
    clock,
    bugs,
    host,
    machine,
    disk,
    quota,
    self: self,
    isWitness: (id) => machine.configuration.witnesses?.includes(id) === true,
    transport,
    metrics: life.metrics,
    log: options.log,
    failed: (error) => options.onFailure(error),
  });
  return {
    pace,
    proposals,
    reads,
    disk,
    machine,
    hub,
    leases,
    quota,
    transport,
    forwarding,
    tenure,
    membership,
    announcement,
    consistency,
    agreement,
    sweeper,
    upkeep,
    propose,
    alarm,
    barrier,
    nameOf,
  };
}
