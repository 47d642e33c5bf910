/** What Prometheus has to find of one Service with one pod, an Ingress and a node: every role, with its labels. */

import { mustRun } from '../../acceptance/command.ts';
import { type Expected, type Labels, startDiscovery } from './prometheus.ts';
import type { World } from './worlds.ts';

const namespace = 'prometheus';

/** Where there are no nodes the pod and its node are objects that say that they run. */
function manifests(hasNodes: boolean): string {
  const node = hasNodes ? 'worker-1' : 'elsewhere';
  const container = `{ name: web, image: "timonier.local/demo:latest", imagePullPolicy: IfNotPresent, ports: [{ name: http, containerPort: 8080 }] }`;
  const objects = [
    `{ apiVersion: v1, kind: Pod, metadata: { name: web, labels: { app: web } }, spec: { nodeName: ${node}, tolerations: [{ operator: Exists }], terminationGracePeriodSeconds: 1, containers: [${container}] } }`,
    `{ apiVersion: v1, kind: Service, metadata: { name: web, labels: { app: web }, annotations: { example.com/scrape: "true" } }, spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] } }`,
    `{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: web }, spec: { ingressClassName: none, tls: [{ hosts: [web.example.com] }], rules: [{ host: web.example.com, http: { paths: [{ path: /web, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }] } }] } }`,
  ];
  if (!hasNodes)
    objects.unshift(
      `{ apiVersion: v1, kind: Node, metadata: { name: ${node}, labels: { example.com/disk: ssd } } }`,
    );
  return objects.join('\n---\n');
}

const podLabels: Labels = {
  __meta_kubernetes_namespace: namespace,
  __meta_kubernetes_pod_name: 'web',
  __meta_kubernetes_pod_ready: 'true',
  __meta_kubernetes_pod_phase: 'Running',
  __meta_kubernetes_pod_label_app: 'web',
  __meta_kubernetes_pod_container_name: 'web',
  __meta_kubernetes_pod_container_port_name: 'http',
  __meta_kubernetes_pod_container_port_number: '8080',
  __meta_kubernetes_pod_container_port_protocol: 'TCP',
};
const serviceLabels: Labels = {
  __meta_kubernetes_namespace: namespace,
  __meta_kubernetes_service_name: 'web',
  __meta_kubernetes_service_label_app: 'web',
  __meta_kubernetes_service_annotation_example_com_scrape: 'true',
};

function expectations(node: string, nodeLabels: Labels): readonly Expected[] {
  return [
    { role: 'node', labels: { __meta_kubernetes_node_name: node, ...nodeLabels } },
    {
      role: 'service',
      labels: {
        ...serviceLabels,
        __address__: `web.${namespace}.svc:80`,
        __meta_kubernetes_service_port_name: 'http',
        __meta_kubernetes_service_port_number: '80',
        __meta_kubernetes_service_port_protocol: 'TCP',
        __meta_kubernetes_service_type: 'ClusterIP',
      },
    },
    { role: 'pod', labels: { ...podLabels, __meta_kubernetes_pod_node_name: node } },
    {
      role: 'endpoints',
      labels: {
        ...podLabels,
        ...serviceLabels,
        __meta_kubernetes_endpoints_name: 'web',
        __meta_kubernetes_endpoint_ready: 'true',
        __meta_kubernetes_endpoint_port_name: 'http',
        __meta_kubernetes_endpoint_port_protocol: 'TCP',
        __meta_kubernetes_endpoint_node_name: node,
        __meta_kubernetes_endpoint_address_target_kind: 'Pod',
        __meta_kubernetes_endpoint_address_target_name: 'web',
      },
    },
    {
      role: 'endpointslice',
      labels: {
        ...podLabels,
        ...serviceLabels,
        __meta_kubernetes_endpointslice_address_type: 'IPv4',
        __meta_kubernetes_endpointslice_port: '8080',
        __meta_kubernetes_endpointslice_port_name: 'http',
        __meta_kubernetes_endpointslice_endpoint_conditions_ready: 'true',
        __meta_kubernetes_endpointslice_address_target_kind: 'Pod',
        __meta_kubernetes_endpointslice_address_target_name: 'web',
      },
    },
    {
      role: 'ingress',
      labels: {
        __address__: 'web.example.com',
        __meta_kubernetes_namespace: namespace,
        __meta_kubernetes_ingress_name: 'web',
        __meta_kubernetes_ingress_class_name: 'none',
        __meta_kubernetes_ingress_scheme: 'https',
        __meta_kubernetes_ingress_host: 'web.example.com',
        __meta_kubernetes_ingress_path: '/web',
      },
    },
  ];
}

/** Returns what was not found, one text a role. `kubectl` is the path of one. */
export async function discoverAll(
  world: Pick<World, 'kubeconfig' | 'hasNodes'>,
  kubectl: string,
): Promise<readonly string[]> {
  const ask = (args: readonly string[], input = ''): Promise<string> =>
    mustRun(kubectl, args, { input, env: { KUBECONFIG: world.kubeconfig }, timeoutMs: 120_000 });
  const problems: string[] = [];
  const attempt = async (work: Promise<void>): Promise<void> => {
    await work.catch((error: unknown) =>
      problems.push(error instanceof Error ? error.message : String(error)),
    );
  };
  const discovery = await startDiscovery(world.kubeconfig, namespace);
  try {
    await ask(['create', 'namespace', namespace]);
    await ask(['apply', '-n', namespace, '-f', '-'], manifests(world.hasNodes));
    if (!world.hasNodes) await pretend(ask);
    const node = world.hasNodes ? 'worker-1' : 'elsewhere';
    const nodeLabels: Labels = world.hasNodes
      ? { __meta_kubernetes_node_label_kubernetes_io_hostname: node }
      : { __meta_kubernetes_node_label_example_com_disk: 'ssd', __address__: '192.0.2.7:10250' };
    const all = expectations(node, nodeLabels);
    for (const expected of all) await attempt(discovery.finds(expected));
    await ask(['delete', 'pod,service,ingress', 'web', '-n', namespace]);
    for (const expected of all) if (expected.role !== 'node') await attempt(discovery.loses(expected));
  } finally {
    await discovery.close();
    await ask(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=90s']);
    if (!world.hasNodes) await ask(['delete', 'node', 'elsewhere', '--ignore-not-found']);
  }
  return problems;
}

async function pretend(ask: (args: readonly string[]) => Promise<string>): Promise<void> {
  const status = (what: string[], object: object): Promise<string> =>
    ask(['patch', ...what, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: object })]);
  await status(['node', 'elsewhere'], {
    addresses: [{ type: 'InternalIP', address: '192.0.2.7' }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
  });
  await status(['pod', 'web', '-n', namespace], {
    phase: 'Running',
    podIP: '192.0.2.9',
    podIPs: [{ ip: '192.0.2.9' }],
    conditions: [{ type: 'Ready', status: 'True' }],
  });
}
