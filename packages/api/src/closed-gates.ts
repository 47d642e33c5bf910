/**
 * Fields that Kubernetes keeps behind feature gates that are closed unless somebody opens them, and fields that mean
 * nothing any more. What a client sends in one is dropped, as if its server did not know it, and neither refused nor
 * kept; an object that has it already keeps having it.
 */
import type { ApiObject } from './object.ts';
import type { ResourceInfo } from './registry.ts';

/** Names of fields; `*` stands for every item of a list and every value of a map. */
type Path = readonly string[];

const scheduling = 'schedulingGroup';
const attribute = ['spec', 'devices', '*', 'attributes', '*'];

const closed: Readonly<Record<string, readonly Path[]>> = {
  '/Node': [
    ['spec', 'configSource'],
    ['status', 'config'],
  ],
  '/Pod': [['spec', scheduling]],
  '/PodTemplate': [['template', 'spec', scheduling]],
  '/ReplicationController': [['spec', 'template', 'spec', scheduling]],
  'apps/DaemonSet': [['spec', 'template', 'spec', scheduling]],
  'apps/Deployment': [['spec', 'template', 'spec', scheduling]],
  'apps/ReplicaSet': [['spec', 'template', 'spec', scheduling]],
  'apps/StatefulSet': [['spec', 'template', 'spec', scheduling]],
  'batch/CronJob': [['spec', 'jobTemplate', 'spec', 'template', 'spec', scheduling]],
  'batch/Job': [['spec', 'template', 'spec', scheduling]],
  'coordination.k8s.io/Lease': [
    ['spec', 'strategy'],
    ['spec', 'preferredHolder'],
  ],
  'storage.k8s.io/CSIDriver': [['spec', 'preventPodSchedulingIfMissing']],
  'discovery.k8s.io/EndpointSlice': [['endpoints', '*', 'deprecatedTopology']],
  'resource.k8s.io/ResourceSlice': [
    [...attribute, 'ints'],
    [...attribute, 'bools'],
    [...attribute, 'strings'],
    [...attribute, 'versions'],
    ['spec', 'devices', '*', 'nodeAllocatableResourceMappings'],
  ],
};

/** Changes `object`, which is about to become new or to take the place of `old`. */
export function dropClosedFields(
  info: Pick<ResourceInfo, 'group' | 'kind'>,
  object: ApiObject,
  old: ApiObject | undefined,
): void {
  for (const path of closed[`${info.group}/${info.kind}`] ?? [])
    if (old === undefined || !holdersOf(old, path).some(([holder, name]) => holder[name] !== undefined))
      for (const [holder, name] of holdersOf(object, path)) delete holder[name];
}

type Holder = Record<string, unknown>;

/** The objects that may have the last field of a path. */
function holdersOf(value: unknown, [name = '', ...rest]: Path): (readonly [Holder, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  if (rest.length === 0) return [[value as Holder, name]];
  const inner = name === '*' ? Object.values(value) : [(value as Holder)[name]];
  return inner.flatMap((one) => holdersOf(one, rest));
}
