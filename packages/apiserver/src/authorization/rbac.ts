/**
 * Role-based access control: which rules a user has, from the roles and bindings in the watch cache. The index by
 * subject is made anew when any of the four resources has changed, and only then. Until the cluster has its default
 * roles they hold as they are, so that a cluster can begin.
 */
import {
  type ClusterRole,
  type ClusterRoleBinding,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
  selectorMatches,
  type Subject,
} from '@timonier/api';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import type { Attributes, AuthorizerKind, Decision, Rules } from './decision.ts';
import { noOpinion } from './decision.ts';
import { questionOf, ruleAllows } from './rules.ts';

interface Grant {
  /** Empty: everywhere, and for what is in no namespace. */
  readonly namespace: string;
  /** Undefined: the role is missing. */
  readonly rules: readonly PolicyRule[] | undefined;
  /** What gave it; for a missing role, what is missing. */
  readonly source: string;
}

type Index = ReadonlyMap<string, readonly Grant[]>;

const prefixes = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'] as const;

export class Rbac implements AuthorizerKind {
  readonly type = 'RBAC';
  readonly name = 'rbac';
  readonly #cache: WatchCache;
  #index: Index | undefined;
  #madeFrom: readonly (ResourceCache | number)[] = [];

  constructor(cache: WatchCache) {
    this.#cache = cache;
  }

  decide(user: User, attributes: Attributes): Decision {
    const question = questionOf(attributes);
    const missing = new Set<string>();
    for (const { rules, source } of this.#grants(user, attributes.namespace)) {
      if (rules === undefined) missing.add(source);
      else
        for (const rule of rules)
          if (ruleAllows(rule, question)) return { verdict: 'allow', reason: `RBAC: allowed by ${source}` };
    }
    if (missing.size === 0) return noOpinion;
    const list = [...missing];
    return { verdict: 'noOpinion', reason: `RBAC: ${list.length === 1 ? list[0] : `[${list.join(', ')}]`}` };
  }

  /** All rules that the user has in a namespace; with an empty one, those that hold everywhere. */
  rulesOf(user: User, namespace: string): Rules {
    const grants = [...this.#grants(user, namespace)];
    const missing = [
      ...new Set(grants.flatMap(({ rules, source }) => (rules === undefined ? [source] : []))),
    ];
    return {
      rules: grants.flatMap(({ rules = [] }) => rules),
      ...(missing.length === 0 ? {} : { incomplete: missing.join(', ') }),
    };
  }

  /** The rules of a role that a binding in `namespace` names; undefined when there is no such role. */
  rulesOfRole({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (kind === 'ClusterRole') {
      const roles = this.#all<ClusterRole>('clusterroles');
      const role = roles.find(({ metadata }) => metadata?.name === name);
      return role === undefined ? undefined : rulesOfClusterRole(role, roles);
    }
    return this.#all<Role>('roles').find(
      ({ metadata }) => metadata?.name === name && metadata.namespace === namespace,
    )?.rules;
  }

  *#grants(user: User, namespace: string): Generator<Grant> {
    const index = this.#current();
    const keys = [`u:${user.name}`, ...user.groups.map((group) => `g:${group}`)];
    for (const key of keys)
      for (const grant of index.get(key) ?? [])
        if (grant.namespace === '' || grant.namespace === namespace) yield grant;
  }

  #current(): Index {
    const state = prefixes.flatMap((prefix) => {
      const resource = this.#cache.resource(prefix);
      return [resource, resource.log.nextSequence];
    });
    if (this.#index === undefined || state.some((item, i) => item !== this.#madeFrom[i])) {
      this.#madeFrom = state;
      this.#index = this.#make();
    }
    return this.#index;
  }

  #make(): Index {
    const clusterRoles = this.#all<ClusterRole>('clusterroles');
    const index = new Map<string, Grant[]>();
    const began = clusterRoles.some(({ metadata }) => metadata?.name === 'cluster-admin');
    const { clusterRoles: defaults, clusterRoleBindings } = bootstrapPolicy;
    const known = began ? clusterRoles : [...clusterRoles, ...defaults];
    const rules = new Map(
      known.map((role) => [role.metadata?.name ?? '', rulesOfClusterRole(role, known)] as const),
    );
    const bindings = this.#all<ClusterRoleBinding>('clusterrolebindings');
    for (const binding of began ? bindings : [...bindings, ...clusterRoleBindings])
      add(index, binding, '', rules.get(binding.roleRef.name));
    const roles = new Map(
      this.#all<Role>('roles').map((role) => [
        `${role.metadata?.namespace ?? ''}/${role.metadata?.name ?? ''}`,
        role.rules ?? [],
      ]),
    );
    for (const binding of this.#all<RoleBinding>('rolebindings')) {
      const { roleRef, metadata } = binding;
      const namespace = metadata?.namespace ?? '';
      const found =
        roleRef.kind === 'ClusterRole' ? rules.get(roleRef.name) : roles.get(`${namespace}/${roleRef.name}`);
      add(index, binding, namespace, found);
    }
    return index;
  }

  #all<T>(prefix: (typeof prefixes)[number]): T[] {
    return this.#cache
      .resource(prefix)
      .index.valuesArray()
      .map((stored) => stored.object() as T);
  }
}

function rulesOfClusterRole(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) return role.rules ?? [];
  const others = all.filter(
    (other) =>
      other !== role && selectors.some((selector) => selectorMatches(selector, other.metadata?.labels ?? {})),
  );
  return [...(role.rules ?? []), ...others.flatMap(({ rules = [] }) => rules)];
}

/** `namespace` is empty for a binding that holds everywhere. */
function add(
  index: Map<string, Grant[]>,
  { metadata, roleRef, subjects }: ClusterRoleBinding | RoleBinding,
  namespace: string,
  rules: readonly PolicyRule[] | undefined,
): void {
  const name = metadata?.name ?? '';
  const binding = namespace === '' ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
  const missing = `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io "${roleRef.name}" not found`;
  for (const subject of subjects ?? []) {
    const key = keyOf(subject, namespace);
    const source =
      rules === undefined
        ? missing
        : `${binding} of ${roleRef.kind} "${roleRef.name}" to ${described(subject, namespace)}`;
    const grants = index.get(key);
    if (grants === undefined) index.set(key, [{ namespace, rules, source }]);
    else grants.push({ namespace, rules, source });
  }
}

function described({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount'
    ? `${kind} "${name}/${namespace || bindingNamespace}"`
    : `${kind} "${name}"`;
}

function keyOf({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  if (kind === 'Group') return `g:${name}`;
  if (kind === 'User') return `u:${name}`;
  return `u:system:serviceaccount:${namespace || bindingNamespace}:${name}`;
}
