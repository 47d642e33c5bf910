/**
 * What the clients talk to: a whole local cluster with nodes, or an API server with its controllers and no node; each
 * on a real etcd or on the project's own store.
 */
import { createClient } from '@timonier/client';
import { Health } from '@timonier/component';
import { startControllers } from '@timonier/controllers';
import { createClusterPki, readKubeconfig } from '@timonier/pki';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { startApiServer, until } from '../../../packages/apiserver/src/testing/harness.ts';
import { startEtcd } from '../../../packages/apiserver/src/testing/real-etcd.ts';
import {
  type ServerProcess,
  startServerProcess,
} from '../../../packages/apiserver/src/testing/server-process.ts';
import { Cluster } from '../../acceptance/cluster.ts';
import { startEtcdHost } from '../../acceptance/etcd-host.ts';
import type { Kubectl } from '../../acceptance/kubectl.ts';

export interface World {
  readonly kubeconfig: string;
  readonly hasNodes: boolean;
  /** What runs, for people. */
  readonly description: string;
  /** The cluster with its hosts, where there is one. */
  readonly cluster?: Cluster;
}

type OnEnd = (end: () => unknown) => void;

/** Three masters and two workers. */
export async function wholeCluster(
  store: 'timonier' | 'etcd',
  directory: string,
  kubectls: readonly Kubectl[],
  onEnd: OnEnd,
  apiServers = 1,
): Promise<World> {
  const etcd = store === 'etcd' ? await startEtcdHost(7) : undefined;
  if (etcd !== undefined) onEnd(() => etcd.close());
  const cluster = new Cluster(
    {
      name: 'clients',
      dataDir: join(directory, 'cluster'),
      masters: 3,
      workers: 2,
      runtime: 'timonier',
      ...(etcd === undefined ? {} : { store: etcd }),
      ...(apiServers === 1 ? {} : { apiserverArguments: [`workers=${apiServers}`] }),
    },
    kubectls,
  );
  onEnd(() => cluster.down());
  await cluster.up();
  await cluster.allNodesReady(2);
  const on = etcd === undefined ? 'the built-in store' : `three members of etcd ${etcd.version}`;
  return {
    kubeconfig: cluster.kubeconfig,
    hasNodes: true,
    description: `3 masters${inProcesses(apiServers)}, 2 workers, ${on}`,
    cluster,
  };
}

/** One API server on one etcd, with the controllers. */
export async function withoutNodes(onEnd: OnEnd, apiServers = 1): Promise<World> {
  const context = { after: (fn: () => unknown) => onEnd(fn) };
  const { endpoint } = await startEtcd(context);
  const server =
    apiServers === 1
      ? await startApiServer(context, { endpoint, admission: ['ServiceAccount'] })
      : await severalProcesses(context, endpoint, apiServers);
  const { pki, kubeconfig } = server;
  const files = pki.files('controller-manager');
  const { server: apiServer } = await readKubeconfig(kubeconfig);
  const client = createClient({
    servers: [apiServer],
    ca: await readFile(pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
  });
  onEnd(() => client.close());
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const rootCa = await readFile(pki.caFile, 'utf8');
  const parts = { client, log, metrics: new Registry(), health: new Health() };
  const loops = startControllers(parts, { rootCa, apiServer });
  onEnd(() => loops.stop());
  await until(
    async () =>
      (await client.request('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
    'the controllers work',
  );
  return { kubeconfig, hasNodes: false, description: `no nodes${inProcesses(apiServers)}, one etcd` };
}

/** The API server as it runs on a master, in so many processes. */
async function severalProcesses(
  t: Pick<TestContext, 'after'>,
  endpoint: string,
  processes: number,
): Promise<ServerProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-clients-pki-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const pki = await createClusterPki(directory, {
    masters: [{ name: 'master-1', address: '127.0.0.1' }],
    workers: [],
    serviceIp: '10.96.0.1',
  });
  const flags = {
    workers: String(processes),
    'disable-admission-plugins': '',
    'service-account-signing-key-file': pki.serviceAccountKeyFile,
  };
  return startServerProcess(t, endpoint, flags, pki);
}

function inProcesses(count: number): string {
  return count === 1 ? '' : `, API servers in ${count} processes`;
}
