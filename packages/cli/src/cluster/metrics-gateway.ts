/**
 * One HTTP port on 127.0.0.1 for the metrics and health of every process of the cluster:
 * `/HOST/COMPONENT/metrics` (also `/livez`, `/readyz`). The processes' own ports lie in the hosts' network, some
 * behind mutual TLS; scrapers on the machine need neither route nor certificate.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { LocalCluster } from './local-cluster.ts';

interface Endpoint {
  readonly port: number;
  readonly tls: boolean;
  /** Where the process has its metrics, when not at `/metrics`. */
  readonly metricsPath?: string;
}

const plain = (port: number): Endpoint => ({ port, tls: false });
const secure = (port: number): Endpoint => ({ port, tls: true });

const nodeEndpoints: Readonly<Record<string, Endpoint>> = {
  cri: plain(10240),
  kubelet: plain(10248),
  'kubelet-api': secure(10250),
  cadvisor: { ...secure(10250), metricsPath: '/metrics/cadvisor' },
  proxy: plain(10249),
  dns: plain(9153),
};
const masterEndpoints: Readonly<Record<string, Endpoint>> = {
  master: plain(10241),
  // Not the API's own port: on a passive master that one leads to the active.
  apiserver: plain(10244),
  scheduler: plain(10259),
  'controller-manager': plain(10257),
  'cloud-controller-manager': plain(10258),
  proxy: plain(10249),
  vip: plain(10243),
};
const allowed = /^\/(metrics|livez|readyz|healthz)$/;
const timeoutMs = 4_000;

export interface MetricsTarget {
  readonly host: string;
  readonly component: string;
  readonly address: string;
  readonly endpoint: Endpoint;
}

/** Everything of the cluster that has metrics. */
function metricsTargets(cluster: LocalCluster): readonly MetricsTarget[] {
  const ownStore = cluster.record.spec.storeEndpoints.length === 0;
  return cluster.hosts.flatMap(({ plan }) => {
    const endpoints: Record<string, Endpoint> = {
      ...(plan.kind === 'worker' ? { worker: plain(10242) } : masterEndpoints),
      ...(plan.kind === 'master' && ownStore ? { store: plain(2381) } : {}),
      ...(plan.schedulable ? nodeEndpoints : {}),
    };
    if (cluster.record.spec.runtime === 'containerd' && endpoints['cri'] !== undefined) {
      endpoints['containerd'] = { ...endpoints['cri'], metricsPath: '/v1/metrics' };
      delete endpoints['cri'];
    }
    return Object.entries(endpoints).map(([component, endpoint]) => ({
      host: plan.name,
      component,
      address: plan.address,
      endpoint,
    }));
  });
}

/** What dashboards and alerts made for Kubernetes and etcd call the job of a component. */
const jobs: Readonly<Record<string, string | undefined>> = {
  apiserver: 'kube-apiserver',
  scheduler: 'kube-scheduler',
  'controller-manager': 'kube-controller-manager',
  kubelet: 'kubelet',
  cadvisor: 'cadvisor',
  proxy: 'kube-proxy',
  store: 'etcd',
};

/** Prometheus's file_sd form of the targets, reached through the gateway at `gateway`. */
export function prometheusTargets(cluster: LocalCluster, gateway: string): readonly object[] {
  return metricsTargets(cluster).map(({ host, component }) => ({
    targets: [gateway],
    labels: {
      ...(jobs[component] === undefined ? {} : { job: jobs[component] }),
      // They all have the gateway's address.
      instance: host,
      __metrics_path__: `/${host}/${component}/metrics`,
      cluster: cluster.record.spec.name,
      host,
      component,
    },
  }));
}

export interface MetricsGateway {
  readonly port: number;
  close(): Promise<void>;
}

export async function startMetricsGateway(cluster: LocalCluster, port: number): Promise<MetricsGateway> {
  const targets = new Map(
    metricsTargets(cluster).map((target) => [`${target.host}/${target.component}`, target]),
  );
  const read = (file: string): Buffer => readFileSync(join(cluster.pkiDir, file));
  const identity = { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const [, host = '', component = ''] = path.split('/');
    const rest = path.slice(host.length + component.length + 2);
    const target = targets.get(`${host}/${component}`);
    if (path === '/') index(response, targets.keys());
    else if (request.method !== 'GET' || target === undefined || !allowed.test(rest))
      refuse(response, 404, 'not found');
    else pass(target, rest, identity, response);
  });
  server.maxConnections = 200;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function pass(
  { address, endpoint }: MetricsTarget,
  path: string,
  identity: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer },
  response: ServerResponse,
): void {
  const options = {
    host: address,
    port: endpoint.port,
    path: path === '/metrics' ? (endpoint.metricsPath ?? path) : path,
    timeout: timeoutMs,
    agent: false as const,
  };
  const answer = (upstream: IncomingMessage): void => {
    const type = upstream.headers['content-type'];
    response.writeHead(upstream.statusCode ?? 502, type === undefined ? {} : { 'content-type': type });
    upstream.pipe(response);
  };
  const call = endpoint.tls
    ? httpsRequest({ ...options, ...identity }, answer)
    : httpRequest(options, answer);
  call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  call.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, error.message);
  });
  response.on('close', () => call.destroy());
  call.end();
}

function index(response: ServerResponse, paths: Iterable<string>): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.end([...paths].map((path) => `/${path}/metrics\n`).join(''));
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}
