/** What a write demands of the state that it finds, in the words of upstream's store. */
import { storageKey } from '@timonier/api';
import { conflict, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';

/** 409: `wanted` is not what the object has there, or nothing is there and `found` is empty. */
export function failedPrecondition(
  { server, target }: Pick<WriteContext, 'server' | 'target'>,
  name: string,
  field: 'UID' | 'ResourceVersion',
  wanted: string,
  found: string,
): StatusError {
  const { info, namespace } = target;
  const key = storageKey(info, namespace, name, server.root);
  const detail = `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${found}`;
  return new StatusError(
    conflict(
      info,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${detail}`,
    ),
  );
}
