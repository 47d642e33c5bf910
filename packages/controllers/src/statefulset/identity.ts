/** What makes a pod of a StatefulSet that pod and no other: its ordinal, with name, labels, host name and claims. Pure. */
import type {
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodTemplateSpec,
  StatefulSet,
  Volume,
} from '@timonier/api';
import { ownerReferenceTo, podFromTemplate, type PodOwner } from '../pod-control.ts';

export const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

export function ownerOf(set: StatefulSet): PodOwner {
  return { object: set, apiVersion: 'apps/v1', kind: 'StatefulSet' };
}

/** Undefined when the pod has not the name of one of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata?.name ?? ''}-`;
  const name = pod.metadata?.name ?? '';
  const text = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : undefined;
}

/** From the first ordinal on, as many as there are to be. */
export function wantedOrdinals({ spec }: StatefulSet): number[] {
  const start = spec?.ordinals?.start ?? 0;
  return Array.from({ length: spec?.replicas ?? 1 }, (_, i) => start + i);
}

export function isWanted({ spec }: StatefulSet, ordinal: number): boolean {
  const start = spec?.ordinals?.start ?? 0;
  return ordinal >= start && ordinal < start + (spec?.replicas ?? 1);
}

export function revisionOf({ metadata }: Pod): string | undefined {
  return metadata?.labels?.[revisionLabel];
}

export function podFor(
  set: StatefulSet,
  template: PodTemplateSpec | undefined,
  revision: string,
  ordinal: number,
): Pod {
  const name = `${set.metadata?.name ?? ''}-${ordinal}`;
  const labels = {
    ...template?.metadata?.labels,
    ...identityLabels(name, ordinal),
    [revisionLabel]: revision,
  };
  const spec = template?.spec;
  return podFromTemplate(
    ownerOf(set),
    {
      metadata: { ...template?.metadata, labels },
      ...(spec === undefined ? {} : { spec: personal(set, spec, name, ordinal) }),
    },
    { name },
  );
}

function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [nameLabel]: name, [indexLabel]: String(ordinal) };
}

/** The labels that a pod lacks, or has with somebody else's values; undefined when all are right. */
export function missingLabels(set: StatefulSet, pod: Pod): Record<string, string> | undefined {
  const name = pod.metadata?.name ?? '';
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined || pod.metadata?.labels?.[nameLabel] === name) return undefined;
  return identityLabels(name, ordinal);
}

function personal({ spec: set }: StatefulSet, spec: PodSpec, hostname: string, ordinal: number): PodSpec {
  const templates = set?.volumeClaimTemplates ?? [];
  const name = hostname.slice(0, hostname.lastIndexOf('-'));
  const claimed = templates.map(({ metadata }): Volume => ({
    name: metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(metadata?.name ?? '', name, ordinal) },
  }));
  // A claim takes the place of a volume with its name.
  const others = (spec.volumes ?? []).filter(
    (volume) => !claimed.some((claim) => claim.name === volume.name),
  );
  const volumes = [...claimed, ...others];
  return {
    ...spec,
    hostname,
    ...(set?.serviceName === undefined ? {} : { subdomain: set.serviceName }),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

function claimName(template: string, set: string, ordinal: number): string {
  return `${template}-${set}-${ordinal}`;
}

/** The claims that a pod needs; they belong to the set already when they are to go with it. */
export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  const { name = '', namespace = '' } = set.metadata ?? {};
  const withSet = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(metadata?.name ?? '', name, ordinal),
      namespace,
      labels: { ...metadata?.labels, ...set.spec?.selector.matchLabels },
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(withSet ? { ownerReferences: [ownerReferenceTo(ownerOf(set))] } : {}),
    },
    ...(spec === undefined ? {} : { spec }),
  }));
}
