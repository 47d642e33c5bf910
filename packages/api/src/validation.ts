/**
 * Says what is wrong with an object. In: a decoded and defaulted object, and on update the one it replaces. Out:
 * field errors, none when it may be stored. The rules of a kind are pure functions under `validation/`.
 */
import type { ApiObject } from './decode.ts';
import { apiVersionOf, type ResourceInfo } from './registry.ts';
import { validateEnums } from './validation/enums.ts';
import { bounded, formatFieldError, type FieldError } from './validation/field-error.ts';
import { groupRules } from './validation/groups.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation/network.ts';
import {
  validateBinding,
  validateConfigMap,
  validateConfigMapUpdate,
  validateEvent,
  validateLease,
  validateNamespace,
  validateNode,
  validateNodeUpdate,
  validateScale,
  validateSecret,
  validateSecretUpdate,
} from './validation/records.ts';
import { rules, type Rules } from './validation/rules.ts';
import { validateService, validateServiceUpdate } from './validation/service.ts';

export { errorBody, formatFieldError, invalidStatus } from './validation/field-error.ts';
export type { FieldError, FieldErrorType } from './validation/field-error.ts';
export * as fieldErrors from './validation/field-error.ts';

const BY_KIND: Readonly<Record<string, Rules>> = {
  ...groupRules,
  'v1/Service': rules(validateService, validateServiceUpdate),
  'v1/ConfigMap': rules(validateConfigMap, validateConfigMapUpdate),
  'v1/Secret': rules(validateSecret, validateSecretUpdate),
  'v1/Namespace': rules(validateNamespace),
  'v1/Node': rules(validateNode, validateNodeUpdate),
  'v1/Event': rules(validateEvent),
  'v1/Binding': rules(validateBinding),
  'autoscaling/v1/Scale': rules(validateScale),
  'discovery.k8s.io/v1/EndpointSlice': rules(validateEndpointSlice, validateEndpointSliceUpdate),
  'coordination.k8s.io/v1/Lease': rules(validateLease),
};

/**
 * Every rule for creating (`old` left out) or replacing an object. An update through a subresource such as `status`
 * must come with the parts it cannot change already put back: only its own rules and those of metadata are asked.
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
  const errors = validateMetadata(info, object);
  if (old !== undefined) errors.push(...validateMetadataUpdate(object, old));
  if (info.custom !== undefined) return distinct([...errors, ...info.custom.validate(object, old)]);
  const part = own?.subresources?.[subresource];
  if (old !== undefined && (subresource === 'status' || part !== undefined))
    return distinct([...errors, ...(part?.(object, old) ?? [])]);
  errors.push(...validateEnums(info.schema, object));
  errors.push(...(own?.object?.(object) ?? []));
  if (old === undefined) errors.push(...(own?.create?.(object) ?? []));
  if (old !== undefined) errors.push(...(own?.update?.(object, old) ?? []));
  return distinct(errors);
}

/** The rules of a kind alone, for bodies of subresources such as Binding and Scale. */
export function validateBody(
  type: { readonly group: string; readonly version: string; readonly kind: string },
  object: ApiObject,
): FieldError[] {
  return bounded(() => BY_KIND[`${apiVersionOf(type)}/${type.kind}`]?.object?.(object) ?? []);
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
