/** From any JSON value to a custom resource: metadata is every kind's, the rest is the schema's. */
import { apiVersionOf, fieldErrors, invalidStatus, messageSchema, type ObjectMeta } from '@timonier/api';
import {
  type ApiObject,
  decodeAs,
  type Decoded,
  DecodeError,
  decodePart,
  NotDecodable,
} from '@timonier/api/decode';
import type { DoubledKeys } from '@timonier/api/json';
import { StatusError } from '@timonier/api/statuses';
import { readEmbedded } from './embedded.ts';
import { isObject, type JsonSchema } from './json-schema.ts';
import { prunedObject } from './prune.ts';

const typeSchema = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata');
const metadataSchema = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/** Throws a `StatusError` when the value is of another kind, or its metadata cannot be read. */
export function decodeCustom(
  schema: JsonSchema,
  type: { group: string; version: string; kind: string },
  value: unknown,
  duplicates: DoubledKeys,
): Decoded {
  const expected = { apiVersion: apiVersionOf(type), kind: type.kind };
  if (!isObject(value)) return decodeAs(typeSchema, expected, value, duplicates);
  const { apiVersion, kind, metadata } = value;
  if (typeof kind === 'string' && kind !== '' && kind !== type.kind)
    throw anotherKind(type.group, kind, type.kind, metadata);
  const problems = [...decodeAs(typeSchema, expected, { apiVersion, kind }, duplicates).problems];
  const unknown: string[] = [];
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata: _metadata,
    ...rest
  } = prunedObject(schema, value, unknown);
  try {
    const known = metadata === undefined || metadata === null ? {} : metadata;
    const object: ApiObject = {
      ...expected,
      metadata: decodePart(metadataSchema, known, 'metadata', problems) as ObjectMeta,
      ...rest,
    };
    readEmbedded(schema, rest);
    return { object, problems: [...problems, ...unknown.sort()].slice(0, 100) };
  } catch (error) {
    if (error instanceof DecodeError)
      throw new NotDecodable(type.kind, type.version, type.kind, error.message);
    throw error;
  }
}

/** Upstream reads an object of any kind, and says then that it is not the right one. */
function anotherKind(group: string, given: string, wanted: string, metadata: unknown): StatusError {
  const name = isObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
  return new StatusError(
    invalidStatus({ group, kind: given }, name, [fieldErrors.invalid('kind', given, `must be ${wanted}`)]),
  );
}
