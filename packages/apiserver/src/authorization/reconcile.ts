/**
 * Brings the default roles and bindings into the cluster: creates what is missing, and adds to what is there the rules,
 * labels and subjects that it lacks, unless its annotation `autoupdate` is "false". Nothing is ever taken away, and
 * what is complete already costs no write.
 */
import { type ClusterRole, type PolicyRule, type RoleBinding, storageKey, type Subject } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import type { Writer } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import { autoupdateAnnotation, bootstrapPolicy } from './bootstrap-policy.ts';
import { missingRules } from './missing-rules.ts';

type Rbac = ClusterRole & Partial<Pick<RoleBinding, 'roleRef' | 'subjects'>>;

const inFlight = 8;

/** Throws when the store cannot be written; the caller tries again. */
export async function reconcilePolicy(writer: Writer, server: ServerState): Promise<void> {
  const { clusterRoles, roles, clusterRoleBindings, roleBindings } = bootstrapPolicy;
  const isLast = ({ metadata }: ClusterRole): boolean => metadata?.name === 'cluster-admin';
  const work: (readonly [string, Rbac])[] = [
    ...clusterRoles.filter((role) => !isLast(role)).map((item) => ['clusterroles', item] as const),
    ...roles.map((item) => ['roles', item] as const),
    ...clusterRoleBindings.map((item) => ['clusterrolebindings', item] as const),
    ...roleBindings.map((item) => ['rolebindings', item] as const),
  ];
  const lanes = Array.from({ length: inFlight }, async () => {
    for (let next = work.shift(); next !== undefined; next = work.shift())
      await reconcile(writer, server, ...next);
  });
  await Promise.all(lanes);
  // With this one the roles of the cluster count instead of the defaults: see `Rbac`.
  for (const role of clusterRoles.filter(isLast)) await reconcile(writer, server, 'clusterroles', role);
}

async function reconcile(writer: Writer, server: ServerState, resource: string, wanted: Rbac): Promise<void> {
  const info = server.registry.lookup('rbac.authorization.k8s.io', 'v1', resource);
  if (info === undefined) throw new Error(`${resource} are not served`);
  const { name = '', namespace = '' } = wanted.metadata ?? {};
  const key = storageKey(info, namespace, name, server.root);
  const present = server.cache
    .resource(info.storagePrefix ?? '')
    .index.get(key)
    ?.object() as Rbac | undefined;
  if (present !== undefined && completed(present, wanted) === undefined) return;
  try {
    if (present === undefined)
      return await writer.create(resource, namespace, wanted as unknown as ApiObject);
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
  }
  await writer.update(
    resource,
    namespace,
    name,
    (current) => (completed(current, wanted) ?? current) as ApiObject,
  );
}

/** `present` with what it lacks of `wanted`; undefined when it lacks nothing or wants to be left alone. */
export function completed(present: Rbac, wanted: Rbac): Rbac | undefined {
  if (present.metadata?.annotations?.[autoupdateAnnotation] === 'false') return undefined;
  // A binding to another role is what somebody chose; it cannot be changed in place.
  if (wanted.roleRef !== undefined && !sameTree(present.roleRef, wanted.roleRef)) return undefined;
  const rules: readonly PolicyRule[] =
    wanted.aggregationRule === undefined ? missingRules(present.rules ?? [], wanted.rules ?? []) : [];
  const subjects = (wanted.subjects ?? []).filter(
    (subject) => !(present.subjects ?? []).some((known) => isSame(known, subject)),
  );
  const labels = { ...wanted.metadata?.labels, ...present.metadata?.labels };
  const hasLabels = sameTree(labels, present.metadata?.labels ?? {});
  if (rules.length === 0 && subjects.length === 0 && hasLabels) return undefined;
  return {
    ...present,
    metadata: { ...present.metadata, labels },
    ...(rules.length === 0 ? {} : { rules: [...(present.rules ?? []), ...rules] }),
    ...(subjects.length === 0 ? {} : { subjects: [...(present.subjects ?? []), ...subjects] }),
  };
}

function isSame(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
}
