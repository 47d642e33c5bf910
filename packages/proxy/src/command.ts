/**
 * `timonier proxy`: keeps the pod network of this host and its service rules as the API server says. Runs on every
 * host, nodes or not: masters reach pods and cluster addresses through it too.
 */
import { hostname } from 'node:os';
import { resources } from '@timonier/api';
import { clientFromKubeconfig, createInformer, restClientMetrics } from '@timonier/client';
import { defineComponent, listFlag, stringFlag, UsageError } from '@timonier/component';
import { bridgeTrafficIsFiltered, PodNetwork, PodNetworkLoop } from '@timonier/network';
import { createProxyMetrics } from './metrics.ts';
import type { RulesetOptions } from './ruleset.ts';
import { Syncer } from './syncer.ts';

const flags = {
  'node-name': stringFlag('', 'name of this host among the nodes', { placeholder: 'the host name' }),
  kubeconfig: stringFlag('', 'file that says how to reach the API server'),
  servers: listFlag([], 'API server URLs to use instead of the one in the kubeconfig'),
  'pod-cidr-range': stringFlag('10.244.0.0/16', 'range of all pods of the cluster'),
  'cni-config': stringFlag('/etc/cni/net.d/10-timonier.conflist', 'CNI configuration file to keep'),
};

export const command = defineComponent({
  name: 'proxy',
  summary: 'routes pod traffic between hosts and turns Services into nftables rules',
  examples: [
    'timonier proxy --kubeconfig /etc/timonier/proxy.kubeconfig',
    'timonier proxy --kubeconfig proxy.kubeconfig --servers https://192.0.2.1:6443,https://192.0.2.2:6443',
  ],
  flags,
  opsAddress: '0.0.0.0:10249',
  async run({ flags, log, metrics, health, shutdown }) {
    if (flags.kubeconfig === '') throw new UsageError('--kubeconfig is needed: which API server to follow');
    const nodeName = flags['node-name'] === '' ? hostname().toLowerCase() : flags['node-name'];
    const podRange = flags['pod-cidr-range'];
    const client = clientFromKubeconfig(flags.kubeconfig, {
      servers: flags.servers,
      userAgent: 'timonier-proxy',
      metrics: restClientMetrics(metrics),
    });
    shutdown.add('client', () => client.close());

    const onError = (error: unknown): void => log.warn({ err: error }, 'cannot follow the API server');
    const nodes = createInformer(client, resources.nodes, { onError });
    const services = createInformer(client, resources.services, { onError });
    const slices = createInformer(client, resources.endpointslices, { onError });
    for (const [name, informer] of Object.entries({ nodes, services, slices })) {
      shutdown.add(`${name} informer`, () => informer.stop());
    }

    let podCidr: string | undefined;
    let warned = '';
    let routeProblem: string | undefined;
    const network = new PodNetworkLoop({
      network: new PodNetwork({ nodeName, podRange, cniConfigPath: flags['cni-config'] }),
      nodes: () => nodes.list(),
      onResult: (result) => {
        if (result.routeProblem !== undefined && result.routeProblem !== routeProblem) {
          log.warn({ problem: result.routeProblem }, 'a route to pods of another node was refused');
        }
        routeProblem = result.routeProblem;
        if (result.routesChanged > 0 && routeProblem === undefined)
          log.info({ changes: result.routesChanged }, 'changed routes to pods');
        const refused = result.refusedSettings.join('; ');
        if (refused !== warned) log.warn({ refused }, 'some network settings were refused');
        warned = refused;
        if (result.podCidr === podCidr) return;
        podCidr = result.podCidr;
        log.info({ podCidr }, 'this node has a pod range');
        syncer.trigger();
      },
      onError: (error) => log.error({ err: error }, 'cannot apply the pod network'),
    });
    shutdown.add('pod network', () => network.stop());

    const syncer = new Syncer({
      nodeName,
      services: () => services.list(),
      slices: () => slices.list(),
      ruleset: async (): Promise<RulesetOptions> =>
        podCidr === undefined || (await bridgeTrafficIsFiltered())
          ? { podRange }
          : { podRange, hiddenBridgeRange: podCidr },
      metrics: createProxyMetrics(metrics),
      onError: (error) => log.error({ err: error }, 'cannot load the service rules'),
    });
    shutdown.add('service rules', () => syncer.stop());

    health.addReady('pod-network', () => {
      if (!network.hasApplied) throw network.failure ?? new Error('the nodes are not known yet');
    });
    health.addReady('service-rules', () => {
      if (!syncer.hasSynced) throw syncer.failure ?? new Error('the services are not known yet');
    });

    void nodes.synced.then(() => {
      nodes.on(() => network.trigger());
      network.trigger();
    });
    void Promise.all([services.synced, slices.synced]).then(() => {
      services.on(() => syncer.trigger());
      slices.on(() => syncer.trigger());
      syncer.trigger(0);
    });
  },
});
