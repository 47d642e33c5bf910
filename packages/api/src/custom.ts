/**
 * What a kind that no table describes brings along instead: the functions that the generic code calls for it. A custom
 * resource definition makes one per version; everything else about its resources (verbs, patches, watches, discovery)
 * is the code that built-in kinds use.
 */
import type { ApiObject, Decoded } from './decode.ts';
import type { FieldError } from './validation/field-error.ts';

export interface ScalePaths {
  /** Field names from the object's root, such as `['spec', 'replicas']`. */
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A string in the form of a label selector. */
  readonly labelSelector: readonly string[] | undefined;
}

/** Conversion between the versions of a kind; lists keep their length and order. May throw a `StatusError`. */
export interface VersionConversion {
  /** True when stored objects may be of another version than the resource's. */
  isNeeded(apiVersion: string | undefined): boolean;
  /** Objects of any version in the resource's own version. */
  toServed(objects: readonly ApiObject[]): Promise<readonly ApiObject[]>;
  /** An object of the resource's version in the version that is stored. */
  toStored(object: ApiObject): Promise<ApiObject>;
}

export interface CustomKind {
  /** Checks `apiVersion`, `kind` and metadata, and drops what the schema does not know. */
  decode(value: unknown, duplicates: readonly string[]): Decoded;
  /** Fills in the schema's defaults, in place. */
  applyDefaults(object: ApiObject): void;
  /** The schema's rules; those of metadata are checked elsewhere. */
  validate(object: ApiObject, old: ApiObject | undefined): FieldError[];
  /** The cells of a row, in the order of the resource's columns. */
  cells(object: ApiObject, now: number): readonly unknown[];
  readonly scale: ScalePaths | undefined;
  readonly conversion: VersionConversion;
  /** Shown to whoever uses this version; undefined unless it is deprecated. */
  readonly deprecationWarning: string | undefined;
  /** Why nothing can be created any more, or undefined. */
  readonly closed: string | undefined;
}
