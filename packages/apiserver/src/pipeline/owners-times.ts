/**
 * Who changes a value is noted with the time. Where the change came to nothing, since the server put back what was there,
 * the old times stay: else who sends the same again and again would write the object each time.
 *
 * Source: Kubernetes, which compares objects without the times of their owners before it stores one.
 */
import type { ManagedFieldsEntry } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { sameTree } from '../storage/copy.ts';

/** Gives `object` the entries of `old` when it differs from it in nothing but their times. */
export function keepOwnersTimes(object: ApiObject, old: ApiObject): void {
  const [entries = [], known = []] = [object.metadata?.managedFields, old.metadata?.managedFields];
  if (!areOnlyLater(entries, known) || !isSameBeside(object, old)) return;
  object.metadata = { ...object.metadata, managedFields: [...known] };
}

function areOnlyLater(entries: readonly ManagedFieldsEntry[], known: readonly ManagedFieldsEntry[]): boolean {
  if (entries.length !== known.length) return false;
  let isLater = false;
  for (let i = 0; i < entries.length; i++) {
    const [entry, before] = [entries[i], known[i]];
    if (entry === undefined || before === undefined || !isSameBut(entry, before)) return false;
    isLater ||= entry.time !== before.time;
  }
  return isLater;
}

/** Fields that did not change are shared with the old object, and so told at once. */
function isSameBut(entry: ManagedFieldsEntry, before: ManagedFieldsEntry): boolean {
  return (
    entry.manager === before.manager &&
    entry.operation === before.operation &&
    entry.apiVersion === before.apiVersion &&
    entry.subresource === before.subresource &&
    entry.fieldsType === before.fieldsType &&
    sameTree(entry.fieldsV1, before.fieldsV1)
  );
}

/** What mostly differs comes first. */
function isSameBeside(object: ApiObject, old: ApiObject): boolean {
  if (!sameTree(object['status'], old['status'])) return false;
  const others = (of: ApiObject): unknown => ({ ...of.metadata, managedFields: undefined });
  return (
    sameTree(others(object), others(old)) &&
    sameTree({ ...object, metadata: undefined }, { ...old, metadata: undefined })
  );
}
