/** update: the whole object, from the client. Also the way of every other change: see `updateObject`. */
import type { AdmissionRequest } from '../admission/request.ts';
import { storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { objectWarnings } from '@timonier/api/object-warnings';
import { invalid, notFound, StatusError } from '@timonier/api/statuses';
import { settleAdmitted } from '../pipeline/after-admission.ts';
import { decodeObject } from '../pipeline/decode.ts';
import { type Decision, mutate, type MutationResult } from '../pipeline/mutate.ts';
import { changeInVersions } from '../pipeline/owned-versions.ts';
import { keepOwnersTimes } from '../pipeline/owners-times.ts';
import { failedPrecondition } from '../pipeline/preconditions.ts';
import { placeObject, prepareUpdate, withOwnership } from '../pipeline/prepare.ts';
import { bad } from '../pipeline/query.ts';
import { respondObject } from '../pipeline/respond.ts';
import { checkObject } from '../pipeline/validate.ts';
import type { JudgedWrite, RequestContext } from '../request-context.ts';
import { copyOf } from '../storage/copy.ts';
import { isStoredAs, type StoredObject, toStored } from '../storage/stored-object.ts';
import { strategyOf } from '../strategies/index.ts';
import { ownedBySender } from './create.ts';
import { creationInstead } from './create-instead.ts';
import { isReleased } from './removal.ts';

export async function update(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const sent = await decodeObject(exchange, target.info);
  exchange.audit?.about(sent.metadata);
  if ((sent.metadata?.name ?? '') === '')
    throw bad(
      `the name of the object (${target.name} based on URL) was undeterminable: name must be provided`,
    );
  placeObject(sent, context, target.name);
  const { info, namespace, name, subresource } = target;
  const mayCreate = strategyOf(info).createsOnUpdate === true && subresource === '';
  const create = creationInstead(context);
  let created = false;
  const key = storageKey(info, namespace, name, context.server.root);
  const result = await mutate(context, key, (current) => {
    created = current === undefined;
    if (current !== undefined) {
      const old = current.object();
      // Whoever means another object is told that first.
      const { uid = '' } = sent.metadata ?? {};
      if (uid === '' || uid === old.metadata?.uid) requireVersion(sent, context);
      return decideUpdate(context, current, old, copyOf(sent));
    }
    if (!mayCreate) throw new StatusError(notFound(info, name));
    // The version of what is gone keeps nobody from making it anew; that it was another object does.
    const { uid = '' } = sent.metadata ?? {};
    if (uid !== '') throw failedPrecondition(context, name, 'UID', uid, '');
    return create(ownedBySender(copyOf(sent), context));
  });
  await respondObject(context, created ? 201 : 200, afterUpdate(result));
}

/** Built-in kinds that nobody replaces without saying of which version. */
const versioned: ReadonlySet<string> = new Set([
  'apiservices',
  'csidrivers',
  'csinodes',
  'csistoragecapacities',
  'customresourcedefinitions',
  'leases',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
  'mutatingwebhookconfigurations',
  'poddisruptionbudgets',
  'runtimeclasses',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'validatingwebhookconfigurations',
  'volumeattachments',
]);

/** Custom resources and some others are only replaced by who says what of: throws 422. */
export function requireVersion({ metadata }: ApiObject, { target }: RequestContext): void {
  if (target.info.custom === undefined && !versioned.has(target.info.resource)) return;
  if (/[^0]/.test(metadata?.resourceVersion ?? '')) return;
  const { group, resource } = target.info;
  const field = 'metadata.resourceVersion';
  const message = 'Invalid value: 0: must be specified for an update';
  const cause = { reason: 'FieldValueInvalid', message, field };
  throw new StatusError(invalid({ group, kind: resource }, target.name, `${field}: ${message}`, [cause]));
}

/** An object's state after an update; what it last was when the update was its end. */
export function afterUpdate({
  stored,
  last,
  previous,
}: Pick<MutationResult, 'stored' | 'last' | 'previous'>): StoredObject {
  const object = stored ?? last ?? previous;
  if (object === undefined) throw new Error('an update left neither a new nor an old state');
  return object;
}

/**
 * Changes an existing object. `change` computes the wanted object from a copy of the current one, which it may change
 * in place; it may be called several times. Fields the server owns are brought forward, the result is validated, and
 * an object that was only waiting for its finalizers goes when the last one does.
 */
export function updateObject(
  context: JudgedWrite,
  change: (current: ApiObject) => ApiObject | Promise<ApiObject>,
): Promise<MutationResult> {
  return replaceObject(context, (_current, copy) => change(copy()));
}

/**
 * The same for who computes the wanted object without changing the current one, and so needs no copy of it. What comes
 * out may share with `current` only what has no schema, which nobody changes in place. Ownership is tracked unless the
 * replacement `isOwned` already.
 */
export async function replaceObject(
  context: JudgedWrite,
  replacement: (current: ApiObject, copy: () => ApiObject) => ApiObject | Promise<ApiObject>,
  isOwned = false,
): Promise<MutationResult> {
  const { info, namespace, name } = context.target;
  const key = storageKey(info, namespace, name, context.server.root);
  return mutate(context, key, async (current) => {
    if (current === undefined) throw new StatusError(notFound(info, name));
    const old = current.object();
    const wanted = replacement(old, () => current.object());
    return decideUpdate(context, current, old, wanted instanceof Promise ? await wanted : wanted, isOwned);
  });
}

/** What to do about an object that shall become `wanted`, before ownership is tracked unless `isOwned`. */
export async function decideUpdate(
  context: JudgedWrite,
  current: StoredObject,
  old: ApiObject,
  wanted: ApiObject,
  isOwned = false,
): Promise<Decision> {
  const { info, subresource } = context.target;
  const { admission } = context.server;
  // What admission and the server itself change belongs to nobody.
  const tracked = isOwned
    ? wanted
    : withOwnership(old, wanted, context, await changeInVersions(info, old, wanted));
  const request: AdmissionRequest = { operation: 'UPDATE', context, object: tracked, old };
  const owners = tracked.metadata?.managedFields;
  await admission.admit(request);
  const owned = request.object ?? tracked;
  settleAdmitted(owned, owners, context);
  prepareUpdate(owned, old, context);
  checkObject(info, owned, old, subresource);
  if (subresource === '') for (const text of objectWarnings(info, owned, old)) context.warn?.(text);
  keepOwnersTimes(owned, old);
  const value = toStored(owned);
  const isKept = isStoredAs(value, current);
  if (!isKept) await strategyOf(info).check?.(owned, old, context);
  // Who may not write this may not write it again either.
  await admission.validate({ ...request, object: owned });
  if (isReleased(owned, old)) {
    const extras = await strategyOf(info).reserve?.(undefined, old, context);
    return { action: 'remove', extras, last: owned };
  }
  if (isKept) return { action: 'keep', object: owned };
  const { reserve } = strategyOf(info);
  const extras = await reserve?.(owned, old, context);
  return {
    action: 'put',
    object: owned,
    // What is reserved may be written into the object.
    ...(reserve === undefined ? { value } : {}),
    extras: await admission.reserve({ ...request, object: owned }, extras),
  };
}
