/** Custom resource definitions: their names in the API, and small questions about them. */
import { type CustomResourceDefinition, registry } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';

export const definitionGroup = 'apiextensions.k8s.io';
export const definitionPlural = 'customresourcedefinitions';
/** Where definitions lie in the store, below the root. */
export const definitionPrefix = 'apiextensions.k8s.io/customresourcedefinitions';
/** Keeps a definition until the last of its resources is gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export type Definition = CustomResourceDefinition;
export type Condition = NonNullable<NonNullable<Definition['status']>['conditions']>[number];

export function asDefinition(object: ApiObject): Definition {
  return object as unknown as Definition;
}

export function nameOf(definition: Definition): string {
  return definition.metadata?.name ?? '';
}

export function isTerminating(definition: Definition): boolean {
  return definition.metadata?.deletionTimestamp !== undefined;
}

export function hasCondition(definition: Definition, type: string): boolean {
  return definition.status?.conditions?.some((c) => c.type === type && c.status === 'True') === true;
}

/** The version whose form is stored. */
export function storageVersionOf(definition: Definition): string {
  return definition.spec.versions.find(({ storage }) => storage)?.name ?? '';
}

/** Where the resources of a definition lie in the store, below the root. */
export function storagePrefixOf({ spec }: Definition): string {
  return `${spec.group}/${spec.names.plural}`;
}

const builtInPrefixes: ReadonlySet<string | undefined> = new Set(
  registry.all().map(({ storagePrefix }) => storagePrefix),
);

/** Whether objects of a built-in kind lie where those of a definition would: what is there is not the definition's. */
export function overlapsBuiltIn(definition: Definition): boolean {
  return builtInPrefixes.has(storagePrefixOf(definition));
}

/** `conditions` with one of a type set; the time changes only when the status does. */
export function withCondition(
  conditions: readonly Condition[],
  { type, status, reason, message }: { type: string; status: string; reason: string; message: string },
  now: string,
): Condition[] {
  const before = conditions.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  const next: Condition = { type, status, lastTransitionTime, reason, message };
  return before === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition === before ? next : condition));
}
