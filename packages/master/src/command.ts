/**
 * `timonier master`: the supervisor of a master host. Starts the store, the API server, the control loops, the VIP
 * and the proxy (with `--worker` also what makes the host a node), follows leadership, takes and gives up the office,
 * and tells the components of this host.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { booleanFlag, defineComponent, repeatedFlag, stringFlag } from '@timonier/component';
import type { ClientTls } from '@timonier/grpc';
import { bootTimeMs } from '@timonier/linux/clock';
import {
  containerdConfigPath,
  hostConfigPath,
  type HostConfig,
  hurry,
  hostContainerd,
  nodeProcesses,
  proxyProcess,
  readHostConfig,
  Supervisor,
  writeContainerdConfig,
} from '@timonier/worker';
import { ApiHealth } from './api-health.ts';
import { apiserverArguments } from './apiserver-arguments.ts';
import { masterProcesses, officeSocket, storeSocket } from './master-processes.ts';
import { etcdLeadership, etcdTargets } from './office/etcd-election.ts';
import { OfficeKeeper } from './office/keeper.ts';
import { OfficePublisher } from './office/publisher.ts';
import { claimStore, clusterIdentity } from './office/store-claim.ts';
import { storeLeadership, storeOfficeRecord } from './office/store-office.ts';

const handOverMs = 2_000;
const pki = '/etc/timonier/pki';

export const command = defineComponent({
  name: 'master',
  summary: 'supervises a master host: store, API server, control loops, VIP; holds the office',
  examples: [
    'timonier master',
    'timonier master --worker',
    'timonier master --apiserver-arg audit-policy-file=/etc/timonier/audit.yaml --apiserver-arg audit-log-path=/var/log/timonier/audit.log',
  ],
  flags: {
    'host-config': stringFlag(hostConfigPath, 'file that describes this host and its cluster'),
    worker: booleanFlag(false, 'run pods on this host too'),
    'apiserver-arg': repeatedFlag(
      'NAME=VALUE of a flag of the API server; may be given several times, and beside those of the host configuration',
    ),
  },
  opsAddress: '0.0.0.0:10241',
  run: async ({ flags, log, metrics, health, shutdown }) => {
    const config = readHostConfig(flags['host-config']);
    const schedulable = flags.worker || config.schedulable;
    const more = apiserverArguments([...(config.apiserverArguments ?? []), ...flags['apiserver-arg']]);
    hurry(process.pid);
    const supervisor = new Supervisor({ log, metrics, health });
    shutdown.add('processes', () => supervisor.stopAll(), 10_000);

    const publisher = new OfficePublisher(officeSocket, bootTimeMs);
    await publisher.listen();
    shutdown.add('office socket', () => publisher.close());

    const foreign = config.storeEndpoints.length > 0;
    const targets = foreign
      ? etcdTargets(config.storeEndpoints, storeTls(config))
      : [{ target: `unix:${storeSocket}` }];
    let lastComplaint = '';
    const onStoreError = (error: unknown): void => {
      const complaint = error instanceof Error ? error.message : String(error);
      // A store that is away fails many times a second, in the same words.
      if (complaint !== lastComplaint) log.warn({ err: error }, 'cannot follow leadership in the store');
      lastComplaint = complaint;
    };
    if (foreign) {
      const stopping = new AbortController();
      shutdown.add('store claim', () => stopping.abort());
      const identity = clusterIdentity(config.cluster, readFileSync(`${pki}/ca.crt`));
      await claimStore(targets, identity, stopping.signal, onStoreError);
    }
    for (const spec of masterProcesses(config, more)) supervisor.start(spec);
    if (schedulable && config.runtime === 'containerd')
      writeContainerdConfig(containerdConfigPath, hostContainerd);
    const node = schedulable ? nodeProcesses(config, containerdConfigPath) : [proxyProcess(config)];
    for (const spec of node) supervisor.start(spec);

    const source = foreign
      ? etcdLeadership(config.name, targets, bootTimeMs, onStoreError)
      : storeLeadership({ target: `unix:${storeSocket}` }, onStoreError);
    shutdown.add('leadership', () => source.close());
    const record = storeOfficeRecord(targets);
    shutdown.add('office record', () => record.close());
    const keeper = new OfficeKeeper({
      self: { name: config.name, address: config.address },
      masters: config.masters,
      source,
      record,
      publish: (state) => publisher.publish(state),
      now: bootTimeMs,
      log,
      metrics,
    });
    shutdown.add('office keeper', () => keeper.close());
    // Registered last, so it runs first: others should take over before anything here stops.
    shutdown.add('hand over', () => keeper.handOver('shutdown', handOverMs), handOverMs + 500);

    const apiHealth = new ApiHealth({
      check: (signal) => checkApiServer(config, signal),
      isActive: () => keeper.active && config.masters.length > 1,
      handOver: async (why) => {
        log.error({ why }, 'handing the office over');
        await keeper.handOver(why, handOverMs);
      },
      now: bootTimeMs,
    });
    shutdown.add('API server health', () => apiHealth.close());
    log.info({ host: config.name, cluster: config.cluster, schedulable }, 'master host is starting');
  },
});

function storeTls({ storeTls: files }: HostConfig): ClientTls {
  if (files === undefined) return {};
  return { ca: readFileSync(files.ca), cert: readFileSync(files.cert), key: readFileSync(files.key) };
}

/** Asks this host's own API server for /readyz. */
function checkApiServer(config: HostConfig, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: config.address,
        port: 6443,
        path: '/readyz',
        agent: false,
        signal,
        ca: readFileSync(`${pki}/ca.crt`),
        cert: readFileSync(`${pki}/apiserver-kubelet-client.crt`),
        key: readFileSync(`${pki}/apiserver-kubelet-client.key`),
      },
      (response) => {
        response.resume();
        if (response.statusCode === 200) resolve();
        else reject(new Error(`/readyz answers ${response.statusCode}`));
      },
    );
    call.on('error', reject);
    call.end();
  });
}
