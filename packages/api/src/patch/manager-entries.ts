/**
 * The entries of `metadata.managedFields`: which of them count for a change, how they are read and written, and how many
 * there may be.
 *
 * An update may bring entries of its own: that is how `kubectl apply --server-side` turns what was applied from the client
 * into its own, and how somebody starts over. Those that stand in the stored object already, as nearly always, are told by
 * comparing and never read anew.
 *
 * Source: the field manager of Kubernetes; the bound on update managers and the order of entries are upstream's.
 */
import { wasSentEmpty } from '../decode/absence.ts';
import { type FieldSet, fieldSetOf, fromFieldsV1, toFieldsV1, union } from './field-set.ts';
import { tidyFieldsV1, withoutFields } from './fields-v1.ts';
import { inOwnersOrder } from './owner-order.ts';
import type { ManagerEntry } from './seen-changes.ts';
import { isObject, jsonEqual, type JsonObject, type JsonValue } from './structure.ts';

/** Above this many updaters the oldest are folded into one entry of their version. */
const maxUpdateManagers = 10;
const foldedManager = 'ancient-changes';

/** Who owned what before a change: as the change says, or else as the object did. A subresource has no say in it. */
export function entriesOf(
  live: JsonObject | undefined,
  updated: JsonObject,
  { subresource, isKnownIn }: Asked,
): ManagerEntry[] {
  const known = live === undefined ? undefined : metadataOf(live)['managedFields'];
  const metadata = metadataOf(updated);
  const asked = metadata['managedFields'];
  if (subresource !== '' || (asked !== undefined && jsonEqual(asked, known))) return readEntries(known);
  if (startsOver(metadata)) return [];
  const given = givenEntries(asked);
  if (given === undefined) return readEntries(known);
  if (live === undefined) return given;
  // What an update takes out of the object nobody owns: owners of owners, and fields of versions that never were.
  return given
    .filter(({ apiVersion }) => isKnownIn?.(apiVersion) ?? true)
    .map((entry) => ({ ...entry, fieldsV1: withoutFields(entry.fieldsV1, ownership) }));
}

const ownership = fieldSetOf(['f:metadata', 'f:managedFields']);

interface Asked {
  readonly subresource: string;
  /** Whether the kind is or was known in a version; it is in all of them unless told. */
  readonly isKnownIn?: ((apiVersion: string) => boolean) | undefined;
}

/** An empty list of entries, or one empty entry, says that nobody shall own anything. */
function startsOver(metadata: JsonObject): boolean {
  const asked = metadata['managedFields'];
  if (asked === undefined) return wasSentEmpty(metadata, 'managedFields');
  if (!Array.isArray(asked)) return false;
  const [first] = asked;
  return asked.length === 0 || (asked.length === 1 && isObject(first) && Object.keys(first).length === 0);
}

/** What somebody else wrote, of two of one owner the later; undefined when it says nothing, or cannot be read. */
function givenEntries(asked: JsonValue | undefined): ManagerEntry[] | undefined {
  if (!Array.isArray(asked) || !asked.every(isReadable)) return undefined;
  const byOwner = new Map<string, ManagerEntry>();
  for (const entry of readEntries(asked))
    byOwner.set(ownerOf(entry), { ...entry, fieldsV1: tidyFieldsV1(entry.fieldsV1) });
  return byOwner.size === 0 ? undefined : [...byOwner.values()];
}

function isReadable(entry: JsonValue): boolean {
  if (!isObject(entry)) return false;
  const { operation, apiVersion = '', fieldsType, fieldsV1 = {} } = entry;
  return (
    (operation === 'Apply' || operation === 'Update') &&
    apiVersion !== '' &&
    fieldsType === 'FieldsV1' &&
    !wasSentEmpty(entry, 'fieldsV1') &&
    areReadable(fieldsV1)
  );
}

/** What begins with a letter that nobody knows is no fault: a later release may. */
function areReadable(fields: JsonValue): boolean {
  if (fields === null) return true;
  if (!isObject(fields)) return false;
  return Object.entries(fields).every(
    ([element, below]) => element === '.' || (isElement(element) && areReadable(below)),
  );
}

function isElement(element: string): boolean {
  const text = element.slice(2);
  if (element[1] !== ':') return false;
  if (element.startsWith('i')) return /^[+-]?\d+$/.test(text);
  if (!element.startsWith('k') && !element.startsWith('v')) return true;
  try {
    const value: unknown = JSON.parse(text);
    return element.startsWith('v') || isObject(value);
  } catch {
    return false;
  }
}

/** Whoever applies is the same across versions. In order by name, as upstream spells it. */
function ownerOf({ manager, operation, apiVersion, subresource }: ManagerEntry): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

function ownsNothing({ fieldsV1 }: ManagerEntry): boolean {
  return Object.keys(fieldsV1).length === 0;
}

export function metadataOf(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  return isObject(metadata) ? metadata : {};
}

export function readEntries(value: JsonValue | undefined): ManagerEntry[] {
  if (!Array.isArray(value)) return [];
  const text = (field: JsonValue | undefined): string => (typeof field === 'string' ? field : '');
  return value.filter(isObject).map((entry) => ({
    manager: text(entry['manager']),
    operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
    apiVersion: text(entry['apiVersion']),
    subresource: text(entry['subresource']),
    time: text(entry['time']),
    fieldsV1: isObject(entry['fieldsV1']) ? entry['fieldsV1'] : {},
  }));
}

export function writeEntries(object: JsonObject, entries: readonly ManagerEntry[]): JsonObject {
  const managedFields = entries
    .filter((entry) => !ownsNothing(entry))
    .sort(inOwnersOrder)
    .map(written);
  return withEntries(object, managedFields);
}

/** An entry as it stands in the object, names in order. */
export function written(entry: ManagerEntry): JsonObject {
  return {
    apiVersion: entry.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: entry.fieldsV1,
    ...(entry.manager === '' ? {} : { manager: entry.manager }),
    operation: entry.operation,
    ...(entry.subresource === '' ? {} : { subresource: entry.subresource }),
    ...(entry.time === '' ? {} : { time: entry.time }),
  };
}

export function withEntries(object: JsonObject, managedFields: JsonObject[]): JsonObject {
  const metadata = metadataOf(object);
  return { ...object, metadata: managedFields.length === 0 ? metadata : { ...metadata, managedFields } };
}

/**
 * Folds the oldest updaters into one entry for each version, until there are few enough. The first of a version stays what
 * it is until there is a second.
 */
export function capUpdaters(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  if (entries.length <= maxUpdateManagers) return entries;
  const byOwner = new Map(
    entries.filter((entry) => !ownsNothing(entry)).map((entry) => [ownerOf(entry), entry]),
  );
  const updaters = [...byOwner.values()].filter(({ operation }) => operation === 'Update').sort(byAge);
  const firsts = new Map<string, ManagerEntry>();
  const folded = new Map<string, { readonly entry: ManagerEntry; readonly of: FieldSet[] }>();
  let count = updaters.length;
  for (const entry of updaters) {
    if (count <= maxUpdateManagers) break;
    const first = firsts.get(entry.apiVersion);
    if (first === undefined) {
      firsts.set(entry.apiVersion, entry);
      continue;
    }
    const into: ManagerEntry = { ...entry, manager: foldedManager, subresource: '' };
    const bucket = ownerOf(into);
    const known = bucket === ownerOf(entry) ? first : (byOwner.get(bucket) ?? first);
    const parts = folded.get(bucket)?.of ?? [fromFieldsV1(known.fieldsV1)];
    if (known === first) byOwner.delete(ownerOf(first));
    byOwner.delete(ownerOf(entry));
    byOwner.set(bucket, into);
    parts.push(fromFieldsV1(entry.fieldsV1));
    folded.set(bucket, { entry: into, of: parts });
    count--;
  }
  // Each is put together once, however many went into it.
  for (const [bucket, { entry, of }] of folded)
    byOwner.set(bucket, { ...entry, fieldsV1: toFieldsV1(union(...of)) });
  return [...byOwner.values()];
}

function byAge(a: ManagerEntry, b: ManagerEntry): number {
  return compareText(a.time, b.time) || compareText(ownerOf(a), ownerOf(b));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
