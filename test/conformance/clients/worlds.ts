/**
 * What the clients talk to: a whole local cluster with nodes, or an API server with its controllers and no node; each
 * on a real etcd or on the project's own store.
 */
import { createClient } from '@timonier/client';
import { Health } from '@timonier/component';
import { startControllers } from '@timonier/controllers';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { startApiServer, until } from '../../../packages/apiserver/src/testing/harness.ts';
import { startEtcd } from '../../../packages/apiserver/src/testing/real-etcd.ts';
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
      ...(etcd === undefined ? {} : { storeEndpoints: etcd.endpoints }),
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
    description: `3 masters, 2 workers, ${on}`,
    cluster,
  };
}

/** One API server on one etcd, with the controllers. */
export async function withoutNodes(onEnd: OnEnd): Promise<World> {
  const context = { after: (fn: () => unknown) => onEnd(fn) } as never;
  const { endpoint } = await startEtcd(context);
  const server = await startApiServer(context, { endpoint, admission: ['ServiceAccount'] });
  const files = server.pki.files('controller-manager');
  const client = createClient({
    servers: [`https://127.0.0.1:${server.port}`],
    ca: await readFile(server.pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
  });
  onEnd(() => client.close());
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const rootCa = await readFile(server.pki.caFile, 'utf8');
  const parts = { client, log, metrics: new Registry(), health: new Health() };
  const apiServer = `https://127.0.0.1:${server.port}`;
  const loops = startControllers(parts, { rootCa, apiServer });
  onEnd(() => loops.stop());
  await until(
    async () =>
      (await server.request('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
    'the controllers work',
  );
  return { kubeconfig: server.kubeconfig, hasNodes: false, description: 'no nodes, one etcd' };
}
