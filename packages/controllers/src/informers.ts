/**
 * The caches that the controllers share, one per resource, kept warm also while passive. Indexes are declared here,
 * so that a cache has each index once.
 */
import {
  type ConfigMap,
  type Deployment,
  type EndpointSlice,
  type Lease,
  type Namespace,
  type Node,
  type Pod,
  type ReplicaSet,
  resources,
  type Service,
  type ServiceAccount,
} from '@timonier/api';
import { type ApiClient, type CatchingInformer, createInformer } from '@timonier/client';
import { controllerOf } from './loop.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

export interface Informers {
  readonly pods: CatchingInformer<Pod>;
  readonly nodes: CatchingInformer<Node>;
  readonly leases: CatchingInformer<Lease>;
  readonly namespaces: CatchingInformer<Namespace>;
  readonly deployments: CatchingInformer<Deployment>;
  readonly replicasets: CatchingInformer<ReplicaSet>;
  readonly services: CatchingInformer<Service>;
  readonly endpointslices: CatchingInformer<EndpointSlice>;
  readonly serviceaccounts: CatchingInformer<ServiceAccount>;
  /** Only those named `kube-root-ca.crt`. */
  readonly rootCas: CatchingInformer<ConfigMap>;
}

/** Indexes: pods by `owner` (controller's uid), `orphans` (namespace), `node` and `namespace`, and so on. */
export function createInformers(client: ApiClient, onError: (error: unknown) => void): Informers {
  return {
    pods: createInformer(client, resources.pods, {
      onError,
      indexes: {
        owner: (pod) => ownerUid(pod),
        orphans: (pod) => (controllerOf(pod) === undefined ? namespaceOf(pod) : []),
        node: (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]),
        namespace: namespaceOf,
      },
    }),
    nodes: createInformer(client, resources.nodes, { onError }),
    leases: createInformer(client, resources.leases, { onError, namespace: 'kube-node-lease' }),
    namespaces: createInformer(client, resources.namespaces, { onError }),
    deployments: createInformer(client, resources.deployments, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    replicasets: createInformer(client, resources.replicasets, {
      onError,
      indexes: {
        owner: (set) => ownerUid(set),
        orphans: (set) => (controllerOf(set) === undefined ? namespaceOf(set) : []),
        namespace: namespaceOf,
      },
    }),
    services: createInformer(client, resources.services, { onError, indexes: { namespace: namespaceOf } }),
    endpointslices: createInformer(client, resources.endpointslices, {
      onError,
      indexes: {
        service: (slice) => {
          const name = slice.metadata?.labels?.[serviceNameLabel];
          return name === undefined ? [] : [`${slice.metadata?.namespace ?? ''}/${name}`];
        },
      },
    }),
    serviceaccounts: createInformer(client, resources.serviceaccounts, { onError }),
    rootCas: createInformer(client, resources.configmaps, {
      onError,
      fieldSelector: 'metadata.name=kube-root-ca.crt',
    }),
  };
}

function ownerUid(object: Parameters<typeof controllerOf>[0]): string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

function namespaceOf(object: { metadata?: { namespace?: string } }): string[] {
  return object.metadata?.namespace === undefined ? [] : [object.metadata.namespace];
}
