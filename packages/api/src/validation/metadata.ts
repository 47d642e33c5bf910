/** The rules of `metadata`, on creation and on update. */
import type { ApiObject } from '../object.ts';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPathSegment, checkQualifiedName } from '../names.ts';
import { firstUnprintable } from '../go-quoted.ts';
import type { ResourceInfo } from '../registry.ts';
import { address } from './addresses.ts';
import { IMMUTABLE, invalidBy, labels, nonNegative, qualifiedName, sizeOf } from './checks.ts';
import { forbidden, invalid, required, tooLong, type FieldError } from './field-error.ts';

const MAX_ANNOTATIONS = 256 * 1024;

/** The same rule, in the words of kinds whose rules upstream generates. */
function subdomainInBytes(name: string): string[] {
  return checkDns1123Subdomain(name).map((text) =>
    text.replace(/^(must be no more than \d+) characters$/, '$1 bytes'),
  );
}

/** Kinds whose names are not DNS subdomains, or are in other words. */
const NAME_RULES: Readonly<Record<string, (name: string) => string[]>> = {
  '/ReplicationController': subdomainInBytes,
  'resource.k8s.io/DeviceClass': subdomainInBytes,
  '/Namespace': checkDns1123Label,
  '/Service': checkDns1123Label,
  'apps/StatefulSet': checkDns1123Label,
  'networking.k8s.io/IPAddress': (name) => address('', name).map(({ detail }) => detail),
  'certificates.k8s.io/CertificateSigningRequest': checkPathSegment,
  '/Event': checkPathSegment,
  'policy/PodDisruptionBudget': checkPathSegment,
  'rbac.authorization.k8s.io/Role': checkPathSegment,
  'rbac.authorization.k8s.io/RoleBinding': checkPathSegment,
  'rbac.authorization.k8s.io/ClusterRole': checkPathSegment,
  'rbac.authorization.k8s.io/ClusterRoleBinding': checkPathSegment,
  'apiregistration.k8s.io/APIService': checkPathSegment,
};

/** The check that names of a kind must pass. */
function nameCheck(info: ResourceInfo): (name: string) => string[] {
  return NAME_RULES[`${info.group}/${info.kind}`] ?? checkDns1123Subdomain;
}

export function validateMetadata(info: ResourceInfo, object: ApiObject): FieldError[] {
  const meta = object.metadata ?? {};
  const errors: FieldError[] = [];
  const check = nameCheck(info);
  if (meta.generateName) {
    // The random suffix ends the name, so a trailing dash is fine.
    const shortened = meta.generateName.replace(/-$/, 'a');
    errors.push(...invalidBy(check(shortened), 'metadata.generateName', meta.generateName));
  }
  if (!meta.name) {
    if (!meta.generateName) errors.push(required('metadata.name', 'name or generateName is required'));
  } else errors.push(...invalidBy(check(meta.name), 'metadata.name', meta.name));
  if (info.namespaced) {
    if (!meta.namespace) errors.push(required('metadata.namespace'));
    else errors.push(...invalidBy(checkDns1123Label(meta.namespace), 'metadata.namespace', meta.namespace));
  } else if (meta.namespace) errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  errors.push(...commonMetadata(meta, 'metadata', info.custom === undefined));
  return errors;
}

function commonMetadata(meta: ObjectMeta, path: string, isBuiltIn: boolean): FieldError[] {
  const errors = nonNegative(`${path}.generation`, meta.generation);
  errors.push(...validateTemplateMetadata(meta, path));
  if (meta.ownerReferences !== undefined)
    errors.push(...ownerReferences(meta.ownerReferences, `${path}.ownerReferences`));
  if (meta.finalizers !== undefined)
    errors.push(...finalizers(meta.finalizers, isBuiltIn, `${path}.finalizers`));
  if (meta.managedFields !== undefined)
    errors.push(...managedFieldsErrors(meta.managedFields, `${path}.managedFields`));
  return errors;
}

/** The metadata of an object inside of another one: of any kind, and it need not have a name. */
export function validatePartialMetadata(meta: ObjectMeta, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name, generateName, namespace } = meta;
  if (generateName)
    errors.push(
      ...invalidBy(checkPathSegment(generateName.replace(/-$/, 'a')), `${path}.generateName`, generateName),
    );
  if (name) errors.push(...invalidBy(checkPathSegment(name), `${path}.name`, name));
  if (namespace) errors.push(...invalidBy(checkDns1123Label(namespace), `${path}.namespace`, namespace));
  return [...errors, ...commonMetadata(meta, path, false)];
}

const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Built-in kinds take names without a domain only where they are the garbage collector's own. */
function finalizers(list: readonly string[], isBuiltIn: boolean, path: string): FieldError[] {
  const errors = list.flatMap((finalizer) => qualifiedName(path, finalizer));
  if (list.includes('orphan') && list.includes('foregroundDeletion'))
    errors.push(invalid(path, list, 'finalizer orphan and foregroundDeletion cannot be both set'));
  if (isBuiltIn)
    for (const [i, finalizer] of list.entries())
      errors.push(...standardFinalizer(`${path}[${i}]`, finalizer));
  return errors;
}

function standardFinalizer(field: string, finalizer: string): FieldError[] {
  if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) return [];
  return [invalid(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
}

/** One of the finalizers of a namespace's `spec`. */
export function finalizerName(field: string, finalizer: string): FieldError[] {
  return [...qualifiedName(field, finalizer), ...standardFinalizer(field, finalizer)];
}

const MAX_MANAGER = 128;
const MAX_SUBRESOURCE = 256;

/** What is wrong with who is said to own an object's fields. */
export function managedFieldsErrors(entries: readonly ManagedFieldsEntry[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { operation, fieldsType, manager = '', subresource = '' }] of entries.entries()) {
    const at = `${path}[${i}]`;
    if (operation !== 'Apply' && operation !== 'Update')
      errors.push(invalid(`${at}.operation`, operation ?? '', 'must be `Apply` or `Update`'));
    if (fieldsType && fieldsType !== 'FieldsV1')
      errors.push(invalid(`${at}.fieldsType`, fieldsType, 'must be `FieldsV1`'));
    if (Buffer.byteLength(manager) > MAX_MANAGER) errors.push(tooLong(`${at}.manager`, MAX_MANAGER));
    const unprintable = firstUnprintable(manager);
    if (unprintable !== undefined)
      errors.push(invalid(`${at}.manager`, manager, `invalid character ${unprintable}`));
    if (Buffer.byteLength(subresource) > MAX_SUBRESOURCE)
      errors.push(tooLong(`${at}.subresource`, MAX_SUBRESOURCE));
  }
  return errors;
}

/** Labels and annotations: also of pod templates, which have no name. */
export function validateTemplateMetadata(meta: ObjectMeta, path: string): FieldError[] {
  const errors = meta.labels === undefined ? [] : labels(`${path}.labels`, meta.labels);
  if (meta.annotations !== undefined) errors.push(...annotations(meta.annotations, `${path}.annotations`));
  return errors;
}

function annotations(map: Readonly<Record<string, string>>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(map)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    errors.push(...invalidBy(checkQualifiedName(key.toLowerCase()), path, key));
  }
  if (size > MAX_ANNOTATIONS) errors.push(tooLong(path, MAX_ANNOTATIONS));
  return errors;
}

function ownerReferences(references: readonly Partial<OwnerReference>[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: Partial<OwnerReference> | undefined;
  for (const reference of references) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
    if (apiVersion.split('/').length > 2 || apiVersion.endsWith('/') || apiVersion === '')
      errors.push(invalid(`${path}.apiVersion`, apiVersion, 'version must not be empty'));
    if (kind === '') errors.push(invalid(`${path}.kind`, kind, 'must not be empty'));
    if (name === '') errors.push(invalid(`${path}.name`, name, 'must not be empty'));
    if (uid === '') errors.push(invalid(`${path}.uid`, uid, 'must not be empty'));
    if (apiVersion === 'v1' && kind === 'Event')
      errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'));
    if (reference.controller !== true) continue;
    if (controller === undefined) controller = reference;
    else
      errors.push(
        invalid(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${kind}/${name}`,
        ),
      );
  }
  return errors;
}

/** What an update may not change. */
export function validateMetadataUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const now = object.metadata ?? {};
  const before = old.metadata ?? {};
  const errors: FieldError[] = [];
  if (before.deletionTimestamp !== undefined) {
    const kept = new Set(before.finalizers);
    const added = (now.finalizers ?? []).filter((f) => !kept.has(f)).sort();
    if (added.length > 0) {
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
        ),
      );
    }
  }
  if (sizeOf(now.generation ?? 0) < sizeOf(before.generation ?? 0))
    errors.push(invalid('metadata.generation', now.generation, 'must not be decremented'));
  for (const field of FIXED)
    if (now[field] !== before[field]) errors.push(invalid(`metadata.${field}`, now[field], IMMUTABLE));
  return errors;
}

const FIXED = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;
