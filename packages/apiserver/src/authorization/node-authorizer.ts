/**
 * What a node may do: what the role `system:node` says, held to its own Node, its own lease, the pods bound to it, and
 * the Secrets, ConfigMaps and accounts that those pods use.
 */
import type { Pod, Volume } from '@timonier/api';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import {
  allowed,
  type Attributes,
  type AuthorizerKind,
  type Decision,
  noOpinion,
  type Rules,
  type Selector,
} from './decision.ts';
import { type Question, questionOf, ruleAllows } from './rules.ts';
import { fieldRequirements } from './selectors.ts';

const userPrefix = 'system:node:';
const leaseNamespace = 'kube-node-lease';
const rules =
  bootstrapPolicy.clusterRoles.find(({ metadata }) => metadata?.name === 'system:node')?.rules ?? [];
const reading: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** The node behind a user, or undefined when it is none. */
export function nodeOf({ name, groups }: User): string | undefined {
  return name.startsWith(userPrefix) && groups.includes('system:nodes')
    ? name.slice(userPrefix.length)
    : undefined;
}

export class NodeAuthorizer implements AuthorizerKind {
  readonly type = 'Node';
  readonly name = 'node';
  readonly #cache: WatchCache;
  readonly #root: string;

  constructor(cache: WatchCache, root: string) {
    this.#cache = cache;
    this.#root = root;
  }

  decide(user: User, attributes: Attributes): Decision {
    const node = nodeOf(user);
    if (node === undefined) return noOpinion;
    const question = questionOf(attributes);
    if (!rules.some((rule) => ruleAllows(rule, question))) return noOpinion;
    if (this.#allows(node, attributes, question)) return allowed;
    return { verdict: 'noOpinion', reason: reasonAgainst(node, attributes, question) };
  }

  /** What a node may do by being one is not in any rule. */
  rulesOf(user: User): Rules {
    return nodeOf(user) === undefined
      ? { rules: [] }
      : { rules: [], incomplete: 'node authorizer does not support user rule resolution' };
  }

  #allows(node: string, { namespace, fieldSelector }: Attributes, question: Question): boolean {
    const { resource, group, verb, name, subresource } = question;
    const type = group === '' ? resource : `${resource}.${group}`;
    switch (type) {
      case 'nodes':
        // A name in the body of a creation is checked where the body is read.
        return verb === 'create' || name === node;
      case 'leases.coordination.k8s.io':
        return namespace === leaseNamespace && (verb === 'create' || name === node);
      case 'csinodes.storage.k8s.io':
        return verb === 'create' || name === node;
      case 'pods':
        if (verb === 'create' && subresource === '') return true;
        if (name === '' && reading.has(verb)) return selects(fieldSelector, 'spec.nodeName', node);
        // What is not there is told as such, and what was created a moment ago may not be known here yet.
        return (this.#pod(namespace, name)?.spec?.nodeName ?? node) === node;
      case 'secrets':
      case 'configmaps':
      case 'serviceaccounts':
      case 'persistentvolumeclaims':
        return name !== '' && this.#isUsed(node, namespace, type, name);
      default:
        return true;
    }
  }

  #pod(namespace: string, name: string): Pod | undefined {
    const key = `${this.#root}pods/${namespace}/${name}`;
    return this.#cache.resource('pods').index.get(key)?.object();
  }

  #isUsed(node: string, namespace: string, resource: string, name: string): boolean {
    const prefix = `${this.#root}pods/${namespace}/`;
    let found = false;
    this.#cache.resource('pods').index.forRange(prefix, `${prefix}\uffff`, false, (_key, stored) => {
      // Most pods do not name it at all; to see that needs no parsing.
      if (!stored.json.includes(node) || (resource !== 'secrets' && !stored.json.includes(name)))
        return undefined;
      const pod = stored.object() as Pod;
      found = pod.spec?.nodeName === node && usesOf(pod, resource).has(name);
      return found ? { break: true } : undefined;
    });
    return found;
  }
}

/** Why a node may not do what nodes may: in upstream's words. */
function reasonAgainst(node: string, { namespace }: Attributes, { resource, verb, name }: Question): string {
  switch (resource) {
    case 'nodes':
      if (!reading.has(verb)) break;
      return `node '${node}' cannot read ${name === '' ? 'all nodes' : `'${name}'`}, only its own Node object`;
    case 'pods':
      if (name !== '' || !reading.has(verb)) break;
      if (verb === 'get') return 'No Object name found';
      return 'can only list/watch pods with spec.nodeName field selector';
    case 'secrets':
    case 'configmaps':
    case 'persistentvolumeclaims':
      if (namespace === '') return 'can only read namespaced object of this type';
      if (name === '') return 'No Object name found';
      break;
    default:
  }
  return `no relationship found between node '${node}' and this object`;
}

/** Whether a selector leaves nothing but what has a value in a field. */
function selects(selector: Selector | undefined, field: string, value: string): boolean {
  return fieldRequirements(selector).requirements.some(
    ({ key, operator, values }) => key === field && operator === 'In' && values?.[0] === value,
  );
}

function usesOf(pod: Pod, resource: string): ReadonlySet<string> {
  const { spec } = pod;
  const names = new Set<string | undefined>();
  const volumes = spec?.volumes ?? [];
  if (resource === 'serviceaccounts') names.add(spec?.serviceAccountName);
  else if (resource === 'persistentvolumeclaims')
    for (const { persistentVolumeClaim } of volumes) names.add(persistentVolumeClaim?.claimName);
  else {
    const secrets = resource === 'secrets';
    for (const volume of volumes) for (const name of volumeUses(volume, secrets)) names.add(name);
    for (const { env, envFrom } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
      for (const { valueFrom } of env ?? [])
        names.add(secrets ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name);
      for (const source of envFrom ?? [])
        names.add(secrets ? source.secretRef?.name : source.configMapRef?.name);
    }
    if (secrets) for (const { name } of spec?.imagePullSecrets ?? []) names.add(name);
  }
  names.delete(undefined);
  return names as ReadonlySet<string>;
}

function volumeUses(volume: Volume, secrets: boolean): (string | undefined)[] {
  const projected = volume.projected?.sources ?? [];
  return secrets
    ? [volume.secret?.secretName, ...projected.map(({ secret }) => secret?.name)]
    : [volume.configMap?.name, ...projected.map(({ configMap }) => configMap?.name)];
}
