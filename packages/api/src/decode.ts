/**
 * From any JSON value to a typed object: checks every value's type against the schema, drops what the schema does
 * not know (and says so), and gives values their one form (quantities canonical, times in UTC, absent for null).
 * In: a value, not trusted. Out: a fresh object in normal form, and the problems that strict field validation
 * reports. A wrong type is an error at once: a 400 with the path. Never changes its input.
 */
import type { ResourceInfo } from './registry.ts';
import { apiVersionOf } from './registry.ts';
import { DecodeError } from './decode/decode-error.ts';
import { jsonWord } from './decode/go-names.ts';
import { decodeFields, decodeValue, newWalk, planOf, type Walk } from './decode/walk.ts';
import { type DoubledKeys, MAX_PROBLEMS } from './json.ts';
import type { ApiObject, Decoded } from './object.ts';
import type { Schema } from './schema.ts';
import { badRequest, StatusError } from './statuses.ts';
import { listedProblems } from './yaml-complaints.ts';

export { asSent } from './decode/absence.ts';
export { DecodeError } from './decode/decode-error.ts';
export type { ApiObject, Decoded } from './object.ts';

/** The 400 of a value that is not what its kind says; `why` is the text without the kind in front. */
export class NotDecodable extends StatusError {
  readonly why: string;
  /** The same of a tree that a strategic patch made. */
  readonly ofTree: string;
  constructor(given: string, version: string, kind: string, why: string, ofTree: string = why) {
    super(badRequest(`${given} in version "${version}" cannot be handled as a ${kind}: ${why}`));
    this.why = why;
    this.ofTree = ofTree;
  }
}

/**
 * Decodes a body for a resource; `duplicates` come from the parser. Throws a `StatusError` (400) when a value has
 * the wrong type, or `apiVersion` or `kind` are not the resource's; when they are missing they are filled in.
 */
export function decodeStrict(info: ResourceInfo, value: unknown, duplicates: DoubledKeys = []): Decoded {
  if (info.custom !== undefined) return info.custom.decode(value, duplicates);
  return decodeAs(info.schema, { apiVersion: apiVersionOf(info), kind: info.kind }, value, duplicates);
}

/** The same for any message, such as the body of a subresource. */
export function decodeAs(
  schema: Schema,
  expected: { readonly apiVersion: string; readonly kind: string },
  value: unknown,
  duplicates: DoubledKeys = [],
): Decoded {
  const version = expected.apiVersion.split('/').at(-1) ?? '';
  const refuse = (kind: string, text: string, ofTree?: string): StatusError =>
    new NotDecodable(kind, version, expected.kind, text, ofTree);
  // As in Go, null says nothing of what an object is.
  const given = value ?? {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw refuse(
      expected.kind,
      `json: cannot unmarshal ${jsonWord(value)} into Go value of type ${version}.${expected.kind}`,
    );
  }
  const { apiVersion, kind } = given as ApiObject;
  if (typeof apiVersion === 'string' && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    throw new StatusError(
      badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
      ),
    );
  }
  if (typeof kind === 'string' && kind !== '' && kind !== expected.kind) {
    throw refuse(kind, `the kind in the data (${kind}) does not match the expected kind (${expected.kind})`);
  }
  const walk: Walk = {
    problems: [],
    place: [],
    owner: expected.kind,
    messages: 0,
    root: schema,
  };
  // What the value says of these was looked at.
  const object: ApiObject = { kind: expected.kind, apiVersion: expected.apiVersion };
  try {
    decodeFields(schema, given, walk, object);
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(expected.kind, error.message, error.ofTree);
    throw error;
  }
  return { object, problems: together(duplicates, walk.problems).slice(0, MAX_PROBLEMS) };
}

/** As upstream's decoders meet them: that of JSON in the order of the text, others look for doubled keys first. */
function together(duplicates: DoubledKeys, others: readonly string[]): readonly string[] {
  if (duplicates.length > 0 && others.length > 0 && duplicates.inOrder !== undefined)
    return duplicates.inOrder(others);
  return [...duplicates, ...others];
}

/** The 400 that strict field validation answers problems with. */
export function strictDecodingError(
  type: { readonly version: string; readonly kind: string },
  problems: readonly string[],
): StatusError {
  return new NotDecodable(
    type.kind,
    type.version,
    type.kind,
    `strict decoding error: ${listedProblems(problems).join(', ')}`,
  );
}

/**
 * A part of an object that is decoded on its own, such as metadata; `problems` gets those found, below `at`. Throws a
 * `DecodeError` on a wrong type.
 */
export function decodePart(schema: Schema, value: unknown, at: string, problems: string[]): unknown {
  const walk: Walk = { ...newWalk(planOf(schema).name), root: schema };
  const part = decodeValue(schema, value, walk);
  for (const problem of walk.problems) problems.push(problem.replace('"', `"${at}.`));
  return part;
}

/** Brings a value into the schema's normal form without reporting problems; throws a `DecodeError` on a wrong type. */
export function normalize(schema: Schema, value: unknown): unknown {
  return decodeValue(schema, value, newWalk(planOf(schema).name));
}
