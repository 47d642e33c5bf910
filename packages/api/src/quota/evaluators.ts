/**
 * What objects use of a quota, kind by kind. Every kind is counted as `count/RESOURCE.GROUP`; pods, services, claims and
 * a few old names have more. Pure; the API server charges by it, and the controller counts by it.
 */
import type { PersistentVolumeClaim, Pod, Service } from '../generated/types.ts';
import { podLimits, podRequests } from '../pod-resources.ts';
import { addQuantities, compareQuantities, quantityValue } from '../quantity.ts';
import type { ApiObject } from '../object.ts';
import { add, type Amounts } from './amounts.ts';
import { claimHasScope, podHasScope, type Scope } from './scopes.ts';

export interface Evaluator {
  /** True for a name that this kind of object uses up. */
  readonly measures: (name: string) => boolean;
  /** What an object uses; `now` in milliseconds, since a pod that is long overdue uses nothing. */
  readonly usage: (object: ApiObject, now: number) => Amounts;
  readonly hasScope: (object: ApiObject, scope: Scope) => boolean;
  /** Names of `required` that the object must say something about and does not, in upstream's words; or undefined. */
  readonly missing?: (object: ApiObject, required: readonly string[]) => string | undefined;
}

/** Those that nobody stores, and events, which never counted. */
const ignored = new Set([
  '/bindings',
  '/componentstatuses',
  '/events',
  'events.k8s.io/events',
  'authentication.k8s.io/tokenreviews',
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
]);
/** Kinds of the core group that are also counted by their bare name. */
const bareNames = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']);
const noScope = (): boolean => false;

/** Undefined for kinds that no quota counts. */
export function evaluatorOf(group: string, resource: string): Evaluator | undefined {
  const key = `${group}/${resource}`;
  if (ignored.has(key)) return undefined;
  const special = specials[key];
  if (special !== undefined) return special;
  const names = [countName(group, resource)];
  if (group === '' && bareNames.has(resource)) names.push(resource);
  const one = Object.fromEntries(names.map((name) => [name, '1']));
  return { measures: (name) => names.includes(name), usage: () => one, hasScope: noScope };
}

/** `count/deployments.apps`, and without a group `count/pods`. */
function countName(group: string, resource: string): string {
  return `count/${resource}${group === '' ? '' : `.${group}`}`;
}

const podNames = new Set([
  'count/pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
]);
/** A quota of these obliges every container to say how much it wants; upstream regrets that, and adds no more. */
const mustBeStated = new Set([
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
]);
const plainResources = ['cpu', 'memory', 'ephemeral-storage'];

const pods: Evaluator = {
  measures: (name) =>
    podNames.has(name) ||
    /^(requests\.)?hugepages-/.test(name) ||
    (name.startsWith('requests.') && isForeign(name)),
  usage(object, now) {
    const pod = object as unknown as Pod;
    // A pod that has ended is still stored, and uses nothing else.
    if (!isLive(pod, now)) return { 'count/pods': '1' };
    return add({ 'count/pods': '1' }, computeUsage(podRequests(pod), podLimits(pod)));
  },
  hasScope: (object, scope) => podHasScope(object, scope),
  missing(object, required) {
    const { spec } = object as unknown as Pod;
    const wanted = required.filter((name) => mustBeStated.has(name)).toSorted();
    const words = wanted.flatMap((name) => {
      const silent = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
        .filter(({ resources }) => {
          const stated = computeUsage(resources?.requests ?? {}, resources?.limits ?? {});
          return !Object.hasOwn(stated, name);
        })
        .map((container) => container.name);
      return silent.length === 0 ? [] : [`${name} for: ${[...new Set(silent)].toSorted().join(',')}`];
    });
    return words.length === 0 ? undefined : `must specify ${words.join('; ')}`;
  },
};

function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const used: Record<string, string> = { pods: '1' };
  for (const name of plainResources) {
    if (requests[name] !== undefined) used[name] = used[`requests.${name}`] = requests[name];
    if (limits[name] !== undefined) used[`limits.${name}`] = limits[name];
  }
  for (const [name, amount] of Object.entries(requests)) {
    if (name.startsWith('hugepages-')) used[name] = used[`requests.${name}`] = amount;
    else if (isForeign(name) && !name.startsWith('requests.')) used[`requests.${name}`] = amount;
  }
  return used;
}

/** A resource that a device plugin or an operator brings: it has a domain, which is not Kubernetes' own. */
function isForeign(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/');
}

/** False when a pod has ended, or should have gone with its grace period long ago: a lost node must not hold quota. */
function isLive({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1_000;
}

const serviceNames = new Set(['count/services', 'services', 'services.nodeports', 'services.loadbalancers']);

const services: Evaluator = {
  measures: (name) => serviceNames.has(name),
  usage(object) {
    const { spec } = object as unknown as Service;
    const isBalanced = spec?.type === 'LoadBalancer';
    const ports = spec?.ports ?? [];
    const given = ports.filter(({ nodePort }) => (nodePort ?? 0) !== 0);
    const nodePorts =
      isBalanced && spec.allocateLoadBalancerNodePorts === false
        ? given.length
        : isBalanced || spec?.type === 'NodePort'
          ? ports.length
          : 0;
    return {
      'count/services': '1',
      services: '1',
      'services.loadbalancers': isBalanced ? '1' : '0',
      'services.nodeports': String(nodePorts),
    };
  },
  hasScope: noScope,
};

const classMark = '.storageclass.storage.k8s.io/';
const claimNames = new Set(['count/persistentvolumeclaims', 'persistentvolumeclaims', 'requests.storage']);

const claims: Evaluator = {
  measures: (name) =>
    claimNames.has(name) ||
    name.endsWith(`${classMark}persistentvolumeclaims`) ||
    name.endsWith(`${classMark}requests.storage`),
  usage(object) {
    const claim = object as unknown as PersistentVolumeClaim;
    const used: Record<string, string> = { 'count/persistentvolumeclaims': '1', persistentvolumeclaims: '1' };
    const storageClass =
      claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ??
      claim.spec?.storageClassName ??
      '';
    const storage = storageOf(claim);
    if (storage !== undefined) used['requests.storage'] = storage;
    if (storageClass !== '') {
      used[`${storageClass}${classMark}persistentvolumeclaims`] = '1';
      if (storage !== undefined) used[`${storageClass}${classMark}requests.storage`] = storage;
    }
    return used;
  },
  hasScope: (object, scope) => claimHasScope(object, scope),
};

/** What is asked for, or what a larger expansion has been promised; in whole bytes. */
function storageOf({ spec, status }: PersistentVolumeClaim): string | undefined {
  const asked = spec?.resources?.requests?.['storage'];
  const promised = status?.allocatedResources?.['storage'];
  if (asked === undefined) return undefined;
  const counted = promised !== undefined && compareQuantities(promised, asked) > 0 ? promised : asked;
  const whole = String(quantityValue(counted));
  return compareQuantities(counted, whole) === 0 ? addQuantities('0', counted) : whole;
}

const specials: Readonly<Record<string, Evaluator>> = {
  '/pods': pods,
  '/services': services,
  '/persistentvolumeclaims': claims,
};
