/** The services that clients of the store call, etcd's and our own, compiled once. */
import { loadService } from '@timonier/grpc';
import { idFields } from './codecs.ts';
import type { AuthShape } from './services/auth.ts';
import type { ElectionShape } from './services/election.ts';
import type { ClusterShape } from './services/cluster.ts';
import type { KvShape } from './services/kv.ts';
import type { LeadershipShape } from './services/leadership.ts';
import type { LeaseShape } from './services/lease.ts';
import type { LockShape } from './services/lock.ts';
import type { MembershipShape } from './services/membership.ts';
import type { MaintenanceShape } from './services/maintenance.ts';
import type { WatchShape } from './services/watch.ts';

const options = { bigintFields: idFields };

export const kvService = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV', options);
export const watchService = loadService<WatchShape>('etcd/rpc.proto', 'etcdserverpb.Watch', options);
export const leaseService = loadService<LeaseShape>('etcd/rpc.proto', 'etcdserverpb.Lease', options);
export const clusterService = loadService<ClusterShape>('etcd/rpc.proto', 'etcdserverpb.Cluster', options);
export const maintenanceService = loadService<MaintenanceShape>(
  'etcd/rpc.proto',
  'etcdserverpb.Maintenance',
  options,
);
export const membershipService = loadService<MembershipShape>(
  'timonier/membership.proto',
  'timonier.store.v1.Membership',
);
export const leadershipService = loadService<LeadershipShape>(
  'timonier/leadership.proto',
  'timonier.store.v1.Leadership',
);
export const authService = loadService<AuthShape>('etcd/rpc.proto', 'etcdserverpb.Auth', options);
export const lockService = loadService<LockShape>('etcd/lock.proto', 'v3lockpb.Lock', options);
export const electionService = loadService<ElectionShape>(
  'etcd/election.proto',
  'v3electionpb.Election',
  options,
);
