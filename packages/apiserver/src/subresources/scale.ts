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
import { conflict, invalid, StatusError } from '@timonier/api/statuses';
import { valueAt } from '../extensions/json-path.ts';
import { admitOwn, judged, ownKinds } from '../admission/own-object.ts';
import { bodyMedia, contentTypes } from '../http/media.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { timestamp } from '../timestamp.ts';
import { bad, booleanParameter } from '../pipeline/query.ts';
import { encodeObject } from '../pipeline/encode.ts';
import { includeObjectOf, offerOf, representationOf, respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { readObject } from '../verbs/get.ts';
import { asConflict, parsePatch, patchFormOf, patchTree } from '../verbs/patch.ts';
import { asPatchError } from '../verbs/patched-object.ts';
import { afterUpdate, replaceObject } from '../verbs/update.ts';

const scaleType = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
const scaleGroup = { group: 'autoscaling', version: 'v1' };
const scaleSchema = messageSchema('io.k8s.api.autoscaling.v1.Scale');

export async function scale(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  if (target.verb === 'get') {
    await respondScale(context, scaleOf((await readObject(context)).object(), target.info));
    return;
  }
  const body = await exchange.body();
  const wanted = wantedScale(context, body);
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

/** Upstream's own table of Scales calls two columns what they are; that of custom resources does so for all. */
const customColumns = scaleColumns.map((column) => {
  if (column.name === 'Name') return { ...column, format: 'name' };
  return column.name === 'Age' ? { ...column, type: 'date' } : column;
});

/** A Scale, or the table of one, which has columns of its own. */
async function respondScale({ exchange, target }: RequestContext, scale: Scale): Promise<void> {
  const representation = representationOf(exchange, offerOf(target.info));
  const { custom, ...info } = target.info;
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
function checkScale({ target }: RequestContext, after: Scale, before: Scale): void {
  const { name = target.name, resourceVersion: version = '' } = after.metadata ?? {};
  if (name !== '' && name !== target.name)
    throw bad(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  if (version !== '' && version !== before.metadata?.resourceVersion)
    throw new StatusError(conflict(target.info, target.name));
  const replicas = after.spec?.replicas ?? 0;
  if (replicas >= 0) return;
  const detail = 'must be greater than or equal to 0';
  const message = `Invalid value: ${replicas}: ${detail}`;
  throw new StatusError(
    invalid({ group: 'autoscaling', kind: 'Scale' }, target.name, `spec.replicas: ${message}`, [
      { reason: 'FieldValueInvalid', message, field: 'spec.replicas' },
    ]),
  );
}

/** What the request makes of a Scale, with the owners that its fields have then. */
function wantedScale(context: RequestContext, body: Buffer): (before: Scale) => Scale {
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
    const sent = withoutZero(decodeBodyAs(body, bodyMedia(exchange.header('content-type')), [scaleType]));
    return (before) => tracked(before, sent);
  }
  if (target.verb !== 'patch') throw bad(`${target.verb} is not supported on scale`);
  const form = patchFormOf(exchange.header('content-type'), target.info.custom !== undefined);
  if (form === 'apply') {
    const { value } = parsePatch(form, body);
    const force = booleanParameter(exchange.query, 'force') ?? false;
    asScale(value);
    return (before) => {
      try {
        return asScale(applyConfiguration(before as JsonObject, value as JsonObject, management, force));
      } catch (error) {
        throw asConflict(error);
      }
    };
  }
  const { value } = parsePatch(form, body);
  return (before) => {
    const patched = patchTree(before as ApiObject, form, value, scaleSchema);
    try {
      return tracked(before, asScale(patched));
    } catch (error) {
      throw asPatchError(error, patched, form, value);
    }
  };
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
