/**
 * Every service that clients are offered, with its handlers: the one list that the gRPC server and the JSON gateway
 * are both made from, so that no check is on one way in and not on the other.
 */
import type { GrpcServer, Handlers, ServiceDefinition, ServiceShape } from '@timonier/grpc';
import {
  authService,
  clusterService,
  electionService,
  kvService,
  leaseService,
  lockService,
  maintenanceService,
  membershipService,
  watchService,
} from './client-services.ts';
import { adminOnly, authHandlers, bareRefusal } from './services/auth.ts';
import { clusterHandlers } from './services/cluster.ts';
import type { ServiceContext } from './services/context.ts';
import { electionHandlers } from './services/election.ts';
import { kvHandlers } from './services/kv.ts';
import { leaseHandlers, sessionLease } from './services/lease.ts';
import { lockHandlers } from './services/lock.ts';
import { maintenanceHandlers } from './services/maintenance.ts';
import { membershipHandlers } from './services/membership.ts';
import { behindStanding } from './services/standing.ts';
import { Turns } from './services/turns.ts';
import { watchHandlers } from './services/watch.ts';

export interface ClientService {
  /** The file that describes it, below the `proto` folder. */
  readonly proto: string;
  readonly definition: ServiceDefinition;
  /** By method name, each in the form its kind asks for. */
  readonly handlers: Readonly<Record<string, unknown>>;
}

function service<S extends ServiceShape>(
  proto: string,
  definition: ServiceDefinition<S>,
  handlers: Handlers<S>,
): ClientService {
  return { proto, definition, handlers };
}

/** Adds a service to a server. That handlers and definition belong together was checked where it was made. */
export function serve(server: GrpcServer, { definition, handlers }: ClientService): void {
  server.addService(definition, handlers as Handlers<ServiceShape>);
}

/** Everything that clients of this member may call. */
export function clientServices(context: ServiceContext): readonly ClientService[] {
  const kv = kvHandlers(context);
  const turns = new Turns(context, kv);
  const grant = sessionLease(context);
  const cluster = adminOnly(context, clusterHandlers(context), [
    'memberAdd',
    'memberRemove',
    'memberUpdate',
    'memberPromote',
  ]);
  const maintenance = adminOnly(
    context,
    maintenanceHandlers(context),
    ['defragment', 'hash', 'hashKV', 'snapshot'],
    bareRefusal,
  );
  const rpc = 'etcd/rpc.proto';
  return [
    service(rpc, kvService, behindStanding(context, kv)),
    service(rpc, watchService, behindStanding(context, watchHandlers(context))),
    service(rpc, leaseService, behindStanding(context, leaseHandlers(context))),
    service(rpc, clusterService, behindStanding(context, cluster)),
    service(
      'timonier/membership.proto',
      membershipService,
      behindStanding(context, adminOnly(context, membershipHandlers(context), ['add'])),
    ),
    service(rpc, maintenanceService, behindStanding(context, maintenance, ['status'])),
    service(rpc, authService, behindStanding(context, authHandlers(context))),
    service('etcd/lock.proto', lockService, behindStanding(context, lockHandlers(turns, grant))),
    service('etcd/election.proto', electionService, behindStanding(context, electionHandlers(turns, grant))),
  ];
}
