/**
 * patch: a change to the current object, in one of four forms. JSON, merge and strategic patches are computed on the
 * current state at each attempt; server-side apply merges a configuration by ownership, and creates what is not there.
 */
import { mediaType } from '../http/media.ts';
import { storageKey } from '@timonier/api';
import {
  ApplyConflictError,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  applyWithHistory,
  equalButForManagement,
  type JsonObject,
  type ResourceInfo,
} from '@timonier/api';
import { applyDefaults } from '@timonier/api/defaults';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { jsonWord } from '@timonier/api/decode/go-names';
import type { Parsed } from '@timonier/api/json';
import {
  applyConflict,
  conflict,
  failure,
  notFound,
  StatusError,
  unsupportedMediaType,
} from '@timonier/api/statuses';
import { parseBody } from '../pipeline/decode.ts';
import { mutate } from '../pipeline/mutate.ts';
import { changeInVersions, type InVersion, otherVersions } from '../pipeline/owned-versions.ts';
import { managementContext } from '../pipeline/prepare.ts';
import { bad, booleanParameter, fieldValidationParameter } from '../pipeline/query.ts';
import { respondObject } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { readConfiguration } from './applied-configuration.ts';
import { creationInstead } from './create-instead.ts';
import { decodePatched } from './patched-object.ts';
import { afterUpdate, decideUpdate, replaceObject, requireVersion } from './update.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export type PatchForm = keyof typeof patchTypes;

export async function patch(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const form = patchFormFor(exchange.header('content-type'), target.info);
  const parsed = parsePatch(form, await exchange.body());
  if (form === 'apply') {
    await applyPatch(context, parsed);
    return;
  }
  const isCustom = target.info.custom !== undefined;
  const result = await replaceObject(context, (known, copy) => {
    // Decoding a built-in kind makes a new object; a custom one's may share everything with what it was made of.
    const current = isCustom ? copy() : known;
    if (form === 'json') checkOperations(exchange, parsed.value);
    const patched = patchTree(current, form, parsed.value, target.info.schema);
    keepIdentity(patched, current, context);
    const decoded = decodePatched(context, patched, form, parsed);
    if (!isCustom) requireVersion(decoded, context);
    return decoded;
  });
  await respondObject(context, 200, afterUpdate(result));
}

/** Where fields are not looked at, what is no list of operations is found by who carries them out. Throws 400. */
function checkOperations({ query }: RequestContext['exchange'], value: unknown): void {
  if (fieldValidationParameter(query) !== 'Ignore' || value === null || Array.isArray(value)) return;
  throw bad(`json: cannot unmarshal ${jsonWord(value)} into Go value of type jsonpatch.Patch`);
}

/** Throws 400 for what is no JSON or YAML. */
export function parsePatch(form: PatchForm, body: Buffer): Parsed {
  if (form === 'apply')
    return parseBody(
      body,
      'yaml',
      (why) =>
        `error decoding YAML: ${why.startsWith('exceeded') ? '' : 'error converting YAML to JSON: '}${why}`,
    );
  return parseBody(body, 'json', (why) => (form === 'strategic' ? why : `error decoding patch: ${why}`));
}

/** Throws 415; only of custom resources, which know no strategies, it is said which types there are. */
export function patchFormFor(
  contentType: string | undefined,
  { custom }: Pick<ResourceInfo, 'custom'>,
): PatchForm {
  const type = mediaType(contentType);
  for (const [form, known] of Object.entries(patchTypes))
    if (type === known && (custom === undefined || form !== 'strategic')) return form as PatchForm;
  if (custom !== undefined)
    throw new StatusError(unsupportedMediaType([patchTypes.json, patchTypes.merge, patchTypes.apply]));
  throw new StatusError(failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {}));
}

/** Applies one of the three computed patches to a tree. Throws a `PatchError`. */
export function patchTree(
  current: ApiObject,
  form: Exclude<PatchForm, 'apply'>,
  value: unknown,
  schema: RequestContext['target']['info']['schema'],
): ApiObject {
  const original = current as JsonObject;
  if (form === 'json') return applyJsonPatch(original, value);
  if (form === 'merge') return applyMergePatch(original, value);
  // What it says of its kind is not looked at.
  const { kind, apiVersion } = current;
  const patched: ApiObject = applyStrategicMergePatch(original, value, schema);
  if (kind !== undefined) patched.kind = kind;
  if (apiVersion !== undefined) patched.apiVersion = apiVersion;
  return patched;
}

/** What a patch takes away of where an object is stays as it is, but for the name. Throws 400 when it says another. */
function keepIdentity(patched: ApiObject, current: ApiObject, { target }: RequestContext): void {
  const metadata: unknown = patched.metadata ?? {};
  // What is no object is refused as that, when it is decoded; and so is what is no text.
  if (typeof metadata !== 'object' || Array.isArray(metadata)) return;
  const { name, namespace } = metadata as Readonly<Record<string, unknown>>;
  if ((name ?? '') === '')
    throw bad(
      `the name of the object (${target.name} based on URL) was undeterminable: name must be provided`,
    );
  if (typeof name === 'string' && name !== current.metadata?.name)
    throw bad(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  const before = current.metadata?.namespace;
  if (before === undefined || namespace === before) return;
  if ((namespace ?? '') === '') patched.metadata = { ...metadata, namespace: before };
  else if (typeof namespace === 'string')
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
}

async function applyPatch(context: RequestContext, parsed: Parsed): Promise<void> {
  const { exchange, target, server } = context;
  const { info, name, subresource } = target;
  const force = booleanParameter(exchange.query, 'force') ?? false;
  const config = readConfiguration(context, parsed);
  const key = storageKey(info, target.namespace, name, server.root);
  const create = creationInstead(context);
  let created = false;
  const result = await mutate(context, key, async (current) => {
    created = current === undefined;
    if (current === undefined) {
      if (subresource !== '') throw new StatusError(notFound(info, name));
      const { uid = '' } = config.metadata ?? {};
      if (uid !== '') throw new StatusError(conflict(info, name, missingUid(uid)));
      return create(merge(context, undefined, { config, sent: config as JsonObject }, false));
    }
    const old = current.object();
    const merged = await mergeInVersions(context, old, { config, sent: parsed.value as JsonObject }, force);
    return decideUpdate(context, current, old, merged, true);
  });
  await respondObject(context, created ? 201 : 200, afterUpdate(result));
}

function missingUid(uid: string): string {
  return `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
}

interface Configuration {
  /** With the namespace of its path. */
  readonly config: ApiObject;
  readonly sent: JsonObject;
}

/** What somebody owns in another version conflicts with what becomes of it there, which the merge says first. */
async function mergeInVersions(
  context: RequestContext,
  live: ApiObject,
  config: Configuration,
  force: boolean,
): Promise<ApiObject> {
  const { info } = context.target;
  if (otherVersions(info, live).length === 0) return merge(context, live, config, force);
  const outcome = merge(context, live, config, true);
  return merge(context, live, config, force, await changeInVersions(info, live, outcome));
}

function merge(
  context: RequestContext,
  live: ApiObject | undefined,
  { config, sent }: Configuration,
  force: boolean,
  inVersion?: InVersion,
): ApiObject {
  const { info } = context.target;
  try {
    const merged = applyWithHistory(
      live as JsonObject | undefined,
      config as JsonObject,
      managementContext(context, inVersion),
      force,
      sent,
    );
    // What changes nothing gets no defaults either.
    if (info.custom !== undefined && live !== undefined && equalButForManagement(live as JsonObject, merged))
      return merged;
    const { object } = decodeStrict(info, merged);
    if (info.custom === undefined) return applyDefaults(info, object);
    info.custom.applyDefaults(object, true);
    return object;
  } catch (error) {
    throw asConflict(error);
  }
}

/** A conflict between appliers as the 409 that tells of it; any other error as it is. */
export function asConflict(error: unknown): unknown {
  if (!(error instanceof ApplyConflictError)) return error;
  return new StatusError(
    applyConflict(
      error.message,
      error.conflicts.map(({ manager, field }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${manager}`,
        field,
      })),
    ),
  );
}
