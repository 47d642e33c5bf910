/**
 * DefaultStorageClass and DefaultIngressClass: a claim or an ingress that names no class gets the one that is annotated
 * as the default; of several the newest.
 */
import type { Ingress, IngressClass, ObjectMeta, PersistentVolumeClaim, StorageClass } from '@timonier/api';
import { cachedObjects } from './cached.ts';
import type { AdmissionPlugin } from './request.ts';

const storageMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const ingressMarks = ['ingressclass.kubernetes.io/is-default-class'];
const oldClassAnnotations = {
  storage: 'volume.beta.kubernetes.io/storage-class',
  ingress: 'kubernetes.io/ingress.class',
};

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  operations: ['CREATE'],
  resources: ['/persistentvolumeclaims'],
  admit({ object, context }) {
    const { spec, metadata } = object as PersistentVolumeClaim;
    if (spec === undefined || spec.storageClassName !== undefined) return;
    if (metadata?.annotations?.[oldClassAnnotations.storage] !== undefined) return;
    const found = marked(cachedObjects<StorageClass>(context.server, 'storageclasses'), storageMarks)[0];
    if (found?.metadata?.name !== undefined) spec.storageClassName = found.metadata.name;
  },
};

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  operations: ['CREATE'],
  resources: ['networking.k8s.io/ingresses'],
  admit(request) {
    const { spec, metadata } = request.object as Ingress;
    if (spec === undefined || spec.ingressClassName !== undefined) return;
    if (metadata?.annotations?.[oldClassAnnotations.ingress] !== undefined) return;
    const found = marked(
      cachedObjects<IngressClass>(request.context.server, 'ingressclasses'),
      ingressMarks,
    )[0];
    if (found?.metadata?.name !== undefined) spec.ingressClassName = found.metadata.name;
  },
};

interface Named {
  readonly metadata?: ObjectMeta;
}

/** Newest first; those of one second by name. */
function marked<T extends Named>(classes: readonly T[], marks: readonly string[]): T[] {
  return classes
    .filter(({ metadata }) => marks.some((mark) => metadata?.annotations?.[mark] === 'true'))
    .toSorted(
      (a, b) =>
        (b.metadata?.creationTimestamp ?? '').localeCompare(a.metadata?.creationTimestamp ?? '') ||
        (a.metadata?.name ?? '').localeCompare(b.metadata?.name ?? ''),
    );
}
