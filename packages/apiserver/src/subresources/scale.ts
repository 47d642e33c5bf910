/** scale: a workload's replicas as an `autoscaling/v1` Scale, read, written or patched. */
import { messageSchema } from '@timonier/api';
import type { Deployment, ResourceInfo, ScalePaths, ReplicationController, Scale } from '@timonier/api';
import { type ApiObject, decodeAs } from '@timonier/api/decode';
import { formatLabelSelector, requirementsOf } from '@timonier/api/label-selector';
import { conflict, invalid, StatusError } from '@timonier/api/statuses';
import { valueAt } from '../extensions/json-path.ts';
import { bodyMedia } from '../http/media.ts';
import { decodeBodyAs, parseBody } from '../pipeline/decode.ts';
import { bad } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../server-state.ts';
import { readObject } from '../verbs/get.ts';
import { patchFormOf, patchTree } from '../verbs/patch.ts';
import { afterUpdate, updateObject } from '../verbs/update.ts';

const scaleType = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
const scaleSchema = messageSchema('io.k8s.api.autoscaling.v1.Scale');

export async function scale(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  if (target.verb === 'get') {
    await respondTree(exchange, 200, scaleOf((await readObject(context)).object(), target.info));
    return;
  }
  const body = await exchange.body();
  const wanted = wantedScale(context, body);
  const result = await updateObject(context, (current) => {
    const before = scaleOf(current, target.info);
    const after = wanted(before);
    const version = after.metadata?.resourceVersion ?? '';
    if (version !== '' && version !== before.metadata?.resourceVersion)
      throw new StatusError(conflict(target.info, target.name));
    const replicas = after.spec?.replicas ?? 0;
    if (replicas < 0)
      throw new StatusError(
        invalid(
          { group: 'autoscaling', kind: 'Scale' },
          target.name,
          `spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`,
          [
            {
              reason: 'FieldValueInvalid',
              message: 'must be greater than or equal to 0',
              field: 'spec.replicas',
            },
          ],
        ),
      );
    return withReplicas(current, target.info.custom?.scale?.specReplicas ?? ['spec', 'replicas'], replicas);
  });
  await respondTree(exchange, 200, scaleOf(afterUpdate(result).object(), target.info));
}

function wantedScale({ exchange, target }: RequestContext, body: Buffer): (before: Scale) => Scale {
  if (target.verb === 'update') {
    const sent = decodeBodyAs(body, bodyMedia(exchange.header('content-type')), [scaleType]) as Scale;
    return () => sent;
  }
  if (target.verb !== 'patch') throw bad(`${target.verb} is not supported on scale`);
  const form = patchFormOf(exchange.header('content-type'));
  if (form === 'apply') {
    const { value } = parseBody(body, 'yaml');
    return (before) => asScale(patchTree(before as ApiObject, 'merge', value, scaleSchema));
  }
  const { value } = parseBody(body, 'json');
  return (before) => asScale(patchTree(before as ApiObject, form, value, scaleSchema));
}

function asScale(value: unknown): Scale {
  return decodeAs(scaleSchema, scaleType, value).object;
}

/** The Scale of a workload. A ReplicationController selects by a plain map of labels. */
export function scaleOf(object: ApiObject, info?: Pick<ResourceInfo, 'custom'>): Scale {
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
      selector: typeof selector === 'string' ? selector : '',
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
