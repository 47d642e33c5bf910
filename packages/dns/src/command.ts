/**
 * `timonier dns`: answers names of Services and pods to pods, and forwards everything else. Each node runs one; the
 * cluster's DNS address leads to all of them through the Service `kube-dns`.
 */
import { isIPv4 } from 'node:net';
import { resources, type EndpointSlice, type Service } from '@timonier/api';
import { clientFromKubeconfig, createInformer, restClientMetrics } from '@timonier/client';
import { defineComponent, listFlag, stringFlag, UsageError } from '@timonier/component';
import { Forwarder } from './forwarder.ts';
import { createDnsMetrics } from './metrics.ts';
import { Responder } from './responder.ts';
import { startDnsServer } from './server.ts';
import type { ServiceView } from './zone.ts';

const flags = {
  kubeconfig: stringFlag('', 'file that says how to reach the API server'),
  servers: listFlag([], 'API server URLs to use instead of the one in the kubeconfig'),
  'listen-address': listFlag(['127.0.0.1:53'], 'addresses to answer on, UDP and TCP, as HOST:PORT'),
  'cluster-domain': stringFlag('cluster.local', 'zone of the cluster'),
  'cluster-dns': stringFlag('10.96.0.10', 'address of the DNS service, which is never asked itself'),
  'resolv-conf': stringFlag('/etc/resolv.conf', 'file that lists the resolvers for all other names'),
};

export const command = defineComponent({
  name: 'dns',
  summary: 'answers the names of Services and pods, and forwards all others',
  examples: ['timonier dns --kubeconfig /etc/timonier/dns.kubeconfig --listen-address 192.0.2.10:53'],
  flags,
  opsAddress: '0.0.0.0:9153',
  async run({ flags, log, metrics, health, shutdown }) {
    if (flags.kubeconfig === '') throw new UsageError('--kubeconfig is needed: which API server to follow');
    const listeners = flags['listen-address'].map(parseListenAddress);
    const client = clientFromKubeconfig(flags.kubeconfig, {
      servers: flags.servers,
      userAgent: 'timonier-dns',
      metrics: restClientMetrics(metrics),
    });
    shutdown.add('client', () => client.close());

    const onError = (error: unknown): void => log.warn({ err: error }, 'cannot follow the API server');
    const services = createInformer<Service>(client, resources.services, {
      onError,
      indexes: {
        namespace: (service) => [service.metadata?.namespace ?? ''],
        address: (service) => (service.spec?.clusterIPs ?? []).filter((address) => isIPv4(address)),
      },
    });
    const slices = createInformer<EndpointSlice>(client, resources.endpointslices, {
      onError,
      indexes: {
        service: (slice) => [sliceOwner(slice)],
        address: (slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
      },
    });
    shutdown.add('service informer', () => services.stop());
    shutdown.add('slice informer', () => slices.stop());
    let synced = false;
    void Promise.all([services.synced, slices.synced]).then(
      () => {
        synced = true;
        log.info({ services: services.size }, 'the zone is known');
      },
      () => undefined,
    );
    health.addReady('informers', () => {
      if (!synced) throw new Error('the services are not known yet');
    });

    const view: ServiceView = {
      service: (namespace, name) => services.get({ namespace, name }),
      slices: (namespace, name) => slices.byIndex('service', `${namespace}/${name}`),
      hasNamespace: (namespace) => services.byIndex('namespace', namespace).length > 0,
      servicesByAddress: (address) => services.byIndex('address', address),
      slicesByAddress: (address) => slices.byIndex('address', address),
    };
    const responder = new Responder({
      view,
      zone: flags['cluster-domain'].toLowerCase(),
      forwarder: new Forwarder({
        resolvConf: flags['resolv-conf'],
        ownAddresses: new Set([...listeners.map(({ host }) => host), flags['cluster-dns']]),
      }),
      metrics: createDnsMetrics(metrics),
      ready: () => synced,
    });
    for (const { host, port } of listeners) {
      const server = await startDnsServer(responder, host, port);
      shutdown.add(`listener ${host}:${server.port}`, () => server.close());
      log.info({ host, port: server.port }, 'answering');
    }
  },
});

function sliceOwner(slice: EndpointSlice): string {
  const name = slice.metadata?.labels?.['kubernetes.io/service-name'] ?? '';
  return `${slice.metadata?.namespace ?? ''}/${name}`;
}

function parseListenAddress(text: string): { host: string; port: number } {
  const match = /^([^:]+):(\d+)$/.exec(text);
  const host = match?.[1] ?? '';
  if (!isIPv4(host)) throw new UsageError(`--listen-address: "${text}" is not an IPv4 HOST:PORT`);
  return { host, port: Number(match?.[2]) };
}
