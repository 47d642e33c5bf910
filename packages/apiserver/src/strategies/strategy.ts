/**
 * What is special about a kind when it is written: what the server sets, keeps or reserves. Everything else about
 * kinds is data.
 */
import type { FieldError } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import type { WriteContext } from '../server-state.ts';

export type PrepareUpdate = (object: ApiObject, old: ApiObject, context: WriteContext) => void;

export type FrozenField = 'labels' | 'annotations' | 'finalizers';
/** As upstream resets the metadata of some kinds. */
export const allFrozen: readonly FrozenField[] = ['labels', 'annotations', 'finalizers'];

export interface Strategy {
  /** True when a created object keeps the status it came with. */
  readonly keepsStatusOnCreate?: boolean;
  /** The store forgets the object this long after it was last written. */
  readonly ttlSeconds?: number;
  /** True when an update creates what does not exist. */
  readonly createsOnUpdate?: boolean;
  /** A new object as its owner is said to have sent it, where the server completes it in their name. */
  readonly asOwned?: (object: ApiObject) => ApiObject;
  /** Changes a new object in place, before validation. */
  readonly prepareCreate?: (object: ApiObject, context: WriteContext) => void;
  /** Changes an updated object in place, before validation. */
  readonly prepareUpdate?: PrepareUpdate;
  /**
   * The same for updates through a subresource that takes the whole object: puts back what it must not change. For
   * `status` that is done for every kind before, and only what is special comes here.
   */
  readonly subresources?: Readonly<Record<string, PrepareUpdate>>;
  /** Throws when the user must not make `old` into `object`; asked once the object is known to be valid. */
  readonly check?: (
    object: ApiObject,
    old: ApiObject | undefined,
    context: WriteContext,
  ) => Promise<void> | void;
  /** Reserves what the object needs, in the transaction that writes it; `object` undefined for a deletion. */
  readonly reserve?: (
    object: ApiObject | undefined,
    old: ApiObject | undefined,
    context: WriteContext,
  ) => Promise<CommitExtras | undefined> | CommitExtras | undefined;
  /** Rules beyond those of the tables; `old` is what the object replaces. */
  readonly validate?: (object: ApiObject, old: ApiObject | undefined, subresource?: string) => FieldError[];
  /** Changes an object in place that is about to be deleted, such as by a finalizer. */
  readonly prepareDelete?: (object: ApiObject, context: WriteContext) => void;
  /** Parts of metadata whose change makes a new generation, too. */
  readonly countedMetadata?: readonly ('annotations' | 'labels')[];
  /** What of metadata stays what it was when the status changes. */
  readonly frozenByStatus?: readonly FrozenField[];
  /** True when changes are not counted, and the first generation stays. */
  readonly keepsGeneration?: boolean;
  /** True when a change of a field that is dropped makes a new generation all the same. */
  readonly countsDropped?: boolean;
  /** True when nobody owns fields that are set through the resource itself. */
  readonly isOwnedByNobody?: boolean;
  /** Throws when the object must not be deleted. */
  readonly checkDelete?: (object: ApiObject, context: WriteContext) => Promise<void> | void;
}
