/**
 * What an admission plugin sees of a write, and what it is.
 *
 * Every write passes the plugins in upstream's order: first all that may change it, before the server prepares and
 * validates the object, then all that may only refuse it, as the last thing before the commit.
 */
import type { DeleteOptions, ResourceInfo } from '@timonier/api';
import { type ApiObject } from '@timonier/api/decode';
import type { Schema } from '@timonier/api/schema';
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import type { WriteContext } from '../server-state.ts';
import type { Operation } from './operation.ts';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly context: WriteContext;
  /** What is about to be written, to be changed in place or replaced; undefined for a deletion. */
  object: ApiObject | undefined;
  /** What is there now; undefined for a creation. */
  readonly old: ApiObject | undefined;
  /** What both are, where they are no objects of the resource itself. */
  readonly as?: OwnKind;
  /** The version in which both are shown, where that is another than they were sent in: see `versions.ts`. */
  readonly shownAs?: ResourceInfo | undefined;
  /** What a deletion was asked for with. */
  readonly deleteOptions?: DeleteOptions;
}

/** The kind of a subresource's objects. */
export interface OwnKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: Schema;
}

export type Reservation = CommitExtras | undefined | Promise<CommitExtras | undefined>;

export interface AdmissionPlugin {
  /** Upstream's name, by which the command line switches it. */
  readonly name: string;
  /** Runs only when the command line asks for it. */
  readonly isOffByDefault?: true;
  readonly operations: readonly Operation[];
  /** `group/resource` or `group/resource/subresource`, with an empty group for the core; undefined: everything. */
  readonly resources?: readonly string[];
  /** Changes the request. Throws to refuse it. */
  readonly admit?: (request: AdmissionRequest) => void | Promise<void>;
  /** Throws to refuse the request, and changes nothing. */
  readonly validate?: (request: AdmissionRequest) => void | Promise<void>;
  /**
   * Reserves what the write uses, in the transaction that commits it, as the very last thing before that. Called at every
   * attempt to commit. Throws to refuse the request.
   */
  readonly reserve?: (request: AdmissionRequest) => Reservation;
}

/** 403 in upstream's words: `pods "web" is forbidden: DETAIL`. */
export function refusal({ context, object, old }: AdmissionRequest, detail: string): StatusError {
  const { info, name, verb } = context.target;
  // Who deletes many at once names none of them.
  if (verb === 'deletecollection') return new StatusError(forbidden(info, 'Unknown', detail));
  const metadata = object?.metadata ?? old?.metadata;
  return new StatusError(forbidden(info, name || (metadata?.name ?? metadata?.generateName ?? ''), detail));
}
