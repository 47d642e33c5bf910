/** Validation of what is about to be committed. Throws 422 with every field that is wrong. */
import { type FieldError, fieldErrors, type ResourceInfo } from '@timonier/api';
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
  const errors = withExpressions(
    validate(info, object, old, subresource),
    fieldErrors.bounded(() => strategyOf(info).validate?.(object, old, subresource) ?? []),
  );
  if (errors.length === 0) return;
  // Upstream judges Events of both groups as those of the older.
  const kind = info.kind === 'Event' ? { group: '', kind: 'Event' } : info;
  throw new StatusError(invalidStatus(kind, object.metadata?.name ?? '', errors));
}

/**
 * What is wrong with expressions is found last, since they must be compiled, but told where their item is: before what a
 * condition's name has against it, and before the items behind.
 */
export function withExpressions(errors: readonly FieldError[], more: readonly FieldError[]): FieldError[] {
  const all = [...errors];
  for (const error of more) {
    const [, list, item] =
      /^(.*)\[(\d+)\]\.(?:(?:jsonPatch|applyConfiguration)\.)?(?:expression|valueExpression)$/.exec(
        error.field,
      ) ?? [];
    const next = all.findIndex(({ field, type }) => {
      if (list === undefined || !field.startsWith(`${list}[`)) return false;
      const [, other = '', part = ''] = /^\[(\d+)\]\.?(.*)$/.exec(field.slice(list.length)) ?? [];
      if (Number(other) !== Number(item)) return Number(other) > Number(item);
      if (list.endsWith('.mutations')) return true;
      // The name of a variable is judged first.
      if (part === 'name') return !list.endsWith('.variables');
      return part === 'key' && type === 'Duplicate';
    });
    all.splice(next < 0 ? all.length : next, 0, error);
  }
  return all;
}
