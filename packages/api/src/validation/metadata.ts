/** The rules of `metadata`, on creation and on update. */
import type { ApiObject } from '../decode.ts';
import type { ObjectMeta, OwnerReference } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPathSegment, checkQualifiedName } from '../names.ts';
import type { ResourceInfo } from '../registry.ts';
import { immutable, labels, same } from './checks.ts';
import { forbidden, invalid, required, tooLong, type FieldError } from './field-error.ts';

const MAX_ANNOTATIONS = 256 * 1024;

/** Kinds whose names are not DNS subdomains. */
const NAME_RULES: Readonly<Record<string, (name: string) => string[]>> = {
  '/Namespace': checkDns1123Label,
  '/Service': checkDns1123Label,
  '/Event': checkPathSegment,
  'events.k8s.io/Event': checkPathSegment,
  'rbac.authorization.k8s.io/Role': checkPathSegment,
  'rbac.authorization.k8s.io/RoleBinding': checkPathSegment,
  'rbac.authorization.k8s.io/ClusterRole': checkPathSegment,
  'rbac.authorization.k8s.io/ClusterRoleBinding': checkPathSegment,
  'apiregistration.k8s.io/APIService': checkPathSegment,
};

/** The check that names of a kind must pass. */
export function nameCheck(info: ResourceInfo): (name: string) => string[] {
  return NAME_RULES[`${info.group}/${info.kind}`] ?? checkDns1123Subdomain;
}

export function validateMetadata(info: ResourceInfo, object: ApiObject): FieldError[] {
  const meta = object.metadata ?? {};
  const errors: FieldError[] = [];
  const check = nameCheck(info);
  if (meta.generateName) {
    // The random suffix ends the name, so a trailing dash is fine.
    const shortened = meta.generateName.replace(/-$/, 'a');
    errors.push(...check(shortened).map((text) => invalid('metadata.generateName', meta.generateName, text)));
  }
  if (!meta.name) {
    if (!meta.generateName) errors.push(required('metadata.name', 'name or generateName is required'));
  } else {
    errors.push(...check(meta.name).map((text) => invalid('metadata.name', meta.name, text)));
  }
  if (info.namespaced) {
    if (!meta.namespace) errors.push(required('metadata.namespace'));
    else {
      errors.push(
        ...checkDns1123Label(meta.namespace).map((text) =>
          invalid('metadata.namespace', meta.namespace, text),
        ),
      );
    }
  } else if (meta.namespace) {
    errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  }
  errors.push(...validateTemplateMetadata(meta, 'metadata'));
  errors.push(...ownerReferences(meta.ownerReferences ?? []));
  for (const finalizer of meta.finalizers ?? []) {
    for (const text of finalizerProblems(finalizer)) {
      errors.push(invalid('metadata.finalizers', finalizer, text));
    }
  }
  return errors;
}

const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function finalizerProblems(finalizer: string): string[] {
  const problems = checkQualifiedName(finalizer);
  if (problems.length === 0 && !finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
    return ['name is neither a standard finalizer name nor is it fully qualified'];
  }
  return problems;
}

/** Labels and annotations: also of pod templates, which have no name. */
export function validateTemplateMetadata(meta: ObjectMeta, path: string): FieldError[] {
  const errors = labels(`${path}.labels`, meta.labels);
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    for (const text of checkQualifiedName(key.toLowerCase())) {
      errors.push(invalid(`${path}.annotations`, key, text));
    }
  }
  if (size > MAX_ANNOTATIONS) errors.push(tooLong(`${path}.annotations`, MAX_ANNOTATIONS));
  return errors;
}

function ownerReferences(references: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  let controller: OwnerReference | undefined;
  for (const [i, reference] of references.entries()) {
    const at = `metadata.ownerReferences[${i}]`;
    const version = reference.apiVersion?.split('/').at(-1) ?? '';
    if (version === '') {
      errors.push(invalid(`${at}.apiVersion`, reference.apiVersion ?? '', 'version must not be empty'));
    }
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!reference[field])
        errors.push(invalid(`${at}.${field}`, reference[field] ?? '', 'must not be empty'));
    }
    if (reference.controller === true) {
      if (controller === undefined) controller = reference;
      else {
        errors.push(
          invalid(
            'metadata.ownerReferences',
            references,
            `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${reference.kind}/${reference.name}`,
          ),
        );
      }
    }
  }
  return errors;
}

/** What an update may not change. */
export function validateMetadataUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const now = object.metadata ?? {};
  const before = old.metadata ?? {};
  const errors: FieldError[] = [];
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    errors.push(...immutable(`metadata.${field}`, now[field], before[field]));
  }
  if (before.deletionTimestamp !== undefined) {
    const added = (now.finalizers ?? []).filter((f) => !(before.finalizers ?? []).includes(f));
    if (added.length > 0) {
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
        ),
      );
    }
  }
  if (!same(now.deletionTimestamp, before.deletionTimestamp)) {
    errors.push(...immutable('metadata.deletionTimestamp', now.deletionTimestamp, before.deletionTimestamp));
  }
  return errors;
}
