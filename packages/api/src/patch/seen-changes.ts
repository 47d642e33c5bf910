/**
 * A change of an object as the owners of its fields see it, each in the version that its entry is of: which of their fields
 * have another value now, and which are gone.
 */
import { type FieldPath, type FieldSet, fieldSetOf, recursiveDifference, union } from './field-set.ts';
import { withoutFields } from './fields-v1.ts';
import { compare } from './structured-merge.ts';
import { isObject, jsonEqual, type JsonObject, type Structure } from './structure.ts';

/** Fields that the server keeps itself and nobody owns. */
export const unmanaged = fieldSetOf(
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name): FieldPath => ['f:metadata', `f:${name}`]),
);

export interface ManagerEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  /** As stored; shared with the object that it was read from. */
  readonly fieldsV1: JsonObject;
}

/** A change in another version of the kind; `undefined` when there is no such version any more. */
export type VersionedChange =
  | { readonly before: JsonObject; readonly after: JsonObject; readonly structure: Structure | undefined }
  | undefined;

export interface Versions {
  readonly apiVersion: string;
  readonly reset: FieldSet;
  readonly inVersion?: ((apiVersion: string) => VersionedChange) | undefined;
}

export interface SeenChange {
  /** Fields that were added or have another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** A change as the owners of fields see it, each in the version that its entry is of. */
export class SeenChanges {
  readonly #context: Versions;
  readonly #own: SeenChange;
  readonly #known = new Map<string, SeenChange | undefined>();

  constructor(own: SeenChange, context: Versions) {
    this.#own = own;
    this.#context = context;
  }

  /** Undefined for an entry of a version that is no more. */
  by({ apiVersion }: ManagerEntry): SeenChange | undefined {
    const { inVersion } = this.#context;
    if (inVersion === undefined || apiVersion === this.#context.apiVersion) return this.#own;
    if (!this.#known.has(apiVersion)) this.#known.set(apiVersion, this.#compared(inVersion(apiVersion)));
    return this.#known.get(apiVersion);
  }

  #compared(change: VersionedChange): SeenChange | undefined {
    if (change === undefined) return undefined;
    const [before, after] = [withoutManagedFields(change.before), withoutManagedFields(change.after)];
    const { added, modified, removed } = compare(before, after, change.structure);
    const { reset } = this.#context;
    const changed = recursiveDifference(recursiveDifference(union(added, modified), unmanaged), reset);
    return { changed, removed: recursiveDifference(removed, reset) };
  }

  /** What is left to another owner; nothing where its version is no more. */
  left(entry: ManagerEntry): ManagerEntry[] {
    const seen = this.by(entry);
    return seen === undefined ? [] : [losing(losing(entry, seen.changed), seen.removed)];
  }
}

function losing(entry: ManagerEntry, gone: FieldSet): ManagerEntry {
  const fieldsV1 = withoutFields(entry.fieldsV1, gone);
  return fieldsV1 === entry.fieldsV1 ? entry : { ...entry, fieldsV1 };
}

export function withoutManagedFields(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  if (!isObject(metadata) || metadata['managedFields'] === undefined) return object;
  const { managedFields: _managedFields, ...rest } = metadata;
  return { ...object, metadata: rest };
}

/** True when two objects differ in nothing but who owns them. */
export function equalButForManagement(a: JsonObject, b: JsonObject): boolean {
  return jsonEqual(withoutManagedFields(a), withoutManagedFields(b));
}
