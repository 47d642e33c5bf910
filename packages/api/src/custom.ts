/**
 * What a kind that no table describes brings along instead: the functions that the generic code calls for it. A custom
 * resource definition makes one per version; everything else about its resources (verbs, patches, watches, discovery)
 * is the code that built-in kinds use.
 */
import type { DoubledKeys } from './json.ts';
import type { ApiObject, Decoded } from './object.ts';
import type { Schema } from './schema.ts';
import type { FieldError } from './validation/field-error.ts';

export interface ScalePaths {
  /** Field names from the object's root, such as `['spec', 'replicas']`. */
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A string in the form of a label selector. */
  readonly labelSelector: readonly string[] | undefined;
}

export interface CustomKind {
  /** Of the definition: another one of the same name defines another kind. */
  readonly uid: string | undefined;
  /** Checks `apiVersion`, `kind` and metadata, and drops what the schema does not know. */
  decode(value: unknown, duplicates: DoubledKeys): Decoded;
  /** What of an applied configuration is not of the schema's shape, in upstream's words. */
  appliedProblems(config: ApiObject): readonly string[];
  /** Fills in the schema's defaults, in place; nulls that are no values go, unless somebody applied them. */
  applyDefaults(object: ApiObject, isApplied?: boolean): void;
  /** The schema's rules; those of metadata are checked elsewhere. */
  validate(object: ApiObject, old: ApiObject | undefined, subresource: string): FieldError[];
  /** The cells of a row, in the order of the resource's columns. */
  cells(object: ApiObject, now: number): readonly unknown[];
  readonly scale: ScalePaths | undefined;
  /** The version of the resource, and the one that is stored. */
  readonly apiVersion: string;
  readonly storedApiVersion: string;
  /** What was read from the store, with the fields and defaults that the version it is of has now. */
  completeStored(object: ApiObject): ApiObject;
  /** The same in this version, with the fields that its schema has; defaults are those of what is stored. */
  complete(object: ApiObject): ApiObject;
  /**
   * Objects of any version as `apiVersion`, same length and order. May throw a `StatusError`. Absent when versions
   * differ in nothing but their name.
   */
  readonly convert:
    | ((objects: readonly ApiObject[], apiVersion: string) => Promise<readonly ApiObject[]>)
    | undefined;
  /** The nodes of the schema of another version; undefined when there is no such version. */
  schemaIn(apiVersion: string): Schema | undefined;
  /** Shown to whoever uses this version; undefined unless it is deprecated. */
  readonly deprecationWarning: string | undefined;
  /** Why nothing can be created any more, or undefined. */
  readonly closed: string | undefined;
}
