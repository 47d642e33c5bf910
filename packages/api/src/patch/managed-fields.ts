/**
 * Field ownership: keeps `metadata.managedFields` true through updates and server-side applies.
 *
 * Invariants: an update takes ownership of exactly what it changed; an apply owns exactly what its configuration
 * sets; a field changed by one manager is no longer owned by an updater that had set another value; an apply
 * that would change what someone else owns is a conflict unless forced; entries never list themselves.
 *
 * Source: Kubernetes server-side apply.
 */
import { noteEmpty, wasSentEmpty } from '../decode/absence.ts';
import {
  type FieldPath,
  type FieldSet,
  fromFieldsV1,
  intersection,
  pathText,
  recursiveDifference,
  union,
} from './field-set.ts';
import { withFields, withoutFields } from './fields-v1.ts';
import {
  capUpdaters,
  entriesOf,
  metadataOf,
  readEntries,
  withEntries,
  writeEntries,
  written,
} from './manager-entries.ts';
import { configuredFieldsV1, ownedFieldsV1 } from './owned-fields.ts';
import {
  type ManagerEntry,
  SeenChanges,
  unmanaged,
  type VersionedChange,
  withoutManagedFields,
} from './seen-changes.ts';
import { mergeApplied } from './merge-applied.ts';
import { pruneApplied } from './prune-applied.ts';
import { reconciledFieldsV1 } from './reconciled-fields.ts';
import { compare } from './structured-merge.ts';
import { isObject, jsonEqual, type JsonObject, type JsonValue, setKey, type Structure } from './structure.ts';

export interface ManagementContext {
  readonly structure: Structure | undefined;
  readonly manager: string;
  readonly apiVersion: string;
  /** Empty for the resource itself. */
  readonly subresource: string;
  /** Now, RFC 3339 in whole seconds. */
  readonly time: string;
  /** Fields that this request resets rather than owns: `status` for the resource, all but status for `/status`. */
  readonly reset: FieldSet;
  /** What an object of the kind has that says nothing: nobody owns of a new one what it has by itself. */
  readonly empty?: JsonObject;
  /** The change as entries of other versions see it; without it they see it as it is. */
  readonly inVersion?: ((apiVersion: string) => VersionedChange) | undefined;
  /** The structure in a version, of a kind whose structure may have become another one since its entries were written. */
  readonly structureIn?: ((apiVersion: string) => Structure | undefined) | undefined;
  /** Whether the kind is or was known in a version: whoever owns fields in another one owns none. All are unless told. */
  readonly isKnownIn?: ((apiVersion: string) => boolean) | undefined;
}

export interface FieldConflict {
  readonly manager: string;
  readonly field: string;
  readonly path: FieldPath;
}

/** An apply met fields that others own. The message is upstream's. */
export class ApplyConflictError extends Error {
  override readonly name = 'ApplyConflictError';
  readonly conflicts: readonly FieldConflict[];

  constructor(conflicts: readonly FieldConflict[]) {
    super(conflictMessage(conflicts));
    this.conflicts = conflicts;
  }
}

/** `updated` with ownership brought forward from `live`. Used for create (`live` undefined), update and patch. */
export function trackUpdate(
  live: JsonObject | undefined,
  updated: JsonObject,
  context: ManagementContext,
): JsonObject {
  const entries = reconciled(entriesOf(live, updated, context), context);
  const before = withoutManagedFields(live ?? context.empty ?? {});
  const after = withoutManagedFields(updated);
  // Of an object that nobody owns anything of, owners are kept from the first apply on.
  if (live !== undefined && entries.length === 0) return withEntries(after, []);
  if (live === undefined && entries.length === 0) {
    const fieldsV1 = ownedFieldsV1(said(after, context.empty ?? {}), context.structure, [
      unmanaged,
      context.reset,
    ]);
    if (fieldsV1 === undefined) return withEntries(after, []);
    return withEntries(after, [written({ ...identity(context, 'Update'), time: context.time, fieldsV1 })]);
  }
  const { added, modified, ...difference } = compare(before, after, context.structure);
  // What this request puts back was not removed, whatever it left out.
  const removed = recursiveDifference(difference.removed, context.reset);
  const changed = recursiveDifference(recursiveDifference(union(added, modified), unmanaged), context.reset);
  const own = (entry: ManagerEntry): boolean => isSameManager(entry, context, 'Update');
  const seen = new SeenChanges({ changed, removed }, context);
  const others = entries.filter((entry) => !own(entry)).flatMap((entry) => seen.left(entry));
  const mine = entries.find(own);
  const fieldsV1 = withoutFields(withFields(mine?.fieldsV1 ?? {}, changed), removed);
  const entry: ManagerEntry = {
    ...identity(context, 'Update'),
    time: changed.empty ? (mine?.time ?? '') : context.time,
    fieldsV1,
  };
  return writeEntries(after, capUpdaters([...others, entry]));
}

/** An object without what one that says nothing has alike. */
function said(object: JsonObject, empty: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    const usual = Object.hasOwn(empty, name) ? empty[name] : undefined;
    if (usual === undefined || value === undefined) setKey(result, name, value ?? null);
    else if (Array.isArray(value) && wasSentEmpty(object, name)) {
      setKey(result, name, value);
      noteEmpty(result, name, value);
    } else if (isObject(value) && isObject(usual)) {
      const part = said(value, usual);
      if (!isEmpty(part) || !jsonEqual(value, usual)) setKey(result, name, part);
    } else if (!jsonEqual(value, usual)) setKey(result, name, value);
  }
  return result;
}

function isEmpty(object: JsonObject): boolean {
  for (const _name in object) return false;
  return true;
}

/** Owns what was there before anybody applied, when nobody was known to own it. */
const unknownOwner = 'before-first-apply';

function ownerBefore(live: JsonObject, context: ManagementContext): ManagerEntry[] {
  const fieldsV1 = ownedFieldsV1(withoutManagedFields(live), context.structure, [unmanaged, context.reset]);
  return fieldsV1 === undefined
    ? []
    : [{ ...identity({ ...context, manager: unknownOwner }, 'Update'), time: context.time, fieldsV1 }];
}

/** The outcome of applying `config` to `live` (undefined: the object does not exist yet). */
export function applyConfiguration(
  live: JsonObject | undefined,
  config: JsonObject,
  context: ManagementContext,
  force: boolean,
): JsonObject {
  const stored = readEntries(live === undefined ? undefined : metadataOf(live)['managedFields']);
  const known = reconciled(stored, context);
  const entries = live !== undefined && known.length === 0 ? ownerBefore(live, context) : known;
  const before = withoutManagedFields(live ?? {});
  const configured = withoutManagedFields(config);
  const fieldsV1 = configuredFieldsV1(configured, context.structure, [unmanaged, context.reset]);
  const own = (entry: ManagerEntry): boolean => isSameManager(entry, context, 'Apply');
  const mine = entries.find(own);
  const others = entries.filter((entry) => !own(entry));

  const merged = mergeApplied(before, configured, context.structure);
  // Who sets what they set before gives nothing up, which is what most applies are.
  const keeps = mine === undefined || jsonEqual(mine.fieldsV1, fieldsV1);
  const after = keeps ? merged : withoutGivenUp(merged, mine, fieldsV1, others, context);

  const { added, modified, removed } = compare(before, after, context.structure);
  const changed = recursiveDifference(union(added, modified), context.reset);
  const seen = new SeenChanges({ changed, removed }, context);
  if (!force) {
    const conflicts = others.flatMap((entry) => conflictsWith(entry, seen));
    if (conflicts.length > 0) throw new ApplyConflictError(conflicts);
  }
  const remaining = others.flatMap((entry) => seen.left(entry));
  // Who applies what is there already changed nothing, and so at no time.
  const isSame = added.empty && modified.empty && removed.empty;
  const entry: ManagerEntry = {
    ...identity(context, 'Apply'),
    time: isSame ? (mine?.time ?? '') : context.time,
    fieldsV1: mine !== undefined && keeps ? mine.fieldsV1 : fieldsV1,
  };
  return writeEntries(after as JsonObject, [...remaining, entry]);
}

/** Entries as the kind is now. */
function reconciled(entries: ManagerEntry[], { structureIn }: ManagementContext): ManagerEntry[] {
  if (structureIn === undefined) return entries;
  return entries.map((entry) => {
    const fieldsV1 = reconciledFieldsV1(entry.fieldsV1, structureIn(entry.apiVersion));
    return fieldsV1 === entry.fieldsV1 ? entry : { ...entry, fieldsV1 };
  });
}

/** What was applied once and is not any more goes, where nobody else owns it. */
function withoutGivenUp(
  merged: JsonValue,
  mine: ManagerEntry,
  fieldsV1: JsonObject,
  others: readonly ManagerEntry[],
  { structure }: ManagementContext,
): JsonValue {
  const owned = union(
    fromFieldsV1(fieldsV1),
    unmanaged,
    ...others.map((entry) => fromFieldsV1(entry.fieldsV1)),
  );
  return pruneApplied(merged, fromFieldsV1(mine.fieldsV1), owned, structure);
}

/** Fields of another owner that have another value now. */
function conflictsWith(entry: ManagerEntry, seen: SeenChanges): FieldConflict[] {
  const changed = seen.by(entry)?.changed;
  if (changed === undefined || changed.empty) return [];
  const paths = [...intersection(fromFieldsV1(entry.fieldsV1), changed).paths()];
  return paths.map((path) => ({ manager: describe(entry), field: pathText(path), path }));
}

function identity(
  context: ManagementContext,
  operation: 'Apply' | 'Update',
): Omit<ManagerEntry, 'time' | 'fieldsV1'> {
  return {
    manager: context.manager,
    operation,
    apiVersion: context.apiVersion,
    subresource: context.subresource,
  };
}

/** Appliers are the same across versions; updaters are kept per version. */
function isSameManager(
  entry: ManagerEntry,
  context: ManagementContext,
  operation: 'Apply' | 'Update',
): boolean {
  return (
    entry.operation === operation &&
    entry.manager === context.manager &&
    entry.subresource === context.subresource &&
    (operation === 'Apply' || entry.apiVersion === context.apiVersion)
  );
}

function describe(entry: ManagerEntry): string {
  const subresource = entry.subresource === '' ? '' : ` with subresource "${entry.subresource}"`;
  const who = `"${entry.manager}"${subresource}`;
  return entry.operation === 'Apply' ? who : `${who} using ${entry.apiVersion}`;
}

function conflictMessage(conflicts: readonly FieldConflict[]): string {
  const [only] = conflicts;
  if (conflicts.length === 1 && only !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.field}`;
  }
  const byManager = Map.groupBy(conflicts, (conflict) => conflict.manager);
  const groups = [...byManager]
    .sort(([a], [b]) => compareText(a, b))
    .map(([manager, list]) =>
      [`conflicts with ${manager}:`, ...list.map(({ field }) => `- ${field}`)].join('\n'),
    );
  return `Apply failed with ${conflicts.length} conflicts: ${groups.join('\n')}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
