/** The store's metrics, under etcd's names where they mean the same. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PeerMetrics, type PeerSources } from './peer-metrics.ts';
import { Durations, Tally } from './tally.ts';

const syncBuckets = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
];

export interface MetricSources {
  readonly hasLeader: () => boolean;
  readonly isLeader: () => boolean;
  readonly pending: () => number;
  readonly appliedIndex: () => number;
  readonly commitIndex: () => number;
  readonly revision: () => number;
  readonly compactRevision: () => number;
  readonly keys: () => number;
  readonly watchers: () => number;
  readonly slowWatchers: () => number;
  readonly leases: () => number;
  readonly electionTimeoutMs: () => number;
  readonly delayMs: () => number;
  readonly peers: PeerSources;
}

export class StoreMetrics {
  readonly leaderChanges: Counter;
  readonly failedProposals: Counter;
  readonly walSync: Durations;
  readonly backendCommit: Histogram;
  readonly peers: PeerMetrics;
  readonly puts: Tally;
  readonly ranges: Tally;
  readonly deletes: Tally;
  readonly txns: Tally;
  readonly events: Tally;
  readonly snapshots: Counter;

  constructor(registry: Registry, sources: MetricSources) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
      new Counter({ name, help, labelNames, registers });
    const tally = (name: string, help: string): Tally => new Tally({ name, help, registers });
    const gauge = (name: string, help: string, read: () => number): void => {
      const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
    };
    this.leaderChanges = counter('etcd_server_leader_changes_seen_total', 'Changes of leader seen.');
    this.failedProposals = counter(
      'etcd_server_proposals_failed_total',
      'Requests that failed before they were applied.',
    );
    this.walSync = new Durations({
      name: 'etcd_disk_wal_fsync_duration_seconds',
      help: 'Time to write and sync a batch of the log.',
      buckets: syncBuckets,
      registers,
    });
    this.backendCommit = new Histogram({
      name: 'etcd_disk_backend_commit_duration_seconds',
      help: 'Time to write and sync a batch of the state.',
      buckets: syncBuckets,
      registers,
    });
    this.peers = new PeerMetrics(registry, sources.peers);
    this.puts = tally('etcd_mvcc_put_total', 'Put requests served.');
    this.ranges = tally('etcd_mvcc_range_total', 'Range requests served.');
    this.deletes = tally('etcd_mvcc_delete_total', 'Delete requests served.');
    this.txns = tally('etcd_mvcc_txn_total', 'Transactions served.');
    this.events = tally('etcd_debugging_mvcc_events_total', 'Events sent to watchers.');
    this.snapshots = counter('timonier_store_snapshots_total', 'Snapshots sent and installed.', [
      'direction',
    ]);
    gauge('etcd_server_has_leader', 'Whether a leader is known.', () => Number(sources.hasLeader()));
    gauge('etcd_server_is_leader', 'Whether this member leads.', () => Number(sources.isLeader()));
    gauge('etcd_server_proposals_pending', 'Requests waiting to be applied.', sources.pending);
    gauge('etcd_server_proposals_applied_total', 'Index of the newest applied entry.', sources.appliedIndex);
    gauge(
      'etcd_server_proposals_committed_total',
      'Index of the newest committed entry.',
      sources.commitIndex,
    );
    gauge('etcd_debugging_mvcc_current_revision', 'Current revision.', sources.revision);
    gauge(
      'etcd_debugging_mvcc_compact_revision',
      'Revision of the last compaction.',
      sources.compactRevision,
    );
    gauge(
      'etcd_debugging_mvcc_keys_total',
      'Keys, deleted and not yet compacted ones included.',
      sources.keys,
    );
    gauge('etcd_debugging_mvcc_watcher_total', 'Watchers.', sources.watchers);
    gauge(
      'etcd_debugging_mvcc_slow_watcher_total',
      'Watchers that are being brought up to date.',
      sources.slowWatchers,
    );
    gauge('timonier_store_leases', 'Leases.', sources.leases);
    gauge(
      'timonier_store_election_timeout_seconds',
      'Silence of the leader after which this member stands for election; follows the measured delays.',
      () => sources.electionTimeoutMs() / 1000,
    );
    gauge(
      'timonier_store_longest_delay_seconds',
      "What delays of late count for: of this member's own turns, of the leader's messages, of round trips.",
      () => sources.delayMs() / 1000,
    );
  }
}
