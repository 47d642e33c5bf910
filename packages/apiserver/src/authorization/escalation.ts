/**
 * Nobody gives away more than they have: whoever writes a role must hold its rules, or the verb `escalate` on it;
 * whoever writes a binding must hold the rules of the role, or the verb `bind` on it.
 */
import type { ClusterRole, PolicyRule, RoleBinding } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { forbidden, invalid, notFound, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { missingRules, ruleText } from './rules.ts';

const group = 'rbac.authorization.k8s.io';

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
  const hasSameRules =
    sameTree(role.rules ?? [], before?.rules ?? []) &&
    sameTree(role.aggregationRule, before?.aggregationRule);
  if (before !== undefined && hasSameRules) return;
  const { info } = context.target;
  const name = object.metadata?.name ?? '';
  if (await mayUse(context, 'escalate', info.resource, name)) return;
  // What a selector will bring in is not known yet.
  const wanted: readonly PolicyRule[] =
    role.aggregationRule === undefined
      ? (role.rules ?? [])
      : [
          { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
          { verbs: ['*'], nonResourceURLs: ['*'] },
        ];
  checkHeld(context, name, wanted);
}

async function checkBinding(
  object: ApiObject,
  old: ApiObject | undefined,
  context: WriteContext,
): Promise<void> {
  const { roleRef, subjects } = object as unknown as RoleBinding;
  const before = old as unknown as RoleBinding | undefined;
  const name = object.metadata?.name ?? '';
  if (before !== undefined && !sameTree(roleRef, before.roleRef)) {
    const message = `Invalid value: ${JSON.stringify(roleRef)}: cannot change roleRef`;
    const cause = { reason: 'FieldValueInvalid', message, field: 'roleRef' };
    throw new StatusError(
      invalid({ group, kind: context.target.info.kind }, name, `roleRef: ${message}`, [cause]),
    );
  }
  if (before !== undefined && sameTree(subjects, before.subjects)) return;
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (await mayUse(context, 'bind', resource, roleRef.name)) return;
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

function checkHeld(
  { server, user, target }: WriteContext,
  name: string,
  wanted: readonly PolicyRule[],
): void {
  const missing = missingRules(server.authorizer.rbac.rulesOf(user, target.namespace).rules, wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((item) => JSON.stringify(item)).join(' ');
  const detail = `user "${user.name}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${[...new Set(compacted(missing).map(ruleText))].sort().join('\n')}`;
  throw new StatusError(forbidden({ group, resource: target.info.resource }, name, detail));
}
