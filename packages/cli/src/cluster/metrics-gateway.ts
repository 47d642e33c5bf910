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
import { type OperationsTarget, operationsTargets } from './operations.ts';

const allowed = /^\/(metrics|livez|readyz|healthz)$/;
const timeoutMs = 4_000;

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
  return operationsTargets(cluster).map(({ host, component }) => ({
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
    operationsTargets(cluster).map((target) => [`${target.host}/${target.component}`, target]),
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
  { address, endpoint }: OperationsTarget,
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
