/**
 * What `up` puts on the machine's own 127.0.0.1 while the cluster runs: the API server, the NodePorts of all
 * Services, and the metrics of all processes. A port that is taken on the machine is reported and left alone.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '@timonier/api';
import { createInformer } from '@timonier/client';
import type { LocalCluster } from './local-cluster.ts';
import { prometheusTargets, startMetricsGateway } from './metrics-gateway.ts';
import type { Forwards } from './record.ts';
import { adminClient } from './start.ts';
import { forwardTcp, forwardTcpFrom, type TcpForward } from './tcp-forward.ts';

export interface RunningForwards {
  readonly addresses: Forwards;
  close(): Promise<void>;
}

const firstApiPort = 6443;
const firstMetricsPort = 9640;

export async function startForwards(cluster: LocalCluster): Promise<RunningForwards> {
  const { plan } = cluster;
  // The VIP first: it is where the active master is.
  const masters = [plan.vip, ...cluster.masters.map((host) => host.plan.address)];
  const api = await forwardTcpFrom(firstApiPort, () => masters.map((host) => ({ host, port: 6443 })));
  const metrics = await firstFree(firstMetricsPort, (port) => startMetricsGateway(cluster, port));
  const nodePorts = followNodePorts(cluster);
  const gateway = `127.0.0.1:${metrics.port}`;
  const prometheusDir = join(cluster.record.dataDir, 'prometheus');
  mkdirSync(prometheusDir, { recursive: true });
  writeFileSync(
    join(prometheusDir, 'targets.json'),
    `${JSON.stringify(prometheusTargets(cluster, gateway), null, 2)}\n`,
  );
  return {
    addresses: { api: `127.0.0.1:${api.port}`, metrics: gateway },
    close: async () => {
      await Promise.all([api.close(), metrics.close(), nodePorts.close()]);
    },
  };
}

async function firstFree<T>(first: number, listen: (port: number) => Promise<T>): Promise<T> {
  for (let port = first; port < first + 50; port++) {
    try {
      return await listen(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  return listen(0);
}

/** Keeps one forwarder per TCP NodePort, as Services come and go. */
function followNodePorts(cluster: LocalCluster): { close(): Promise<void> } {
  const nodes = cluster.hosts.filter((host) => host.plan.schedulable);
  const client = adminClient(cluster, { retryForMs: 10_000 });
  const services = createInformer(client, resources.services, {});
  const forwards = new Map<number, Promise<TcpForward | undefined>>();
  let closed = false;
  const open = async (port: number): Promise<TcpForward | undefined> => {
    try {
      return await forwardTcp(port, () =>
        nodes.filter((host) => host.init() !== undefined).map((host) => ({ host: host.plan.address, port })),
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      process.stderr.write(`timonier: NodePort ${port} is not on 127.0.0.1: ${reason}\n`);
      return undefined;
    }
  };
  const shut = (port: number): void => {
    const forward = forwards.get(port);
    forwards.delete(port);
    void forward?.then((opened) => opened?.close());
  };
  const sync = (): void => {
    if (closed) return;
    const wanted = new Set(
      services
        .list()
        .flatMap((service) => service.spec?.ports ?? [])
        .filter((port) => port.nodePort !== undefined && (port.protocol ?? 'TCP') === 'TCP')
        .map((port) => port.nodePort ?? 0),
    );
    for (const port of forwards.keys()) if (!wanted.has(port)) shut(port);
    for (const port of wanted) if (port > 0 && !forwards.has(port)) forwards.set(port, open(port));
  };
  services.on(sync);
  void services.synced.then(sync, () => undefined);
  return {
    close: async () => {
      closed = true;
      for (const port of forwards.keys()) shut(port);
      await services.stop();
      await client.close();
    },
  };
}
