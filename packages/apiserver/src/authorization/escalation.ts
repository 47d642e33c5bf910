/**
 * Nobody gives away more than they have: whoever writes a role must hold its rules, or the verb `escalate` on it;
 * whoever writes a binding must hold the rules of the role, or the verb `bind` on it. What they have and what the role says is
 * read as the store has it: who lost a right a moment ago does not give it to themselves again.
 */
import type { ClusterRole, PolicyRule, RoleBinding } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { forbidden, invalid, notFound, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { missingRules } from './missing-rules.ts';
import { ruleText } from './rules.ts';

const group = 'rbac.authorization.k8s.io';
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export const roleStrategy: Strategy = {
  createsOnUpdate: true,
  check: checkRole,
};

export const bindingStrategy: Strategy = {
  createsOnUpdate: true,
  check: checkBinding,
};

async function checkRole(
  object: ApiObject,
  old: ApiObject | undefined,
  context: WriteContext,
): Promise<void> {
  const role = object as unknown as ClusterRole;
  const before = old as unknown as ClusterRole | undefined;
  if (isForCollectorOnly(object, old)) return;
  const { info, name: asked } = context.target;
  // Of an object that is created its name does not count: it is not a part of the path.
  if (await mayUse(context, 'escalate', info.resource, asked)) return;
  const name = object.metadata?.name ?? '';
  await context.server.reads.fresh();
  checkHeld(context, name, role.rules ?? []);
  if (!aggregates(role) && !aggregates(before)) return;
  // What a selector will bring in is not known yet, and what one brings in now may be meant to be less.
  if (missingOf(context, fullAuthority).length > 0)
    throw new StatusError(
      forbidden(
        { group, resource: info.resource },
        name,
        'must have cluster-admin privileges to use the aggregationRule',
      ),
    );
}

function aggregates(role: ClusterRole | undefined): boolean {
  return (role?.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

/**
 * Whether a change is one of those that the garbage collector needs. Every other one counts, also when the rules stay
 * as they are: by a label they may become a part of another role's.
 */
function isForCollectorOnly(object: ApiObject, old: ApiObject | undefined): boolean {
  return old !== undefined && sameTree(beyondCollector(object), beyondCollector(old));
}

function beyondCollector({ metadata, ...rest }: ApiObject): unknown {
  const {
    ownerReferences: _owners,
    finalizers: _finalizers,
    managedFields: _managers,
    selfLink: _link,
    resourceVersion: _version,
    ...kept
  } = (metadata ?? {}) as Record<string, unknown>;
  return { ...rest, metadata: kept };
}

async function checkBinding(
  object: ApiObject,
  old: ApiObject | undefined,
  context: WriteContext,
): Promise<void> {
  const { roleRef } = object as unknown as RoleBinding;
  const before = old as unknown as RoleBinding | undefined;
  const name = object.metadata?.name ?? '';
  if (before !== undefined && !sameTree(roleRef, before.roleRef)) {
    const message = `Invalid value: ${JSON.stringify(roleRef)}: cannot change roleRef`;
    const cause = { reason: 'FieldValueInvalid', message, field: 'roleRef' };
    throw new StatusError(
      invalid({ group, kind: context.target.info.kind }, name, `roleRef: ${message}`, [cause]),
    );
  }
  if (isForCollectorOnly(object, old)) return;
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (await mayUse(context, 'bind', resource, roleRef.name)) return;
  await context.server.reads.fresh();
  const rules = context.server.authorizer.rbac.rulesOfRole(roleRef, context.target.namespace);
  if (rules === undefined) throw new StatusError(notFound(context.target.info, roleRef.name));
  checkHeld(context, name, rules);
}

/** One rule for each resource of a group, with all its verbs. */
function compacted(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byResource = Map.groupBy(rules, ({ verbs: _verbs, ...about }) => JSON.stringify(about));
  return [...byResource.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : first.nonResourceURLs !== undefined
        ? [first, ...others]
        : [{ ...first, verbs: [...new Set([first, ...others].flatMap(({ verbs }) => verbs))] }],
  );
}

function mayUse(
  { server, user, target }: WriteContext,
  verb: string,
  resource: string,
  name: string,
): Promise<boolean> {
  const info = {
    path: '',
    verb,
    group,
    version: 'v1',
    resource,
    namespace: target.namespace,
    name,
    subresource: '',
  };
  return server.authorizer.allows(user, info);
}

function missingOf({ server, user, target }: WriteContext, wanted: readonly PolicyRule[]): PolicyRule[] {
  return missingRules(server.authorizer.rbac.rulesOf(user, target.namespace).rules, wanted);
}

function checkHeld(context: WriteContext, name: string, wanted: readonly PolicyRule[]): void {
  const { user, target } = context;
  const missing = missingOf(context, wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((item) => JSON.stringify(item)).join(' ');
  const detail = `user "${user.name}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${[...new Set(compacted(missing).map(ruleText))].sort().join('\n')}`;
  throw new StatusError(forbidden({ group, resource: target.info.resource }, name, detail));
}
