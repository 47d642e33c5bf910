/**
 * What is right as the rules go but hardly meant, in the words that clients show beside the answer. Pure; of pods and
 * their templates more is told by `pod-warnings.ts` and by the policies of their namespaces.
 */
import type { ApiObject } from './object.ts';
import type {
  EndpointSlice,
  Node,
  ObjectMeta,
  PersistentVolume,
  PersistentVolumeClaim,
  PodSpec,
  Service,
  StatefulSet,
} from './generated/types.ts';
import { podWarnings } from './pod-warnings.ts';
import { parseQuantity } from './quantity.ts';
import type { ResourceInfo } from './registry.ts';

const UNIT = 1_000_000_000n;

/** Of a change of what has a template of pods, nothing is told again that stayed as it was before, in `old`. */
export function objectWarnings(
  info: Pick<ResourceInfo, 'group' | 'kind'>,
  object: ApiObject,
  old?: ApiObject,
): string[] {
  const type = `${info.group}/${info.kind}`;
  const own = byKind[type]?.(object as never) ?? [];
  const path = podSpecs[type];
  const isUnchanged = old !== undefined && old.metadata?.generation === object.metadata?.generation;
  if (path === undefined || (isUnchanged && path.length > 0)) return own;
  const { spec, metadata } = valueAt(object, path) as { spec?: PodSpec; metadata?: ObjectMeta };
  return [...podWarnings(spec ?? {}, metadata ?? {}, path.join('.')), ...own];
}

const template = ['spec', 'template'];
/** Where the pods of kinds are. */
const podSpecs: Readonly<Record<string, readonly string[]>> = {
  '/Pod': [],
  '/PodTemplate': ['template'],
  '/ReplicationController': template,
  'apps/DaemonSet': template,
  'apps/Deployment': template,
  'apps/ReplicaSet': template,
  'apps/StatefulSet': template,
  'batch/CronJob': ['spec', 'jobTemplate', ...template],
  'batch/Job': template,
};

function valueAt(object: ApiObject, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const name of path) value = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  return value ?? {};
}

const byKind: Readonly<Record<string, (object: never) => string[]>> = {
  '/Node': ({ spec }: Node) =>
    spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : [],
  '/Service': ({ spec }: Service) =>
    spec?.externalName && spec.type !== 'ExternalName'
      ? ['spec.externalName is ignored when spec.type is not "ExternalName"']
      : [],
  '/PersistentVolume': ({ spec }: PersistentVolume) =>
    spec?.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : [],
  '/PersistentVolumeClaim': (claim: PersistentVolumeClaim) => fractions(claim, 'spec'),
  'apps/StatefulSet': ({ spec }: StatefulSet) => [
    ...(spec?.volumeClaimTemplates ?? []).flatMap((claim, i) =>
      fractions(claim, `spec.volumeClaimTemplates[${i}]`),
    ),
    ...((spec?.revisionHistoryLimit ?? 0) < 0
      ? [
          'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
        ]
      : []),
  ],
  'discovery.k8s.io/EndpointSlice': ({ addressType }: EndpointSlice) =>
    addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : [],
};

/** A disk of half a byte. */
function fractions({ spec }: Pick<PersistentVolumeClaim, 'spec'>, at: string): string[] {
  const size = spec?.resources?.requests?.['storage'];
  if (size === undefined || parseQuantity(size).nano % UNIT === 0n) return [];
  return [
    `${at}.resources.requests[storage]: fractional byte value ${JSON.stringify(size)} is invalid, must be an integer`,
  ];
}
