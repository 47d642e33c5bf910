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
import type { ResourceCache, WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import { type Question, ruleAllows } from './rules.ts';

interface Grant {
  /** Empty: everywhere, and for what is in no namespace. */
  readonly namespace: string;
  readonly rules: readonly PolicyRule[];
}

type Index = ReadonlyMap<string, readonly Grant[]>;

const prefixes = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'] as const;

export class Rbac {
  readonly #cache: WatchCache;
  #index: Index | undefined;
  #madeFrom: readonly (ResourceCache | number)[] = [];

  constructor(cache: WatchCache) {
    this.#cache = cache;
  }

  allows(user: User, namespace: string, question: Question): boolean {
    for (const rules of this.#grants(user, namespace))
      for (const rule of rules) if (ruleAllows(rule, question)) return true;
    return false;
  }

  /** All rules that the user has in a namespace; with an empty one, those that hold everywhere. */
  rulesOf(user: User, namespace: string): PolicyRule[] {
    return [...this.#grants(user, namespace)].flat();
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

  *#grants(user: User, namespace: string): Generator<readonly PolicyRule[]> {
    const index = this.#current();
    const keys = [`u:${user.name}`, ...user.groups.map((group) => `g:${group}`)];
    for (const key of keys)
      for (const grant of index.get(key) ?? [])
        if (grant.namespace === '' || grant.namespace === namespace) yield grant.rules;
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
    for (const { roleRef, subjects } of began ? bindings : [...bindings, ...clusterRoleBindings])
      add(index, subjects, '', rules.get(roleRef.name));
    const roles = new Map(
      this.#all<Role>('roles').map((role) => [
        `${role.metadata?.namespace ?? ''}/${role.metadata?.name ?? ''}`,
        role.rules,
      ]),
    );
    for (const { roleRef, subjects, metadata } of this.#all<RoleBinding>('rolebindings')) {
      const namespace = metadata?.namespace ?? '';
      const found =
        roleRef.kind === 'ClusterRole' ? rules.get(roleRef.name) : roles.get(`${namespace}/${roleRef.name}`);
      add(index, subjects, namespace, found);
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

function add(
  index: Map<string, Grant[]>,
  subjects: readonly Subject[] | undefined,
  namespace: string,
  rules: readonly PolicyRule[] | undefined,
): void {
  if (rules === undefined) return;
  for (const subject of subjects ?? []) {
    const key = keyOf(subject, namespace);
    const grants = index.get(key);
    if (grants === undefined) index.set(key, [{ namespace, rules }]);
    else grants.push({ namespace, rules });
  }
}

function keyOf({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  if (kind === 'Group') return `g:${name}`;
  if (kind === 'User') return `u:${name}`;
  return `u:system:serviceaccount:${namespace ?? bindingNamespace}:${name}`;
}
