/**
 * The caches that the controllers share, one per resource, kept warm also while passive. Indexes are declared here,
 * so that a cache has each index once.
 */
import {
  type CertificateSigningRequest,
  type ClusterRole,
  type ConfigMap,
  type ControllerRevision,
  type CronJob,
  type DaemonSet,
  type Deployment,
  type Endpoints,
  type EndpointSlice,
  type Job,
  type Lease,
  type Namespace,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type PodDisruptionBudget,
  type ReplicaSet,
  type ReplicationController,
  type ResourceQuota,
  resources,
  type Secret,
  type Service,
  type ServiceAccount,
  type StatefulSet,
  type VolumeAttributesClass,
} from '@timonier/api';
import { type ApiClient, type CatchingInformer, createInformer } from '@timonier/client';
import { controllerOf, type OwnedObject } from './owner.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

export interface Informers {
  readonly pods: CatchingInformer<Pod>;
  readonly nodes: CatchingInformer<Node>;
  readonly leases: CatchingInformer<Lease>;
  readonly certificatesigningrequests: CatchingInformer<CertificateSigningRequest>;
  readonly clusterroles: CatchingInformer<ClusterRole>;
  readonly namespaces: CatchingInformer<Namespace>;
  readonly deployments: CatchingInformer<Deployment>;
  readonly daemonsets: CatchingInformer<DaemonSet>;
  readonly controllerrevisions: CatchingInformer<ControllerRevision>;
  readonly statefulsets: CatchingInformer<StatefulSet>;
  readonly cronjobs: CatchingInformer<CronJob>;
  readonly jobs: CatchingInformer<Job>;
  readonly poddisruptionbudgets: CatchingInformer<PodDisruptionBudget>;
  readonly replicasets: CatchingInformer<ReplicaSet>;
  readonly replicationcontrollers: CatchingInformer<ReplicationController>;
  readonly services: CatchingInformer<Service>;
  readonly endpoints: CatchingInformer<Endpoints>;
  readonly endpointslices: CatchingInformer<EndpointSlice>;
  readonly persistentvolumeclaims: CatchingInformer<PersistentVolumeClaim>;
  readonly persistentvolumes: CatchingInformer<PersistentVolume>;
  readonly volumeattributesclasses: CatchingInformer<VolumeAttributesClass>;
  readonly resourcequotas: CatchingInformer<ResourceQuota>;
  readonly serviceaccounts: CatchingInformer<ServiceAccount>;
  /** Only those named `kube-root-ca.crt`. */
  readonly rootCas: CatchingInformer<ConfigMap>;
  /** Only `kube-public/cluster-info`. */
  readonly clusterInfos: CatchingInformer<ConfigMap>;
  /** Only those of kube-system with the type of bootstrap tokens. */
  readonly bootstrapTokens: CatchingInformer<Secret>;
}

/** Indexes: everything in namespaces by `namespace`, pods, sets and revisions by `owner` (controller's uid), `orphans` (namespace), `node`, and so on. */
export function createInformers(client: ApiClient, onError: (error: unknown) => void): Informers {
  return {
    pods: createInformer(client, resources.pods, {
      onError,
      indexes: {
        ...ownership,
        node: (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]),
      },
    }),
    nodes: createInformer(client, resources.nodes, { onError }),
    leases: createInformer(client, resources.leases, {
      onError,
      namespace: 'kube-node-lease',
      indexes: { namespace: namespaceOf },
    }),
    certificatesigningrequests: createInformer(client, resources.certificatesigningrequests, { onError }),
    clusterroles: createInformer(client, resources.clusterroles, { onError }),
    namespaces: createInformer(client, resources.namespaces, { onError }),
    deployments: createInformer(client, resources.deployments, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    daemonsets: createInformer(client, resources.daemonsets, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    controllerrevisions: createInformer(client, resources.controllerrevisions, {
      onError,
      indexes: ownership,
    }),
    statefulsets: createInformer(client, resources.statefulsets, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    cronjobs: createInformer(client, resources.cronjobs, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    jobs: createInformer(client, resources.jobs, { onError, indexes: ownership }),
    poddisruptionbudgets: createInformer(client, resources.poddisruptionbudgets, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    replicasets: createInformer(client, resources.replicasets, { onError, indexes: ownership }),
    replicationcontrollers: createInformer(client, resources.replicationcontrollers, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    services: createInformer(client, resources.services, { onError, indexes: { namespace: namespaceOf } }),
    endpoints: createInformer(client, resources.endpoints, { onError }),
    endpointslices: createInformer(client, resources.endpointslices, {
      onError,
      indexes: {
        namespace: namespaceOf,
        service: (slice) => {
          const name = slice.metadata?.labels?.[serviceNameLabel];
          return name === undefined ? [] : [`${slice.metadata?.namespace ?? ''}/${name}`];
        },
      },
    }),
    persistentvolumeclaims: createInformer(client, resources.persistentvolumeclaims, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    volumeattributesclasses: createInformer(client, resources.volumeattributesclasses, { onError }),
    persistentvolumes: createInformer(client, resources.persistentvolumes, { onError }),
    resourcequotas: createInformer(client, resources.resourcequotas, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    serviceaccounts: createInformer(client, resources.serviceaccounts, {
      onError,
      indexes: { namespace: namespaceOf },
    }),
    rootCas: createInformer(client, resources.configmaps, {
      onError,
      fieldSelector: 'metadata.name=kube-root-ca.crt',
    }),
    clusterInfos: createInformer(client, resources.configmaps, {
      onError,
      namespace: 'kube-public',
      fieldSelector: 'metadata.name=cluster-info',
    }),
    bootstrapTokens: createInformer(client, resources.secrets, {
      onError,
      namespace: 'kube-system',
      fieldSelector: 'type=bootstrap.kubernetes.io/token',
    }),
  };
}

interface OwnedInNamespace extends OwnedObject {
  readonly metadata?: NonNullable<OwnedObject['metadata']> & { readonly namespace?: string };
}

/** By what controls an object; what nothing controls by its namespace. */
const ownership = {
  owner: (object: OwnedInNamespace) => ownerUid(object),
  orphans: (object: OwnedInNamespace) => (controllerOf(object) === undefined ? namespaceOf(object) : []),
  namespace: (object: OwnedInNamespace) => namespaceOf(object),
};

function ownerUid(object: Parameters<typeof controllerOf>[0]): string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

function namespaceOf(object: { metadata?: { namespace?: string } }): string[] {
  return object.metadata?.namespace === undefined ? [] : [object.metadata.namespace];
}
