/**
 * Says what is wrong with an object. In: a decoded and defaulted object, and on update the one it replaces. Out:
 * field errors, none when it may be stored. The rules of a kind are pure functions under `validation/`.
 */
import type { ApiObject } from './object.ts';
import { apiVersionOf, type ResourceInfo } from './registry.ts';
import { sameJson } from './same-json.ts';
import { validateEnums } from './validation/enums.ts';
import { aside, bounded, formatFieldError, type FieldError } from './validation/field-error.ts';
import { groupRules } from './validation/groups.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';
import {
  validateBinding,
  validateConfigMap,
  validateConfigMapUpdate,
  validateLease,
  validateNamespace,
  validateNamespaceFinalize,
  validateNamespaceStatus,
  validateScale,
  validateSecret,
  validateSecretUpdate,
} from './validation/records.ts';
import { rules, type Rules } from './validation/rules.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from './validation/service.ts';

export { errorBody, formatFieldError, invalidStatus } from './validation/field-error.ts';
export type { FieldError, FieldErrorType } from './validation/field-error.ts';
export * as fieldErrors from './validation/field-error.ts';

const BY_KIND: Readonly<Record<string, Rules>> = {
  ...groupRules,
  'v1/Service': rules(validateService, validateServiceUpdate, {
    subresources: { status: validateServiceStatus },
  }),
  'v1/ConfigMap': rules(validateConfigMap, validateConfigMapUpdate),
  'v1/Secret': rules(validateSecret, validateSecretUpdate),
  'v1/Namespace': rules(validateNamespace, undefined, {
    subresources: { finalize: validateNamespaceFinalize, status: validateNamespaceStatus },
  }),
  'v1/Binding': rules(validateBinding),
  'autoscaling/v1/Scale': rules(validateScale),
  'coordination.k8s.io/v1/Lease': rules(validateLease),
};

/**
 * Every rule for creating (`old` left out) or replacing an object. An update through a subresource such as `status`
 * must come with the parts it cannot change already put back: only its own rules and those of metadata are asked. What
 * is wrong with the old object in the same words may stay so: rules become stricter, and what is stored must still be
 * labelled, scaled and deleted.
 */
export function validate(
  info: ResourceInfo,
  object: ApiObject,
  old?: ApiObject,
  subresource = '',
): FieldError[] {
  return bounded(() => everyError(info, object, old, subresource));
}

function everyError(
  info: ResourceInfo,
  object: ApiObject,
  old: ApiObject | undefined,
  subresource: string,
): FieldError[] {
  const own = BY_KIND[`${apiVersionOf(info)}/${info.kind}`];
  const part = own?.subresources?.[subresource];
  if (info.custom !== undefined) {
    const errors = validateMetadata(info, object);
    if (old !== undefined) errors.push(...validateMetadataUpdate(object, old));
    return distinct([...errors, ...info.custom.validate(object, old, subresource)]);
  }
  if (old === undefined) return distinct(standing(info, own, object, { more: own?.create }));
  const isPart = subresource === 'status' || part !== undefined;
  // Whatever is wrong with a spec that stays as it is may stay so, and need not be found twice.
  const leavesSpec = !isPart && sameJson(object['spec'], old['spec']);
  const rulesOf = (one: ApiObject): FieldError[] =>
    isPart
      ? [...validateMetadata(info, one), ...(part?.(one, old) ?? [])]
      : standing(info, own, one, { leavesSpec });
  const errors = unlessOld(rulesOf(object), () => rulesOf(old));
  const changes = isPart ? [] : (own?.update?.(object, old) ?? []);
  const both =
    own?.changesFirst === true ? [...changes, ...errors] : withMore(errors, changes, own?.changedBefore);
  return distinct([...validateMetadataUpdate(object, old), ...both]);
}

/** What must hold for an object as it stands, whatever it was before; `more` for one that is new. */
function standing(
  info: ResourceInfo,
  own: Rules | undefined,
  object: ApiObject,
  { more, leavesSpec = false }: { readonly more?: Rules['create']; readonly leavesSpec?: boolean },
): FieldError[] {
  const errors = own?.metadataLast === true ? [] : validateMetadata(info, object);
  const found = [...(own?.object?.(object) ?? []), ...(leavesSpec ? [] : (own?.spec?.(object) ?? []))];
  errors.push(...withMore(found, more?.(object) ?? [], own?.createdBefore));
  if (own?.metadataLast === true && errors.length === 0) errors.push(...validateMetadata(info, object));
  const unknown = validateEnums(info.schema, leavesSpec ? withoutSpec(object) : object).filter(
    ({ field }) => !(own?.ownSets ?? []).some((path) => field.startsWith(path)),
  );
  if (unknown.length === 0) return errors;
  // Most kinds say so themselves, in an order and sometimes at a path of their own.
  const said = new Set(errors.map(({ badValue }) => badValue));
  const fields = new Set(errors.map(({ field }) => field));
  return [...errors, ...unknown.filter(({ field, badValue }) => !fields.has(field) && !said.has(badValue))];
}

function withoutSpec({ spec: _spec, ...rest }: ApiObject): ApiObject {
  return rest;
}

/** Errors with others, which come last where no field is told that they come before. */
function withMore(
  errors: readonly FieldError[],
  more: readonly FieldError[],
  before: RegExp | undefined,
): FieldError[] {
  const at = before === undefined ? -1 : errors.findIndex(({ field }) => before.test(field));
  return at < 0 ? [...errors, ...more] : [...errors.slice(0, at), ...more, ...errors.slice(at)];
}

/** The errors that were not there before. */
function unlessOld(errors: FieldError[], before: () => FieldError[]): FieldError[] {
  if (errors.length === 0) return errors;
  const known = new Set(aside(before).map(formatFieldError));
  return errors.filter((error) => !known.has(formatFieldError(error)));
}

function distinct(errors: readonly FieldError[]): FieldError[] {
  const seen = new Set<string>();
  return errors.filter((error) => {
    const text = formatFieldError(error);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
