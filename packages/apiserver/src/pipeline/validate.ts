/** Validation of what is about to be committed. Throws 422 with every field that is wrong. */
import type { ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus, validate } from '@timonier/api/validation';
import { strategyOf } from '../strategies/index.ts';

/** `old` is what the object replaces; undefined for a new one. `subresource` is the way it came, empty for the object's own. */
export function checkObject(
  info: ResourceInfo,
  object: ApiObject,
  old: ApiObject | undefined,
  subresource = '',
): void {
  const errors = [
    ...validate(info, object, old, subresource),
    ...(strategyOf(info).validate?.(object, old, subresource) ?? []),
  ];
  if (errors.length === 0) return;
  // Upstream judges Events of both groups as those of the older.
  const kind = info.kind === 'Event' ? { group: '', kind: 'Event' } : info;
  throw new StatusError(invalidStatus(kind, object.metadata?.name ?? '', errors));
}
