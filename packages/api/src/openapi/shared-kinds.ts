/**
 * Kinds that every group has under its own name: the options of a delete and the events of a watch. The document of one
 * group names its own and those of the core; the one of all names every version that Kubernetes ever read them in, served
 * or not. Pure.
 */
import type { GroupVersion } from '../discovery.ts';
import type { KindName } from './definitions.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  '': 'v1',
  'admission.k8s.io': 'v1 v1beta1',
  'admissionregistration.k8s.io': 'v1 v1alpha1 v1beta1',
  'apiextensions.k8s.io': 'v1 v1beta1',
  'apiregistration.k8s.io': 'v1 v1beta1',
  apps: 'v1 v1beta1 v1beta2',
  'authentication.k8s.io': 'v1 v1alpha1 v1beta1',
  'authorization.k8s.io': 'v1 v1beta1',
  autoscaling: 'v1 v2',
  batch: 'v1 v1beta1',
  'certificates.k8s.io': 'v1 v1alpha1 v1beta1',
  'coordination.k8s.io': 'v1 v1alpha2 v1beta1',
  'discovery.k8s.io': 'v1 v1beta1',
  'events.k8s.io': 'v1 v1beta1',
  extensions: 'v1beta1',
  'flowcontrol.apiserver.k8s.io': 'v1 v1beta1 v1beta2 v1beta3',
  'imagepolicy.k8s.io': 'v1alpha1',
  'internal.apiserver.k8s.io': 'v1alpha1',
  'networking.k8s.io': 'v1 v1beta1',
  'node.k8s.io': 'v1 v1alpha1 v1beta1',
  policy: 'v1 v1beta1',
  'rbac.authorization.k8s.io': 'v1 v1alpha1 v1beta1',
  'resource.k8s.io': 'v1 v1alpha3 v1beta1 v1beta2',
  'scheduling.k8s.io': 'v1 v1alpha2 v1beta1',
  'storage.k8s.io': 'v1 v1alpha1 v1beta1',
  'storagemigration.k8s.io': 'v1beta1',
};

/** `of` is the group whose document it is; undefined: the one of all. */
export function sharedKinds(kind: string, of: GroupVersion | undefined): readonly KindName[] {
  if (of === undefined)
    return Object.entries(VERSIONS).flatMap(([group, versions]) =>
      versions.split(' ').map((version) => ({ group, version, kind })),
    );
  const core = { group: '', version: 'v1', kind };
  return of.group === '' ? [core] : [core, { ...of, kind }];
}
