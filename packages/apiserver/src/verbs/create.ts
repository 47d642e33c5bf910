/** create: a new object; with `generateName` the server finds a free name. */
import type { AdmissionRequest } from '../admission/request.ts';
import { type ResourceInfo, type Status, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { objectWarnings } from '@timonier/api/object-warnings';
import { alreadyExists, generateNameConflict, StatusError } from '@timonier/api/statuses';
import { settleAdmitted } from '../pipeline/after-admission.ts';
import { withConditions } from '../pipeline/commit-extras.ts';
import { decodeObject } from '../pipeline/decode.ts';
import { definitionCondition } from '../pipeline/definition-exists.ts';
import { mutate } from '../pipeline/mutate.ts';
import { namespaceCondition } from '../pipeline/namespace-exists.ts';
import { placeObject, prepareCreate, withOwnership } from '../pipeline/prepare.ts';
import { respondObject } from '../pipeline/respond.ts';
import { checkObject } from '../pipeline/validate.ts';
import type { JudgedWrite, RequestContext } from '../request-context.ts';
import { copyOf } from '../storage/copy.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { strategyOf } from '../strategies/index.ts';

const maxNameAttempts = 8;

export async function create(context: RequestContext): Promise<void> {
  const object = await decodeObject(context.exchange, context.target.info);
  context.exchange.audit?.about(object.metadata);
  await respondObject(context, 201, await createObject(context, object));
}

/** Creates a decoded object. Throws 409 when its name is taken. */
export async function createObject(context: JudgedWrite, sent: ApiObject): Promise<StoredObject> {
  const { info, name } = context.target;
  placeObject(sent, context, name);
  // Nobody is told of an end of what begins, and nobody owns it.
  delete sent.metadata?.deletionTimestamp;
  delete sent.metadata?.deletionGracePeriodSeconds;
  const { admission } = context.server;
  // Whoever sends an object owns what it sent, and not what the server makes of it from here on.
  const owned = ownedBySender(sent, context);
  const request: AdmissionRequest = { operation: 'CREATE', context, object: owned, old: undefined };
  const owners = owned.metadata?.managedFields;
  await provisionNamespace(context);
  await admission.admit(request);
  const admitted = request.object ?? owned;
  settleAdmitted(admitted, owners, context);
  const isGenerated =
    (admitted.metadata?.name ?? '') === '' && (admitted.metadata?.generateName ?? '') !== '';
  for (let attempt = 1; ; attempt++) {
    const object = isGenerated ? copyOf(admitted) : admitted;
    prepareCreate(object, context);
    checkObject(info, object, undefined);
    for (const text of objectWarnings(info, object)) context.warn?.(text);
    await strategyOf(info).check?.(object, undefined, context);
    await admission.validate({ ...request, object });
    const taken = object.metadata?.name ?? '';
    try {
      return await commitNew(context, { ...request, object }, object);
    } catch (error) {
      const isTaken = error instanceof StatusError && error.status.reason === 'AlreadyExists';
      if (!isTaken || !isGenerated) throw error;
      if (attempt >= maxNameAttempts) throw new StatusError(generateNameConflict(info, taken));
    }
  }
}

/** NamespaceAutoProvision: a namespace that is missing is made, as the server's own; not for a dry run. */
export async function provisionNamespace(context: JudgedWrite): Promise<void> {
  const { server, target, dryRun } = context;
  if (!server.admission.isOn('NamespaceAutoProvision') || dryRun) return;
  const info = server.registry.lookup('', 'v1', 'namespaces');
  if (info === undefined || !target.info.namespaced || target.namespace === '') return;
  const key = storageKey(info, undefined, target.namespace, server.root);
  if (server.cache.resource('namespaces').index.get(key) !== undefined) return;
  const user = { name: 'system:apiserver', groups: ['system:masters'] };
  const own = { verb: 'create', info, namespace: '', name: '', subresource: '' } as const;
  try {
    await createObject({ ...context, user, target: own }, { metadata: { name: target.namespace } });
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
  }
}

/** A new object with who owns its fields: all that it was sent with, and nothing that the server makes of it. */
export function ownedBySender(sent: ApiObject, context: JudgedWrite): ApiObject {
  const { asOwned } = strategyOf(context.target.info);
  if (asOwned === undefined) return withOwnership(undefined, sent, context);
  const { managedFields } = withOwnership(undefined, asOwned(sent), context).metadata ?? {};
  return {
    ...sent,
    metadata: { ...sent.metadata, ...(managedFields === undefined ? {} : { managedFields }) },
  };
}

/** As what a refusal speaks of it: one without a name is called by the beginning that it asks for. */
function nameOf({ metadata }: ApiObject): string {
  return metadata?.name || metadata?.generateName || '';
}

function taken(current: StoredObject, info: ResourceInfo, name: string): Status {
  const status = alreadyExists(info, name);
  // Who tries again later may find the name free.
  return current.metadata().deletionTimestamp === undefined
    ? status
    : { ...status, message: `object is being deleted: ${status.message}` };
}

async function commitNew(
  context: JudgedWrite,
  request: AdmissionRequest,
  object: ApiObject,
): Promise<StoredObject> {
  const { target, server } = context;
  const { admission } = server;
  const { info } = target;
  const name = object.metadata?.name ?? '';
  const key = storageKey(info, object.metadata?.namespace, name, server.root);
  const inNamespace = namespaceCondition(context, nameOf(object), admission.isOn('NamespaceLifecycle'));
  const isDefined = definitionCondition(context);
  const { stored } = await mutate(context, key, async (current) => {
    if (current !== undefined) throw new StatusError(taken(current, info, name));
    const { reserve } = strategyOf(info);
    // What is reserved for one attempt may be taken at the next.
    const copy = reserve === undefined ? object : copyOf(object);
    const reserved = await reserve?.(copy, undefined, context);
    const extras = withConditions(reserved, [...(await inNamespace()), ...(await isDefined())]);
    return { action: 'put', object: copy, extras: await admission.reserve(request, extras) };
  });
  if (stored === undefined) throw new Error('a created object has no state');
  return stored;
}
