/**
 * What every cluster has from its beginning: four namespaces, two priority classes, the day of its beginning for the
 * tokens in Secrets, and the Service by which pods reach the API server, with
 * all masters as its endpoints. Made, or mended, whenever this server becomes the active one; existing objects of
 * others are left alone.
 */
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { isOwnOnly } from './advertise-address.ts';
import type { Writer } from './self-writer.ts';
import { trackingConfigMap } from './tokens/last-use.ts';

export interface BootstrapOptions {
  readonly serviceIp: string;
  readonly port: number;
  readonly masters: readonly { readonly name: string; readonly address: string }[];
  /** The day since which it is said of tokens in Secrets when they are used. */
  readonly today: string;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const priorityClasses = [
  systemClass(
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ),
  systemClass(
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
];

/** The names of all that `bootstrap` makes. */
export const essentials: readonly {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}[] = [
  ...namespaces.map((name) => ({ resource: 'namespaces', namespace: '', name })),
  ...priorityClasses.map(({ metadata }) => ({
    resource: 'priorityclasses',
    namespace: '',
    name: metadata?.name ?? '',
  })),
  { resource: 'configmaps', namespace: 'kube-system', name: trackingConfigMap },
  ...['services', 'endpointslices', 'endpoints'].map((resource) => ({
    resource,
    namespace: 'default',
    name: 'kubernetes',
  })),
];

/** Throws when the store cannot be written; the caller tries again. */
export async function bootstrap(writer: Writer, options: BootstrapOptions): Promise<void> {
  for (const name of namespaces)
    await ensure(writer, 'namespaces', '', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const priorityClass of priorityClasses) await ensure(writer, 'priorityclasses', '', priorityClass);
  await ensure(writer, 'configmaps', 'kube-system', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: trackingConfigMap, namespace: 'kube-system' },
    data: { since: options.today },
  });
  await ensure(writer, 'services', 'default', kubernetesService(options));
  await replace(writer, 'endpointslices', 'default', kubernetesEndpointSlice(options));
  await replace(writer, 'endpoints', 'default', kubernetesEndpoints(options));
}

function kubernetesService({ serviceIp, port }: BootstrapOptions): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      clusterIP: serviceIp,
      sessionAffinity: 'None',
      type: 'ClusterIP',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
    },
  };
}

/** A loopback address would mean every client itself: a cluster that is one process on one host has none. */
function addressesOf({ masters }: BootstrapOptions): string[] {
  return masters.flatMap(({ address }) => (isOwnOnly(address) ? [] : [address]));
}

/** The same for clients that do not read slices. */
function kubernetesEndpoints(options: BootstrapOptions): ApiObject {
  const { port } = options;
  const addresses = addressesOf(options);
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets:
      addresses.length === 0
        ? []
        : [
            {
              addresses: addresses.map((ip) => ({ ip })),
              ports: [{ name: 'https', protocol: 'TCP', port }],
            },
          ],
  };
}

function kubernetesEndpointSlice(options: BootstrapOptions): ApiObject {
  const { port } = options;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: 'IPv4',
    endpoints: addressesOf(options).map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', protocol: 'TCP', port }],
  };
}

function systemClass(name: string, value: number, description: string): ApiObject {
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
  };
}

async function ensure(writer: Writer, resource: string, namespace: string, object: ApiObject): Promise<void> {
  await writer.create(resource, namespace, object).catch((error: unknown) => {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  });
}

async function replace(
  writer: Writer,
  resource: string,
  namespace: string,
  object: ApiObject,
): Promise<void> {
  try {
    await writer.create(resource, namespace, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...rest } = object;
    await writer.update(resource, namespace, object.metadata?.name ?? '', (current) => ({
      ...current,
      ...rest,
    }));
  }
}

function hasReason(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.status.reason === reason;
}

/** Makes a ConfigMap, or gives the one that is there these data. */
export async function publish(writer: Writer, object: ApiObject): Promise<void> {
  const { name = '', namespace = '' } = object.metadata ?? {};
  try {
    await writer.create('configmaps', namespace, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const data = object['data'] as Record<string, string>;
    await writer.update('configmaps', namespace, name, (current) => ({
      ...current,
      data: { ...(current['data'] as Record<string, string> | undefined), ...data },
    }));
  }
}
