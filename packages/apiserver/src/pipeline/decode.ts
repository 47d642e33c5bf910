/**
 * Bodies to objects: JSON, YAML or protobuf in, an object in normal form with its kind's defaults out. Unknown and
 * duplicate fields are an error, a warning or nothing, as `fieldValidation` says.
 */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import {
  type ApiObject,
  decodeAs,
  decodeStrict,
  NotDecodable,
  strictDecodingError,
} from '@timonier/api/decode';
import { jsonWord } from '@timonier/api/decode/go-names';
import { JsonError, NumberRangeError, type Parsed, parseJson } from '@timonier/api/json';
import { decodeProtobuf, ProtobufError, schemaOfKind } from '@timonier/api/protobuf';
import { parseYaml } from '@timonier/api/yaml';
import { applyDefaults } from '@timonier/api/defaults';
import type { StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import { bodyMedia, type Media } from '../http/media.ts';
import { bad, fieldValidationParameter } from './query.ts';

/** The object of a create or update, decoded and defaulted. */
export async function decodeObject(exchange: Exchange, info: ResourceInfo): Promise<ApiObject> {
  const body = await exchange.body();
  const media = bodyMedia(exchange.header('content-type'));
  const parsed = parseBody(body, media, (why, isOutOfRange) => {
    // What it is can be read all the same.
    if (isOutOfRange) return new NotDecodable(info.kind, info.version, info.kind, why).message;
    const what = media === 'json' ? `couldn't get version/kind; json parse error: ${why}` : why;
    return `the object provided is unrecognized (must be of type ${info.kind}): ${what} (${excerpt(body)})`;
  });
  if (media !== 'protobuf') checkBody(info, parsed, body);
  if (info.custom !== undefined && media !== 'protobuf') requireType(exchange, info, parsed, body);
  return decodeParsed(exchange, info, parsed);
}

/** What upstream reads first of anything: what it is. */
const typeStruct =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

type Kind = Pick<ResourceInfo, 'group' | 'version' | 'kind'>;

/** Throws 400 for what cannot even be asked what it is. */
function checkBody(info: Kind, { value }: Parsed, body: Buffer): void {
  if (value === null) return;
  const unrecognized = (why: string): StatusError =>
    bad(`the object provided is unrecognized (must be of type ${info.kind}): ${why} (${excerpt(body)})`);
  const unreadable = (what: unknown, into: string): StatusError =>
    unrecognized(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonWord(what)} into ${into}`,
    );
  if (typeof value !== 'object' || Array.isArray(value)) throw unreadable(value, typeStruct);
  const { apiVersion, kind } = value as Readonly<Record<string, unknown>>;
  for (const [field, given] of Object.entries({ apiVersion, kind }))
    if (given !== undefined && given !== null && typeof given !== 'string')
      throw unreadable(given, `Go struct field .${field} of type string`);
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2)
    throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`);
}

/** Of a custom resource nobody but itself can say what it is. Throws 400 when it does not. */
function requireType(exchange: Exchange, info: ResourceInfo, { value }: Parsed, body: Buffer): void {
  const { apiVersion = '', kind = '' } = (value ?? {}) as Partial<ApiObject>;
  if (kind === '') {
    const why = `Object 'Kind' is missing in '${body.toString()}'`;
    throw fieldValidationParameter(exchange.query) === 'Ignore'
      ? new NotDecodable(info.kind, info.version, info.kind, why)
      : bad(`the object provided is unrecognized (must be of type ${info.kind}): ${why} (${excerpt(body)})`);
  }
  if (apiVersion === '')
    throw bad(
      `the API version in the data () does not match the expected API version (${apiVersionOf(info)})`,
    );
}

/** The same for a value that is already parsed, such as the outcome of a patch. */
export function decodeParsed(exchange: Exchange, info: ResourceInfo, parsed: Parsed): ApiObject {
  if (info.custom === undefined) checkKind(info, parsed.value);
  const { object, problems } = decodeStrict(info, parsed.value, parsed.duplicates);
  report(exchange, info, problems);
  return applyDefaults(info, object);
}

/** Throws when an object is of another kind than the resource's, or of that name in another group. */
function checkKind(info: Kind, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const { apiVersion, kind } = value as Readonly<Record<string, unknown>>;
  const given = {
    apiVersion: typeof apiVersion === 'string' && apiVersion !== '' ? apiVersion : apiVersionOf(info),
    kind: typeof kind === 'string' && kind !== '' ? kind : info.kind,
  };
  const [group, version] = given.apiVersion.includes('/')
    ? given.apiVersion.split('/')
    : ['', given.apiVersion];
  const isKnown = schemaOfKind(given.apiVersion, given.kind) !== undefined;
  if (
    given.kind === info.kind &&
    group === info.group &&
    (isKnown || given.apiVersion === apiVersionOf(info))
  )
    return;
  // As upstream calls the inner form of a group.
  const own = `${info.group.split('.')[0] || 'core'}.${info.kind}`;
  throw new NotDecodable(
    given.kind,
    version ?? '',
    info.kind,
    isKnown
      ? `converting (${version}.${given.kind}) to (${own}): unknown conversion`
      : `no kind "${given.kind}" is registered for version "${given.apiVersion}" in scheme "pkg/runtime/scheme.go:111"`,
  );
}

/** Versions in which a kind is known as well: read as if they were its own, or refused by name. */
interface OlderVersions {
  readonly read?: readonly string[];
  readonly refused?: readonly string[];
}

/**
 * The body of a subresource that takes objects of a kind of its own. Everything else is refused, and what has fields too many
 * is reported.
 */
export async function decodeOwnBody(
  exchange: Exchange,
  own: Kind,
  { read = [], refused = [] }: OlderVersions = {},
): Promise<ApiObject> {
  const body = await exchange.body();
  const media = bodyMedia(exchange.header('content-type'));
  const parsed = parseBody(body, media, (why) => {
    const what = media === 'json' ? `couldn't get version/kind; json parse error: ${why}` : why;
    return `the object provided is unrecognized (must be of type ${own.kind}): ${what} (${excerpt(body)})`;
  });
  if (media !== 'protobuf') checkBody(own, parsed, body);
  const { apiVersion = '' } = (parsed.value ?? {}) as Partial<ApiObject>;
  const type = { apiVersion: apiVersionOf(own), kind: own.kind };
  const schema = schemaOfKind(type.apiVersion, type.kind);
  if (schema === undefined) throw new Error(`${type.apiVersion} ${type.kind} is not known`);
  const isRead = read.includes(apiVersion);
  if (!isRead && !refused.includes(apiVersion)) checkKind(own, parsed.value);
  const value = isRead ? { ...(parsed.value as ApiObject), apiVersion: type.apiVersion } : parsed.value;
  const { object, problems } = decodeAs(schema, type, value, parsed.duplicates);
  report(exchange, own, problems);
  return object;
}

/** A kind that a body may be. */
export interface BodyKind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** The body of a review; `kinds` are the kinds it may be, with their versions. */
export function decodeBodyAs(body: Buffer, media: Media, kinds: readonly BodyKind[]): ApiObject {
  const parsed = parseBody(body, media, (why) => `couldn't get version/kind; json parse error: ${why}`);
  const given = parsed.value as Partial<ApiObject> | null;
  const expected =
    kinds.find((known) => known.apiVersion === given?.apiVersion && known.kind === given?.kind) ?? kinds[0];
  const schema = expected === undefined ? undefined : schemaOfKind(expected.apiVersion, expected.kind);
  if (expected === undefined || schema === undefined)
    throw bad('the body is of a kind that is not known here');
  return decodeAs(schema, expected, parsed.value, parsed.duplicates).object;
}

/**
 * The options of a delete, in the name of whatever version: each group has them as its own, and programs name the one
 * whose objects they delete.
 */
export function decodeDeleteOptions(body: Buffer, media: Media): ApiObject {
  const type = { apiVersion: 'v1', kind: 'DeleteOptions' };
  const { value, duplicates } = parseBody(
    body,
    media,
    (why) => `couldn't get version/kind; json parse error: ${why}`,
  );
  const schema = schemaOfKind(type.apiVersion, type.kind);
  if (schema === undefined) throw new Error('DeleteOptions are not known');
  if (value === null) return optionsOf(schema, type, value, duplicates);
  if (typeof value !== 'object' || Array.isArray(value))
    throw bad(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonWord(value)} into ${typeStruct}`,
    );
  const { apiVersion = '', kind = '', ...rest } = value as Readonly<Record<string, unknown>>;
  // Of another type they are wrong like any other field.
  if (typeof apiVersion !== 'string' || typeof kind !== 'string')
    return optionsOf(schema, type, value, duplicates);
  if (kind !== '' && kind !== type.kind)
    throw bad(
      `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/runtime/scheme.go:111"`,
    );
  return optionsOf(schema, type, rest, duplicates);
}

/** Options are told what is wrong with them without the name of their kind. */
function optionsOf(...given: Parameters<typeof decodeAs>): ApiObject {
  try {
    return decodeAs(...given).object;
  } catch (error) {
    throw error instanceof NotDecodable ? bad(error.why) : error;
  }
}

const excerptBytes = 30;

/** The beginning of a body, as texts about it show it: JSON as it is, anything else in hexadecimal. */
function excerpt(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const start = body.subarray(0, excerptBytes);
  const shown = start.toString(body[0] === 0x7b ? 'utf8' : 'hex');
  return body.length > excerptBytes ? `${shown} ...` : shown;
}

/** Parses a body whose kind does not matter yet. Throws 400 with what `refusal` makes of the parser's word. */
export function parseBody(
  body: Buffer,
  media: Media,
  refusal: (why: string, isOutOfRange: boolean) => string = (why) => `unable to parse the body: ${why}`,
): Parsed {
  try {
    if (media === 'json') return parseJson(body);
    if (media === 'yaml') return parseYaml(body);
    return { value: decodeProtobuf(body).object, duplicates: [] };
  } catch (error) {
    if (error instanceof JsonError || error instanceof ProtobufError || error instanceof SyntaxError)
      throw bad(refusal(error.message, error instanceof NumberRangeError));
    throw error;
  }
}

function report(exchange: Exchange, info: Kind, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const mode = fieldValidationParameter(exchange.query);
  if (mode === 'Strict') throw strictDecodingError(info, problems);
  if (mode === 'Warn') for (const problem of problems.slice(0, 16)) exchange.warn(problem);
}

/** `apiVersion` and `kind` of a resource. */
export function typeOf(info: ResourceInfo): { apiVersion: string; kind: string } {
  return { apiVersion: apiVersionOf(info), kind: info.kind };
}
