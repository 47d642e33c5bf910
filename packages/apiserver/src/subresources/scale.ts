/** scale: a workload's replicas as an `autoscaling/v1` Scale, read, written or patched. */
import {
  apiVersionOf,
  applyConfiguration,
  entriesFromScale,
  fieldSetOf,
  messageSchema,
  scaleEntries,
  trackUpdate,
} from '@timonier/api';
import type {
  Deployment,
  JsonObject,
  JsonValue,
  ManagementContext,
  ObjectMeta,
  ReplicasField,
  ReplicationController,
  ResourceInfo,
  Scale,
  ScalePaths,
} from '@timonier/api';
import { scaleColumns } from '@timonier/api/tables/workloads';
import { type ApiObject, decodeAs } from '@timonier/api/decode';
import { formatLabelSelector, requirementsOf } from '@timonier/api/label-selector';
import { conflict, internalError, invalid, StatusError } from '@timonier/api/statuses';
import { valueAt } from '../extensions/json-path.ts';
import { admitOwn, judged, ownKinds } from '../admission/own-object.ts';
import { contentTypes } from '../http/media.ts';
import { decodeOwnBody } from '../pipeline/decode.ts';
import { failedPrecondition } from '../pipeline/preconditions.ts';
import { unreadableVersion } from '../pipeline/prepare.ts';
import { timestamp } from '../timestamp.ts';
import { bad, booleanParameter } from '../pipeline/query.ts';
import { encodeObject } from '../pipeline/encode.ts';
import { includeObjectOf, representationFor, respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { readObject } from '../verbs/get.ts';
import { asConflict, parsePatch, patchFormFor, patchTree } from '../verbs/patch.ts';
import { asPatchError } from '../verbs/patched-object.ts';
import { afterUpdate, replaceObject } from '../verbs/update.ts';

const scaleType = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
const scaleGroup = { group: 'autoscaling', version: 'v1' };
const scaleSchema = messageSchema('io.k8s.api.autoscaling.v1.Scale');

export async function scale(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  if (target.verb === 'get') {
    const object = (await readObject(context)).object();
    checkReplicas(object, target.info);
    await respondScale(context, scaleOf(object, target.info));
    return;
  }
  const wanted = await wantedScale(context);
  const replicas = replicasField(context);
  const result = await replaceObject(
    judged(context),
    async (current, copy) => {
      const before = withOwners(scaleOf(current, target.info), current, replicas);
      const sent = wanted(before);
      const after = await admitOwn(
        context,
        ownKinds.scale,
        {
          ...sent,
          ...(before.status === undefined ? {} : { status: before.status }),
        },
        { old: before },
      );
      checkScale(context, after, before);
      const object = withReplicas(copy(), replicas.path, after.spec?.replicas ?? 0);
      const owners = entriesFromScale(ownersOf(current), ownersOf(after), replicas);
      return { ...object, metadata: { ...object.metadata, managedFields: owners } };
    },
    true,
  );
  await respondTree(exchange, 200, scaleOf(afterUpdate(result).object(), target.info));
}

/** Throws 500 for a custom resource without replicas: who reads none as 0 would take it for switched off. */
function checkReplicas(object: ApiObject, { custom }: Pick<ResourceInfo, 'custom'>): void {
  const path = custom?.scale?.specReplicas;
  if (path === undefined || valueAt(object, path) !== undefined) return;
  throw new StatusError(internalError(`the spec replicas field ".${path.join('.')}" does not exist`));
}

/** Upstream's own table of Scales calls two columns what they are; that of custom resources does so for all. */
const customColumns = scaleColumns.map((column) => {
  if (column.name === 'Name') return { ...column, format: 'name' };
  return column.name === 'Age' ? { ...column, type: 'date' } : column;
});

/** A Scale, or the table of one, which has columns of its own. */
async function respondScale({ exchange, target }: RequestContext, scale: Scale): Promise<void> {
  const { custom, ...info } = target.info;
  const representation = representationFor(
    exchange,
    custom === undefined ? { ...info, ...scaleGroup, kind: scaleType.kind } : target.info,
    {
      isList: false,
    },
  );
  const body = encodeObject(scale as ApiObject, {
    info: {
      ...info,
      ...scaleGroup,
      kind: scaleType.kind,
      columns: custom === undefined ? scaleColumns : customColumns,
    },
    representation,
    includeObject: includeObjectOf(exchange),
  });
  await exchange.send(200, contentTypes[representation.media], body);
}

function replicasField({ target: { info } }: RequestContext): ReplicasField {
  return { apiVersion: apiVersionOf(info), path: info.custom?.scale?.specReplicas ?? ['spec', 'replicas'] };
}

type ManagedFields = NonNullable<ObjectMeta['managedFields']>;

function ownersOf({ metadata }: { metadata?: ObjectMeta }): JsonValue | undefined {
  return metadata?.managedFields as JsonValue | undefined;
}

function withOwners(scale: Scale, object: ApiObject, replicas: ReplicasField): Scale {
  const managedFields = scaleEntries(ownersOf(object), replicas) as ManagedFields;
  return managedFields.length === 0 ? scale : { ...scale, metadata: { ...scale.metadata, managedFields } };
}

/** Throws 409 when the Scale was made from another state than there is, and 422 when it wants what cannot be. */
function checkScale(context: RequestContext, after: Scale, before: Scale): void {
  const { target } = context;
  const { name = target.name, uid = '', resourceVersion: version = '' } = after.metadata ?? {};
  const { metadata: found } = before;
  if (name !== '' && name !== target.name)
    throw bad(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  if (uid !== '' && uid !== found?.uid && target.verb === 'update')
    throw failedPrecondition(context, target.name, 'UID', uid, found?.uid ?? '');
  if (version !== '' && version !== '0' && version !== found?.resourceVersion) {
    if (!/^\d+$/.test(version)) throw unreadableVersion(target.info, target.name, version);
    throw new StatusError(conflict(target.info, target.name));
  }
  const replicas = after.spec?.replicas ?? 0;
  // Of a custom resource the number is one of its own fields, and is told as that.
  if (replicas >= 0 || target.info.custom !== undefined) return;
  const detail = 'must be greater than or equal to 0';
  const message = `Invalid value: ${replicas}: ${detail}`;
  throw new StatusError(
    invalid({ group: 'autoscaling', kind: 'Scale' }, target.name, `spec.replicas: ${message}`, [
      { reason: 'FieldValueInvalid', message, field: 'spec.replicas' },
    ]),
  );
}

/** Versions in which Scales were, and are known by their names. */
const older = ['extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'];

/** What the request makes of a Scale, with the owners that its fields have then. */
async function wantedScale(context: RequestContext): Promise<(before: Scale) => Scale> {
  const { exchange, target, server, manager } = context;
  const management: ManagementContext = {
    structure: scaleSchema,
    manager,
    apiVersion: scaleType.apiVersion,
    subresource: 'scale',
    time: timestamp(server.now()),
    reset: fieldSetOf(),
  };
  const tracked = (before: Scale, after: Scale): Scale =>
    trackUpdate(before as JsonObject, after as JsonObject, management);
  if (target.verb === 'update') {
    const sent: Scale = withoutZero(await decodeOwnBody(exchange, ownKinds.scale, { refused: older }));
    checkPlace(context, sent);
    return (before) => tracked(before, sent);
  }
  if (target.verb !== 'patch') throw bad(`${target.verb} is not supported on scale`);
  const form = patchFormFor(exchange.header('content-type'), target.info);
  const { value } = parsePatch(form, await exchange.body());
  if (form === 'apply') {
    const force = booleanParameter(exchange.query, 'force') ?? false;
    checkApplied(value);
    asScale(value);
    return (before) => {
      try {
        return asScale(applyConfiguration(before as JsonObject, value as JsonObject, management, force));
      } catch (error) {
        throw asConflict(error);
      }
    };
  }
  return (before) => {
    const patched = patchTree(before as ApiObject, form, value, scaleSchema);
    try {
      return tracked(before, asScale(patched));
    } catch (error) {
      throw asPatchError(error, patched, form, value);
    }
  };
}

/** Throws 400 when an update says that it is of something else than its path. */
function checkPlace({ target }: RequestContext, { metadata }: Scale): void {
  const { name = '', namespace = '' } = metadata ?? {};
  if (name === '')
    throw bad(
      `the name of the object (${target.name} based on URL) was undeterminable: name must be provided`,
    );
  if (target.info.namespaced && namespace !== '' && namespace !== target.namespace)
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
}

/** Throws 400 for a configuration of anything else. */
function checkApplied(value: unknown): void {
  const { apiVersion, kind } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || kind === scaleType.kind) return;
  throw bad(`invalid object type: ${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${kind}`);
}

function asScale(value: unknown): Scale {
  return withoutZero(decodeAs(scaleSchema, scaleType, value).object);
}

/** Who sets a zero that is there already changes nothing, and owns nothing of it. */
function withoutZero(scale: Scale): Scale {
  return scale.spec?.replicas === 0 ? { ...scale, spec: {} } : scale;
}

/** The Scale of a workload. A ReplicationController selects by a plain map of labels. */
function scaleOf(object: ApiObject, info?: Pick<ResourceInfo, 'custom'>): Scale {
  const paths = info?.custom?.scale;
  if (paths !== undefined) return customScale(object, paths);
  const { metadata, spec, status } = object as unknown as Deployment;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata ?? {};
  const selector =
    object.kind === 'ReplicationController' ? { matchLabels: plainSelector(spec) } : spec?.selector;
  const requirements = requirementsOf(selector);
  return {
    ...scaleType,
    metadata: JSON.parse(
      JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp }),
    ) as NonNullable<Scale['metadata']>,
    spec: wanted(spec?.replicas ?? 0),
    status: {
      replicas: status?.replicas ?? 0,
      selector: requirements === undefined ? '' : formatLabelSelector(requirements),
    },
  };
}

/** A Scale leaves out a zero that is wanted, and says one that is there. */
function wanted(replicas: number): NonNullable<Scale['spec']> {
  return replicas === 0 ? {} : { replicas };
}

function customScale(object: ApiObject, paths: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  const number = (path: readonly string[]): number => {
    const value = valueAt(object, path);
    return typeof value === 'number' ? value : 0;
  };
  const selector = paths.labelSelector === undefined ? '' : valueAt(object, paths.labelSelector);
  return {
    ...scaleType,
    metadata: JSON.parse(
      JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp }),
    ) as NonNullable<Scale['metadata']>,
    spec: wanted(number(paths.specReplicas)),
    status: {
      replicas: number(paths.statusReplicas),
      ...(typeof selector === 'string' && selector !== '' ? { selector } : {}),
    },
  };
}

/** `object` with the number at `path`; objects on the way are made where they are missing. */
function withReplicas(
  object: ApiObject,
  [first = '', ...rest]: readonly string[],
  replicas: number,
): ApiObject {
  const inner = object[first];
  const below = typeof inner === 'object' && inner !== null ? (inner as ApiObject) : {};
  return { ...object, [first]: rest.length === 0 ? replicas : withReplicas(below, rest, replicas) };
}

function plainSelector(spec: unknown): Record<string, string> {
  return (spec as ReplicationController['spec'])?.selector ?? {};
}
