/** Defaults of the remaining kinds. */
import type {
  CSIDriver,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PriorityClass,
  RoleBinding,
  Secret,
  StorageClass,
  TokenRequest,
} from '../generated/types.ts';
import { setOwn } from '../json.ts';

/** Every namespace carries its name as a label, so that selectors can name it. */
export function defaultNamespace(namespace: Namespace): void {
  const name = namespace.metadata?.name;
  if (name === undefined || name === '') return;
  namespace.metadata = {
    ...namespace.metadata,
    labels: { ...namespace.metadata?.labels, 'kubernetes.io/metadata.name': name },
  };
}

export function defaultNode({ status }: Node): void {
  if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity };
}

/** `stringData` is for writing only: it is encoded into `data` and taken away. */
export function defaultSecret(secret: Secret): void {
  secret.type ||= 'Opaque';
  if (secret.stringData === undefined) return;
  const data: Record<string, string> = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData)) {
    setOwn(data, key, Buffer.from(value).toString('base64'));
  }
  secret.data = data;
  delete secret.stringData;
}

export function defaultPersistentVolume(volume: PersistentVolume): void {
  if (volume.status !== undefined) volume.status.phase ||= 'Pending';
  if (volume.spec === undefined) return;
  volume.spec.persistentVolumeReclaimPolicy ||= 'Retain';
  volume.spec.volumeMode ??= 'Filesystem';
  if (volume.spec.hostPath) volume.spec.hostPath.type ??= '';
}

export function defaultPersistentVolumeClaim(claim: PersistentVolumeClaim): void {
  if (claim.status !== undefined) claim.status.phase ||= 'Pending';
  if (claim.spec !== undefined) claim.spec.volumeMode ??= 'Filesystem';
}

export function defaultStorageClass(storage: StorageClass): void {
  storage.reclaimPolicy ??= 'Delete';
  storage.volumeBindingMode ??= 'Immediate';
}

export function defaultPriorityClass(priority: PriorityClass): void {
  priority.preemptionPolicy ??= 'PreemptLowerPriority';
}

const RBAC = 'rbac.authorization.k8s.io';

/** Also of cluster role bindings, which have the same shape. */
export function defaultRoleBinding(binding: RoleBinding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= RBAC;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC;
  }
}

export function defaultTokenRequest(request: TokenRequest): void {
  if (request.spec !== undefined) request.spec.expirationSeconds ??= 3600;
}

export function defaultCsiDriver({ spec }: CSIDriver): void {
  if (spec === undefined) return;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
}
