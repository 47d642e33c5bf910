/**
 * How many pods the controllers of some pods want together. Workloads are in the caches; of anything else the server is
 * asked for its Scale.
 */
import type { Pod, Scale } from '@timonier/api';
import { isNotFound, type ResourceType } from '@timonier/client';
import type { LoopContext } from '../loop.ts';
import { controllerOf, type OwnerLike } from '../owner.ts';

export interface ExpectedScale {
  readonly replicas: number;
  /** Names of pods that nobody controls; they are not counted. */
  readonly unmanaged: readonly string[];
  /** Why the number is not known. */
  readonly problem: string | undefined;
}

export const noScale: ExpectedScale = { replicas: 0, unmanaged: [], problem: undefined };

/** Each controller counts once. Rejects when the server fails to answer. */
export async function expectedScale(context: LoopContext, pods: readonly Pod[]): Promise<ExpectedScale> {
  const scales = new Map<string, number>();
  /** Of controllers whose own number counts through another's, such as a ReplicaSet's through its Deployment's. */
  const seen = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    const owner = controllerOf(pod);
    if (owner === undefined) {
      unmanaged.push(name);
      continue;
    }
    if (seen.has(owner.uid)) continue;
    seen.add(owner.uid);
    const found = scaleInCaches(context, namespace, owner) ?? (await askForScale(context, namespace, owner));
    if (found === undefined)
      return { ...noScale, unmanaged, problem: `found no controllers for pod "${name}"` };
    if (typeof found === 'string') return { ...noScale, unmanaged, problem: found };
    scales.set(found.uid, found.replicas);
  }
  const replicas = [...scales.values()].reduce((sum, one) => sum + one, 0);
  return { replicas, unmanaged, problem: undefined };
}

interface Found {
  readonly uid: string;
  readonly replicas: number;
}

function scaleInCaches(
  { informers }: LoopContext,
  namespace: string,
  { apiVersion, kind, name, uid }: OwnerLike,
): Found | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const key = { namespace, name };
  const cached = {
    ' ReplicationController': informers.replicationcontrollers,
    'apps ReplicaSet': informers.replicasets,
    'apps StatefulSet': informers.statefulsets,
  };
  const type = `${group} ${kind}`;
  if (!isOneOf(cached, type)) return undefined;
  const owner = cached[type].get(key);
  if (owner === undefined || owner.metadata?.uid !== uid) return undefined;
  const above = controllerOf(owner);
  if (type === 'apps ReplicaSet' && above?.kind === 'Deployment') {
    const deployment = informers.deployments.get({ namespace, name: above.name });
    if (deployment?.metadata?.uid === above.uid)
      return { uid: above.uid, replicas: deployment.spec?.replicas ?? 1 };
  }
  return { uid, replicas: owner.spec?.replicas ?? 1 };
}

function isOneOf<T extends object>(cached: T, type: PropertyKey): type is keyof T {
  return Object.hasOwn(cached, type);
}

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string }[];
}

/** The Scale, or what is wrong; undefined when the owner is not there, or not this one any more. */
async function askForScale(
  { client }: LoopContext,
  namespace: string,
  { apiVersion, kind, name, uid }: OwnerLike,
): Promise<Found | string | undefined> {
  const served = await client.request(
    'GET',
    apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`,
  );
  if (served.status !== 200 && served.status !== 404)
    throw new Error(`discovery of ${apiVersion} answered ${served.status}`);
  const list = served.status === 404 ? {} : (JSON.parse(served.body.toString('utf8')) as ResourceList);
  const all = list.resources ?? [];
  const resource = all.find((one) => one.kind === kind && !one.name.includes('/'))?.name;
  if (resource === undefined) return `no matches for kind "${kind}" in version "${apiVersion}"`;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  if (!all.some((one) => one.name === `${resource}/scale` && one.kind === 'Scale'))
    return `${resource}${group === '' ? '' : `.${group}`} does not implement the scale subresource`;
  const type: ResourceType<Scale> = { group, version, resource, kind, namespaced: true };
  try {
    const scale = await client.get(type, { namespace, name }, 'scale');
    return scale.metadata?.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
