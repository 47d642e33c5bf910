/**
 * The configuration that a server-side apply sends: checked against the schema, but neither defaulted nor completed. What
 * it is comes first, then whether its values can be owned, and then what they say.
 */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import { type ApiObject, decodeStrict, strictDecodingError } from '@timonier/api/decode';
import type { Parsed } from '@timonier/api/json';
import { notMap } from '@timonier/api/patch/json-patch';
import { placeObject } from '../pipeline/prepare.ts';
import { bad, fieldValidationParameter } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { copyOf } from '../storage/copy.ts';
import { checkAppliedType, converted } from './applied-type.ts';

const mustNotOwn = 'metadata.managedFields must be nil';

/** Throws 400. */
export function readConfiguration(context: RequestContext, parsed: Parsed): ApiObject {
  const { exchange, target } = context;
  const { info } = target;
  const given = appliedFields(parsed.value ?? {});
  checkKind(info, given);
  // An owner is nobody's to give, not even by an empty list.
  if (Array.isArray(given.metadata?.managedFields)) throw bad(mustNotOwn);
  checkAppliedType(info, given);
  const { problems } = converted(info, given, () => decodeStrict(info, given, parsed.duplicates));
  const mode = fieldValidationParameter(exchange.query);
  if (problems.length > 0 && mode === 'Strict') throw strictDecodingError(info, problems);
  const config = copyOf(given);
  if (mode === 'Warn') for (const problem of problems) exchange.warn(problem);
  placeObject(config, context, target.name);
  return config;
}

/** Throws 400 for what has no fields. */
function appliedFields(value: unknown): ApiObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${notMap(value)}`);
  // Not that of any kind yet.
  return value as ApiObject;
}

/** A configuration says itself what it is; what is no text says nothing. Throws 400. */
function checkKind(info: ResourceInfo, given: ApiObject): void {
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  const [apiVersion, kind] = [textOf(given.apiVersion), textOf(given.kind)];
  const isKnown =
    info.custom === undefined
      ? kind !== '' && apiVersion !== ''
      : apiVersion === apiVersionOf(info) && kind === info.kind;
  if (!isKnown) throw bad(`invalid object type: ${apiVersion === '' ? '/' : apiVersion}, Kind=${kind}`);
}
