/**
 * What a node may do: its own Node, its lease and its CSINode, its pods, and what these need; of all other kinds what the
 * role `system:node` says. Where the object of a write is not known yet (a creation, a name in a body) the plugin
 * NodeRestriction judges. As upstream, with `AuthorizeNodeWithSelectors`: lists and watches must ask for the node's own.
 */
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
import { NodeRelations } from './node-relations.ts';
import { questionOf, ruleAllows } from './rules.ts';
import { fieldRequirements } from './selectors.ts';

const userPrefix = 'system:node:';
const leaseNamespace = 'kube-node-lease';
const rules =
  bootstrapPolicy.clusterRoles.find(({ metadata }) => metadata?.name === 'system:node')?.rules ?? [];
const reading: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const writing: ReadonlySet<string> = new Set(['create', 'update', 'patch']);
const owning: ReadonlySet<string> = new Set(['get', 'create', 'update', 'patch', 'delete']);

/** The node behind a user, or undefined when it is none; empty when it does not say which. */
export function nodeOf({ name, groups }: User): string | undefined {
  return name.startsWith(userPrefix) && groups.includes('system:nodes')
    ? name.slice(userPrefix.length)
    : undefined;
}

export class NodeAuthorizer implements AuthorizerKind {
  readonly type = 'Node';
  readonly name = 'node';
  readonly #relations: NodeRelations;

  constructor(cache: WatchCache, root: string) {
    this.#relations = new NodeRelations(cache, root);
  }

  decide(user: User, attributes: Attributes): Decision {
    const node = nodeOf(user);
    if (node === undefined) return noOpinion;
    if (node === '') return refused(`unknown node for user ${JSON.stringify(user.name)}`);
    const { resource, group = '' } = attributes;
    switch (group === '' ? resource : `${resource}.${group}`) {
      case 'secrets':
        return this.#mayRead(node, attributes, () => this.#relations.needsSecret(node, attributes));
      case 'configmaps':
        return this.#mayRead(node, attributes, () => this.#relations.isNamed(node, 'configmaps', attributes));
      case 'persistentvolumeclaims':
        return this.#mayUseClaim(node, attributes);
      case 'persistentvolumes':
        return mayGet(node, attributes, () => this.#relations.isMounted(node, attributes.name));
      case 'resourceclaims.resource.k8s.io':
        return mayGet(node, attributes, () => this.#relations.isNamed(node, 'resourceclaims', attributes));
      case 'volumeattachments.storage.k8s.io':
        return mayGet(node, attributes, () => this.#relations.isOn(node, 'volumeattachments', attributes));
      case 'serviceaccounts':
        return this.#mayUseAccount(node, attributes);
      case 'leases.coordination.k8s.io':
        return mayKeepLease(node, attributes);
      case 'csinodes.storage.k8s.io':
        return mayKeepCsiNode(node, attributes);
      case 'resourceslices.resource.k8s.io':
        return this.#mayKeepSlices(node, attributes);
      case 'nodes':
        return mayKeepNode(node, attributes);
      case 'pods':
        return this.#mayKeepPods(node, attributes);
      default: {
        const question = questionOf(attributes);
        return rules.some((rule) => ruleAllows(rule, question)) ? allowed : noOpinion;
      }
    }
  }

  /** What a node may do by being one is not in any rule. */
  rulesOf(user: User): Rules {
    return nodeOf(user) === undefined
      ? { rules: [] }
      : { rules: [], incomplete: 'node authorizer does not support user rule resolution' };
  }

  /** One object by its name, be it as a list or a watch of nothing else. */
  #mayRead(
    node: string,
    { verb, subresource, namespace, name }: Attributes,
    isRelated: () => boolean,
  ): Decision {
    if (!reading.has(verb)) return refused('can only read resources of this type');
    if (subresource !== '') return refused('cannot read subresource');
    if (namespace === '') return refused('can only read namespaced object of this type');
    return ifRelated(node, name, isRelated);
  }

  #mayUseClaim(node: string, attributes: Attributes): Decision {
    const isNamed = (): boolean => this.#relations.isNamed(node, 'persistentvolumeclaims', attributes);
    if (attributes.subresource !== 'status') return mayGet(node, attributes, isNamed);
    if (attributes.verb !== 'update' && attributes.verb !== 'patch')
      return refused('can only get/update/patch this type');
    return ifRelated(node, attributes.name, isNamed);
  }

  #mayUseAccount(node: string, attributes: Attributes): Decision {
    const { verb, subresource, name } = attributes;
    const isNamed = (): boolean => this.#relations.isNamed(node, 'serviceaccounts', attributes);
    if (verb === 'get' && subresource === '') return this.#mayRead(node, attributes, isNamed);
    if (verb !== 'create' || name === '')
      return refused('can only create tokens for individual service accounts');
    if (subresource !== 'token') return refused('can only create token subresource of serviceaccount');
    return ifRelated(node, name, isNamed);
  }

  #mayKeepSlices(node: string, attributes: Attributes): Decision {
    const { verb, subresource, name, fieldSelector } = attributes;
    if (subresource !== '') return refused('cannot authorize ResourceSlice subresources');
    switch (verb) {
      case 'create':
        return allowed;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return ifRelated(node, name, () => this.#relations.isOn(node, 'resourceslices', attributes));
      case 'watch':
      case 'list':
      case 'deletecollection':
        return selects(fieldSelector, 'spec.nodeName', node)
          ? allowed
          : refused('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return refused(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  }

  #mayKeepPods(node: string, attributes: Attributes): Decision {
    const { verb, subresource, name, fieldSelector } = attributes;
    const isOwn = (): boolean => this.#relations.isOn(node, 'pods', attributes);
    if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion;
    if (subresource === 'eviction') return verb === 'create' ? allowed : noOpinion;
    if (subresource !== '') return noOpinion;
    switch (verb) {
      case 'create':
      case 'delete':
        return allowed;
      case 'get':
        return mayGet(node, attributes, isOwn);
      case 'list':
      case 'watch':
        if (selects(fieldSelector, 'spec.nodeName', node)) return allowed;
        if (name !== '') return ifRelated(node, name, isOwn);
        return refused('can only list/watch pods with spec.nodeName field selector');
      default:
        return noOpinion;
    }
  }
}

function mayKeepNode(node: string, { verb, subresource, name }: Attributes): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion;
  if (subresource !== '') return noOpinion;
  if (writing.has(verb)) return allowed;
  if (!reading.has(verb)) return noOpinion;
  if (name === node) return allowed;
  return refused(
    `node '${node}' cannot read ${name === '' ? 'all nodes' : `'${name}'`}, only its own Node object`,
  );
}

function mayKeepLease(node: string, { verb, namespace, name }: Attributes): Decision {
  if (!owning.has(verb)) return refused('can only get, create, update, patch, or delete a node lease');
  if (namespace !== leaseNamespace)
    return refused(`can only access leases in the "${leaseNamespace}" system namespace`);
  return verb === 'create' || name === node
    ? allowed
    : refused('can only access node lease with the same name as the requesting node');
}

function mayKeepCsiNode(node: string, { verb, subresource, name }: Attributes): Decision {
  if (!owning.has(verb)) return refused('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return refused('cannot authorize CSINode subresources');
  return verb === 'create' || name === node
    ? allowed
    : refused('can only access CSINode with the same name as the requesting node');
}

function mayGet(node: string, { verb, subresource, name }: Attributes, isRelated: () => boolean): Decision {
  if (verb !== 'get') return refused('can only get individual resources of this type');
  if (subresource !== '') return refused('cannot get subresource');
  return ifRelated(node, name, isRelated);
}

function ifRelated(node: string, name: string, isRelated: () => boolean): Decision {
  if (name === '') return refused('No Object name found');
  return isRelated() ? allowed : refused(`no relationship found between node '${node}' and this object`);
}

/** The next authorizer may know better. */
function refused(reason: string): Decision {
  return { verdict: 'noOpinion', reason };
}

/** Whether a selector leaves nothing but what has a value in a field. */
function selects(selector: Selector | undefined, field: string, value: string): boolean {
  return fieldRequirements(selector).requirements.some(
    ({ key, operator, values }) => key === field && operator === 'In' && values?.[0] === value,
  );
}
