/**
 * Starts a member with its client API: the etcd v3 services on TCP and, for processes of the same host, on a private
 * unix socket together with the leadership service; operations endpoints; automatic compaction; orderly shutdown.
 */
import {
  type ComponentContext,
  type FlagSet,
  parseDuration,
  portHolder,
  startOpsServer,
} from '@timonier/component';
import { GrpcServer, type ServerTls } from '@timonier/grpc';
import { CallCredentials } from './auth/credentials.ts';
import type { Tokens } from './auth/tokens.ts';
import { idText, type Endpoint, type InitialCluster } from './cluster.ts';
import { CallMetrics } from './call-metrics.ts';
import { type ClientService, clientServices, serve } from './client-api.ts';
import { leadershipService } from './client-services.ts';
import { startCompactor } from './compactor.ts';
import { markRemoved, rememberMembers } from './identity.ts';
import { Gateway, type GatewayPage } from './gateway/gateway.ts';
import { gatewayMethods } from './gateway/methods.ts';
import { prefixes } from './gateway/routes.ts';
import { Member } from './member.ts';
import { addMemberMetrics, Healths } from './member-metrics.ts';
import { settleCluster } from './membership/settle.ts';
import { StoreMetrics } from './metrics.ts';
import type { ServiceContext } from './services/context.ts';
import { leadershipHandlers } from './services/leadership.ts';
import { apiVersion } from './services/maintenance.ts';
import { finishRecovery, forceNewCluster } from './recover-lost-quorum.ts';
import type { Platform } from './platform.ts';
import type { PeerTls } from './peer-socket.ts';
import { etcdClusterVersion, IncompatibleVersionError, spoken } from './versions/entry-versions.ts';

export interface StoreOptions {
  readonly cluster: InitialCluster;
  /** Whether this member was added to a cluster that is there. */
  readonly joins: boolean;
  readonly witness: boolean;
  /** Whether what is in the data directory becomes a cluster of its own. */
  readonly forceNewCluster: boolean;
  readonly strictReconfig: boolean;
  readonly maxLearners: number;
  readonly dataDir: string;
  readonly listenClients: readonly Endpoint[];
  readonly listenPeers: readonly Endpoint[];
  readonly listenMetrics: readonly Endpoint[];
  readonly clientUrls: readonly string[];
  readonly tls: PeerTls | undefined;
  readonly tlsLimits: Pick<ServerTls, 'crl' | 'ciphers' | 'minVersion'>;
  readonly clientCertAuth: boolean;
  readonly peerTls: PeerTls | undefined;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly maxElectionMs: number;
  readonly trailingEntries: number;
  readonly quotaBytes: number;
  readonly autoDisarm: boolean;
  readonly tokens: Tokens;
  /** On bcrypt's scale. */
  readonly passwordCost: number;
  readonly leaseCheckpoints: boolean;
  /** Whether the data is compared with that of the other members before it is served, and how often afterwards. */
  readonly initialCorruptCheck: boolean;
  readonly corruptCheckMs: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Whether the time of calls is kept in histograms. */
  readonly extensiveMetrics: boolean;
  readonly maxTxnOps: number;
  readonly compactionMode: string;
  readonly compactionRetention: string;
  readonly progressInterval: string;
  readonly privateSocket: string;
  /** Origins that browsers may call the JSON gateway from; empty for every one. */
  readonly cors: readonly string[];
  /** Names that requests to it without TLS may use for this host; empty for every one. */
  readonly hostWhitelist: readonly string[];
  /** Where time, disks and network come from; no flag reaches it. */
  readonly platform?: Platform;
}

/** Room for the frame around a request, as etcd allows. */
const overheadBytes = 512 * 1024;

/** Resolves when clients are served. */
export async function startStore(
  component: Pick<ComponentContext<FlagSet>, 'log' | 'metrics' | 'health' | 'opsPages' | 'shutdown'>,
  options: StoreOptions,
): Promise<void> {
  const { log, health, shutdown } = component;
  let failure: Error | undefined;
  const { dataDir } = options;
  finishRecovery(dataDir);
  if (options.forceNewCluster) await forceNewCluster(dataDir, options.cluster, log);
  const cluster = await settleCluster({
    dataDir,
    flagged: options.cluster,
    joins: options.joins,
    witness: options.witness,
    tls: options.peerTls,
    versions: options.platform?.versions ?? spoken,
  });
  const member = await Member.start({
    ...options,
    cluster,
    log,
    onRemoved: () => {
      markRemoved(dataDir);
      log.error(
        { dataDir },
        `${cluster.self.name} was removed from the cluster and stops; its data is of no use any more: delete it, and join as a new member (timonier member add)`,
      );
      process.exitCode = 1;
      void shutdown.begin('removed from the cluster');
    },
    onFailure: (error) => {
      // Whatever is in memory may differ from what is on disk: nothing more may be said or written.
      failure = error;
      if (error instanceof IncompatibleVersionError) {
        log.fatal({ dataDir }, error.message);
        process.exit(1);
      }
      const full = /no space left|ENOSPC|EDQUOT/i.test(error.message);
      log.fatal(
        { err: error },
        full
          ? `the disk of ${options.dataDir} is full: make room there and start the store again; no acknowledged write is lost`
          : 'the store cannot go on',
      );
      process.exit(1);
    },
  });
  shutdown.add('member', () => member.stop(), 8_000);
  if (options.initialCorruptCheck && !options.witness) await member.consistency.initial();
  const { state } = member.machine;
  const metrics = new StoreMetrics(component.metrics, {
    hasLeader: () => member.host.leader !== null,
    isLeader: () => member.host.role === 'leader',
    pending: () => member.pending,
    appliedIndex: () => member.machine.appliedIndex,
    commitIndex: () => member.host.commitIndex,
    revision: () => member.machine.state.revision,
    compactRevision: () => member.machine.state.compactRevision,
    keys: () => member.machine.state.index.size,
    watchers: () => member.hub.size,
    slowWatchers: () => member.hub.lagging,
    leases: () => member.machine.state.leases.size,
    electionTimeoutMs: () => member.pace.electionMs,
    delayMs: () => member.pace.delayMs,
    peers: {
      self: member.id,
      members: () => member.machine.members.keys(),
      connected: (peer) => member.connected(peer),
    },
  });
  member.metrics = metrics;
  let told: unknown;
  const remember = (): void => {
    if (told === member.membership.version) return;
    told = member.membership.version;
    rememberMembers(dataDir, member.members);
  };
  remember();
  member.onChange(remember);
  health.addLive('store', () => {
    if (failure !== undefined) throw failure;
  });
  health.addReady('leader', () => {
    if (member.host.leader === null) throw new Error('no leader is known');
  });
  health.addReady('barrier', () => member.barrier());

  const healths = new Healths(component.metrics);
  component.opsPages.set('/health', () => healths.ask(() => member.barrier()));
  component.opsPages.set('/version', () =>
    Promise.resolve({
      status: 200,
      body: { etcdserver: apiVersion, etcdcluster: etcdClusterVersion(member.machine.clusterVersion) },
    }),
  );

  const context: ServiceContext = {
    member,
    metrics,
    credentials: new CallCredentials({
      auth: () => member.machine.auth,
      tokens: options.tokens,
      certificateNames: options.clientCertAuth,
      appliedIndex: () => member.machine.appliedIndex,
      onChange: (listener) => member.onChange(listener),
    }),
    tokens: options.tokens,
    passwordCost: options.passwordCost,
    maxRequestBytes: options.maxRequestBytes,
    maxTxnOps: options.maxTxnOps,
    progressIntervalMs: parseDuration(options.progressInterval),
  };
  const calls = new CallMetrics(component.metrics, options.extensiveMetrics);
  const services = clientServices(context).map((service) => calls.count(service));
  addMemberMetrics(component.metrics, { member, version: apiVersion });
  const gateway = clientGateway(
    services,
    component,
    options,
    () => options.clientCertAuth && member.machine.auth.enabled,
  );
  const server = new GrpcServer({
    maxReceiveBytes: options.maxRequestBytes + overheadBytes,
    maxConcurrentStreams: options.maxConcurrentStreams,
    keepaliveMs: options.keepaliveMs,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs,
    http1: (socket) => gateway.accept(socket),
    web: (call) => gateway.answer(call),
  });
  for (const service of services) serve(server, service);
  for (const endpoint of options.listenClients)
    await listenForClients(
      server,
      endpoint,
      endpoint.tls && options.tls !== undefined
        ? {
            cert: options.tls.cert,
            key: options.tls.key,
            clientCa: options.tls.ca,
            // As in etcd: who names authorities wants their certificates.
            requireClientCertificate: options.clientCertAuth || options.tls.ca !== undefined,
            ...options.tlsLimits,
          }
        : undefined,
    );
  shutdown.add('client listeners', () => {
    gateway.close();
    return server.shutdown(500);
  });
  if (options.privateSocket !== '') {
    const local = new GrpcServer({ maxReceiveBytes: options.maxRequestBytes + overheadBytes });
    for (const service of services) serve(local, service);
    local.addService(leadershipService, leadershipHandlers(context));
    await local.listen(`unix:${options.privateSocket}`);
    shutdown.add('private socket', () => local.shutdown(200));
  }
  for (const endpoint of options.listenMetrics) {
    const ops = await startOpsServer(address(endpoint), health, component.metrics, component.opsPages);
    shutdown.add('metrics listener', () => ops.close());
  }
  const stop = startCompactor(member, options.compactionMode, options.compactionRetention, (error) =>
    log.warn({ err: error }, 'automatic compaction failed'),
  );
  if (stop !== undefined) shutdown.add('compactor', stop);
  log.info(
    { clients: options.listenClients, member: idText(member.memberId), revision: state.revision },
    'serving clients',
  );
}

/** The pages of the operations endpoint and the JSON gateway, on the port of the clients as etcd has them. */
function clientGateway(
  services: readonly ClientService[],
  component: Pick<ComponentContext<FlagSet>, 'metrics' | 'opsPages'>,
  options: StoreOptions,
  namesCount: () => boolean,
): Gateway {
  const { metrics, opsPages } = component;
  const pages = new Map<string, GatewayPage>([
    ['/metrics', async () => ({ status: 200, type: metrics.contentType, body: await metrics.metrics() })],
  ]);
  for (const [path, page] of opsPages)
    pages.set(path, async () => {
      const { status, body } = await page();
      return { status, type: 'application/json', body: JSON.stringify(body) };
    });
  return new Gateway({
    methods: gatewayMethods(services),
    prefixes,
    pages,
    maxLength: 2 * (options.maxRequestBytes + overheadBytes),
    cors: options.cors,
    hostWhitelist: options.hostWhitelist,
    namesCount,
  });
}

function address({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Names the process that has the port, which the gRPC library does not know. */
async function listenForClients(
  server: GrpcServer,
  endpoint: Endpoint,
  tls: Parameters<GrpcServer['listen']>[1],
): Promise<void> {
  try {
    await server.listen(address(endpoint), tls);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('listens there already')) throw error;
    throw new Error(
      `cannot listen for clients on ${endpoint.host}:${endpoint.port}: ${portHolder(endpoint.port)}`,
      { cause: error },
    );
  }
}
