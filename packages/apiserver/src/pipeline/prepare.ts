/**
 * What the server itself writes into an object: identity and times at its creation, what must not change over updates,
 * the generation, and the ownership of fields. Pure but for the clock and random names, which come from outside.
 */
import { randomInt, randomUUID } from 'node:crypto';
import {
  apiVersionOf,
  fieldSetOf,
  type FieldSet,
  type JsonObject,
  type ResourceInfo,
  statusAnnotations,
  trackUpdate,
} from '@timonier/api';
import type { ManagementContext, ObjectMeta, Schema } from '@timonier/api';
import { dropClosedFields } from '@timonier/api/closed-gates';
import { type ApiObject, normalize } from '@timonier/api/decode';
import { splitApiVersion } from '@timonier/api/registry';
import { conflict, invalid, methodNotAllowed, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import { strategyOf } from '../strategies/index.ts';
import { timestamp } from '../timestamp.ts';
import type { InVersion } from './owned-versions.ts';
import { failedPrecondition } from './preconditions.ts';
import { distinctOwners } from './owner-references.ts';
import { bad } from './query.ts';

/** Without vowels and digits that look like letters, so that no word comes out. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const maxGeneratedBase = 63 - suffixLength;

/** Metadata's name and namespace as the path says; throws 400 when the body says otherwise. */
export function placeObject(object: ApiObject, context: WriteContext, name: string): void {
  const { info, namespace } = context.target;
  const metadata = (object.metadata ??= {});
  if (info.namespaced) {
    if ((metadata.namespace ?? '') === '') metadata.namespace = namespace;
    else if (metadata.namespace !== namespace)
      throw bad('the namespace of the provided object does not match the namespace sent on the request');
  } else delete metadata.namespace;
  if (name === '') return;
  if ((metadata.name ?? '') === '') metadata.name = name;
  else if (metadata.name !== name)
    throw bad(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
}

/** Makes a new object out of what the client sent. `object` is changed. */
export function prepareCreate(object: ApiObject, context: WriteContext): void {
  const { server, target } = context;
  const { info } = target;
  const metadata = (object.metadata ??= {});
  // A dry run never asks the store, which alone minds the version; what is no version at all says nothing, and who
  // updates or applies did not know whether there would be one.
  const version = metadata.resourceVersion ?? '';
  if (/^\d+$/.test(version) && Number(version) !== 0 && !context.dryRun && target.verb === 'create')
    throw bad('resourceVersion should not be set on objects to be created');
  delete metadata.resourceVersion;
  if ((metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '')
    metadata.name = generateName(metadata.generateName ?? '');
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(server.now());
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  // Kinds that count nothing keep what they are given.
  if (info.hasGeneration) metadata.generation = 1;
  dropRepeatedOwners(metadata, context);
  const strategy = strategyOf(info);
  if (info.custom?.closed !== undefined)
    throw new StatusError({ ...methodNotAllowed(info, 'create'), message: info.custom.closed });
  if (info.hasStatus && info.custom !== undefined) delete object['status'];
  else if (info.hasStatus && strategy.keepsStatusOnCreate !== true) {
    resetStatus(object, info);
    keepStatusAnnotations(object, undefined, info);
  }
  dropClosedFields(info, object, undefined);
  strategy.prepareCreate?.(object, context);
}

/** Brings forward what an update must not change. `object` is changed; `old` is not. */
export function prepareUpdate(object: ApiObject, old: ApiObject, context: WriteContext): void {
  const { info, subresource } = context.target;
  const metadata = (object.metadata ??= {});
  const before = old.metadata ?? {};
  const special = strategyOf(info).subresources?.[subresource];
  checkPreconditions(object, old, context);
  for (const field of ['creationTimestamp', 'generation'] as const) {
    if (before[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: before[field] });
  }
  // Who leaves them out does not mean to change them; who gives others is told that they stay.
  for (const field of ['uid', 'deletionGracePeriodSeconds'] as const)
    if (before[field] !== undefined && metadata[field] === undefined)
      Object.assign(metadata, { [field]: before[field] });
  // The time at which it is to go stays, whatever is said of it.
  if (before.deletionTimestamp !== undefined) metadata.deletionTimestamp = before.deletionTimestamp;
  dropRepeatedOwners(metadata, context);
  if (subresource === 'status' && info.custom !== undefined) {
    // Of a custom resource nothing but the status changes this way.
    object.metadata = { ...before, ...kept(metadata) };
    keepAllButStatus(object, old);
    return;
  }
  if (subresource === 'status') {
    keepAllButStatus(object, old);
    const frozen = strategyOf(info).frozenByStatus ?? [];
    for (const field of ['ownerReferences', ...frozen] as const) {
      if (before[field] === undefined) delete metadata[field];
      else Object.assign(metadata, { [field]: before[field] });
    }
    special?.(object, old, context);
    return;
  }
  if (special !== undefined) {
    special(object, old, context);
    countGeneration(object, old, context);
    return;
  }
  if (info.hasStatus) {
    if (old['status'] === undefined) delete object['status'];
    else object['status'] = old['status'];
    keepStatusAnnotations(object, old, info);
  }
  const { prepareUpdate: prepare, countsDropped = false } = strategyOf(info);
  if (!countsDropped) dropClosedFields(info, object, old);
  prepare?.(object, old, context);
  countGeneration(object, old, context);
  if (countsDropped) dropClosedFields(info, object, old);
}

/** A change of anything but metadata and status makes a new generation; of some kinds also one of labels or the like. */
function countGeneration(object: ApiObject, old: ApiObject, { target }: WriteContext): void {
  const { hasGeneration, hasStatus, custom } = target.info;
  if (!hasGeneration || strategyOf(target.info).keepsGeneration === true) return;
  // Without the subresource, a custom resource's status is a field like any other.
  const isSame =
    isDesiredAlike(object, old) &&
    (custom === undefined || hasStatus || sameTree(object['status'], old['status'])) &&
    (strategyOf(target.info).countedMetadata ?? []).every((field) =>
      sameTree(object.metadata?.[field] ?? {}, old.metadata?.[field] ?? {}),
    );
  if (isSame) return;
  object.metadata = { ...object.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
}

/** `object` with the ownership of what changed since `old`. */
export function withOwnership(
  old: ApiObject | undefined,
  object: ApiObject,
  context: WriteContext,
  inVersion?: InVersion,
): ApiObject {
  const management = managementContext(context, inVersion);
  return trackUpdate(old as JsonObject | undefined, object as JsonObject, management);
}

export function managementContext(
  { server, target, manager }: WriteContext,
  inVersion?: InVersion,
): ManagementContext {
  const { custom } = target.info;
  return {
    inVersion,
    structure: target.info.schema,
    manager,
    apiVersion: apiVersionOf(target.info),
    subresource: target.subresource,
    time: timestamp(server.now()),
    empty: emptyOf(target.info.schema),
    structureIn: custom === undefined ? undefined : (version) => custom.schemaIn(version),
    isKnownIn: custom === undefined ? isVersionOf(target.info) : undefined,
    reset:
      strategyOf(target.info).isOwnedByNobody === true
        ? everything
        : resetFields(target.info, target.subresource),
  };
}

/** Groups that kinds of others have been in. */
const elsewhere: ReadonlySet<string> = new Set(['extensions', 'events.k8s.io']);

/** Whether a version looks like one that the kind could be or have been in. */
function isVersionOf({ group, kind }: ResourceInfo): (apiVersion: string) => boolean {
  return (apiVersion) => {
    const type = splitApiVersion(apiVersion);
    if (type === undefined || !/^v\d+(?:(?:alpha|beta)\d+)?$/.test(type.version)) return false;
    if (type.group === '') return (group === '' || kind === 'Event') && type.version === 'v1';
    return type.group === group || elsewhere.has(type.group);
  };
}

/** The same owner twice is one owner. */
function dropRepeatedOwners(metadata: ObjectMeta, { warn }: WriteContext): void {
  const { ownerReferences: owners = [] } = metadata;
  if (owners.length < 2) return;
  const { each, repeated } = distinctOwners(owners);
  if (repeated.length === 0) return;
  metadata.ownerReferences = each;
  const uids = [...new Set(repeated.map(({ uid }) => uid))].join(', ');
  warn?.(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`,
  );
}

/** Throws 409 when the update was made from another state than `old`, or of another object. */
function checkPreconditions(object: ApiObject, old: ApiObject, context: WriteContext): void {
  const { target } = context;
  const metadata = object.metadata ?? {};
  const before = old.metadata ?? {};
  const name = before.name ?? target.name;
  // A patch of the uid is one of a field that stays.
  const isOther = (metadata.uid ?? '') !== '' && metadata.uid !== before.uid;
  if (isOther && target.verb !== 'patch')
    throw failedPrecondition(context, name, 'UID', metadata.uid ?? '', before.uid ?? '');
  const version = metadata.resourceVersion ?? '';
  if (version === '' || version === '0' || version === before.resourceVersion) return;
  if (!/^\d+$/.test(version)) throw unreadableVersion(target.info, name, version);
  throw new StatusError(conflict(target.info, name));
}

/** A version that this server can never have given is a fault of the request, not a conflict. */
export function unreadableVersion(info: ResourceInfo, name: string, version: string): StatusError {
  const field = 'metadata.resourceVersion';
  const value = `Invalid value: ${JSON.stringify(version)}`;
  const message = `${value}: strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`;
  const cause = { reason: 'FieldValueInvalid', message, field };
  return new StatusError(invalid(info, name, `${field}: ${message}`, [cause]));
}

const statusOnly = fieldSetOf(['f:status']);
const everything = fieldSetOf(['f:spec'], ['f:status']);
const nothing = fieldSetOf();
const empties = new WeakMap<Schema, JsonObject>();

/** What an object of a kind has that says nothing. */
function emptyOf(schema: Schema): JsonObject {
  let empty = empties.get(schema);
  if (empty === undefined) empties.set(schema, (empty = normalize(schema, {}) as JsonObject));
  return empty;
}

/** All fields but the status, by schema: they are the same for every request. */
const allButStatus = new WeakMap<Schema, FieldSet>();

function resetFields(info: ResourceInfo, subresource: string): FieldSet {
  const { schema, hasStatus, custom } = info;
  const { frozenByStatus } = strategyOf(info);
  // Without the subresource, a custom resource's status is a field like any other.
  if (subresource === '') return custom !== undefined && !hasStatus ? nothing : statusOnly;
  if (subresource === 'finalize') return statusOnly;
  if (subresource !== 'status') return nothing;
  let fields = allButStatus.get(schema);
  if (fields === undefined) {
    // Of a custom resource this way nothing of metadata changes, either.
    const others = [...schema.fields.keys()].filter(
      (name) => name !== 'status' && (name !== 'metadata' || custom !== undefined),
    );
    const frozen = (frozenByStatus ?? []).map((name) => ['f:metadata', `f:${name}`]);
    fields = fieldSetOf(...others.map((name) => [`f:${name}`]), ...frozen);
    allButStatus.set(schema, fields);
  }
  return fields;
}

/** What an update of the status may bring in metadata: whose fields they are, and the version it was made from. */
function kept({ managedFields, resourceVersion }: ObjectMeta): ObjectMeta {
  return {
    ...(managedFields === undefined ? {} : { managedFields }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Puts back what an update of the status leaves alone. */
function keepAllButStatus(object: ApiObject, old: ApiObject): void {
  for (const field of Object.keys(object))
    if (isDesired(field) && !Object.hasOwn(old, field)) delete object[field];
  for (const field of Object.keys(old)) if (isDesired(field)) object[field] = old[field];
}

/** What somebody wants of an object, and not what it is called or what became of it. */
function isDesired(field: string): boolean {
  return field !== 'metadata' && field !== 'status';
}

function isDesiredAlike(a: ApiObject, b: ApiObject): boolean {
  for (const field of Object.keys(a))
    if (isDesired(field) && !sameTree(a[field], Object.hasOwn(b, field) ? b[field] : undefined)) return false;
  for (const field of Object.keys(b))
    if (isDesired(field) && b[field] !== undefined && !Object.hasOwn(a, field)) return false;
  return true;
}

/** In one shape of a kind, annotations carry what its status has no field for. */
function keepStatusAnnotations(object: ApiObject, old: ApiObject | undefined, info: ResourceInfo): void {
  const names = statusAnnotations(info);
  if (names.length === 0) return;
  const annotations = { ...object.metadata?.annotations };
  for (const name of names) {
    const before = old?.metadata?.annotations?.[name];
    if (before === undefined) delete annotations[name];
    else annotations[name] = before;
  }
  const { annotations: _annotations, ...metadata } = object.metadata ?? {};
  object.metadata = Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations };
}

/** The empty status of a kind, with the zeros that upstream always shows; a custom resource has none at first. */
function resetStatus(object: ApiObject, info: ResourceInfo): void {
  const status = info.schema.field('status');
  if (info.custom !== undefined || status === undefined) delete object['status'];
  else object['status'] = normalize(status, {});
}

/** `base` and a random suffix; the base is cut so that the name stays a DNS label. */
export function generateName(base: string): string {
  let suffix = '';
  for (let i = 0; i < suffixLength; i++) suffix += suffixAlphabet[randomInt(suffixAlphabet.length)];
  return base.slice(0, maxGeneratedBase) + suffix;
}
