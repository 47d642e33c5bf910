/**
 * Deletion of an object that is in the store and cannot be read: because its key is lost, or somebody changed its bytes.
 * Nothing of the object is known, so neither finalizers nor admission are asked: who deletes needs the verb
 * `unsafe-delete-ignore-read-errors`, as upstream, and must say so with
 * `ignoreStoreReadErrorWithClusterBreakingPotential`.
 */
import { type DeleteOptions, storageKey } from '@timonier/api';
import { conflict, invalid, StatusError } from '@timonier/api/statuses';
import { authorize } from '../pipeline/authorize.ts';
import { notActive, officeKey } from '../pipeline/fence-gate.ts';
import type { JudgedWrite } from '../request-context.ts';
import { freshEnough } from './get.ts';

const verb = 'unsafe-delete-ignore-read-errors';
const option = 'ignoreStoreReadErrorWithClusterBreakingPotential';

/** Throws 403, 409, or 422 when the object can be read, or other options are given with it. */
export async function removeUnreadable(context: JudgedWrite, options: DeleteOptions): Promise<void> {
  const { server, target, user, fence, dryRun } = context;
  const { info, namespace, name } = target;
  checkAlone(options);
  await authorize(server.authorizer, user, {
    path: '',
    verb,
    group: info.group,
    resource: info.resource,
    namespace,
    name,
    subresource: '',
  });
  await freshEnough({ server }, undefined);
  const key = storageKey(info, namespace, name, server.root);
  const unreadable = server.cache.unreadable(key);
  if (unreadable === undefined)
    throw refuse('Forbidden: the object can be read, or does not exist: delete it without this option');
  if (dryRun) return;
  const isFenced = fence !== undefined && !server.failpoints.fenceDisabled;
  const { succeeded, responses } = await server.store.txn(
    [
      { key, target: 'MOD', result: 'EQUAL', modRevision: unreadable.revision },
      ...(isFenced
        ? [{ key: officeKey, target: 'VALUE', result: 'EQUAL', value: fence.token } as const]
        : []),
    ],
    [{ requestDeleteRange: { key } }],
    [{ requestRange: { key: officeKey } }],
  );
  if (succeeded) return;
  const office = responses[0]?.responseRange?.kvs[0]?.value.toString();
  if (isFenced && office !== fence.token) throw notActive();
  throw new StatusError(conflict(info, name, 'it was changed meanwhile; look at it again'));
}

/** Nothing can be promised beside it. */
function checkAlone(options: DeleteOptions): void {
  const others = ['gracePeriodSeconds', 'orphanDependents', 'preconditions', 'propagationPolicy'] as const;
  for (const name of others)
    if (options[name] !== undefined) throw refusedOption(`cannot be set together with .${name}`);
}

/** 422 for the option, with what is wrong with it. */
export function refusedOption(detail: string): StatusError {
  return refuse(`Invalid value: true: ${detail}`);
}

function refuse(message: string): StatusError {
  const kind = { group: 'meta.k8s.io', kind: 'DeleteOptions' };
  const cause = { reason: 'FieldValueInvalid', message, field: option };
  return new StatusError(invalid(kind, '', `${option}: ${message}`, [cause]));
}
