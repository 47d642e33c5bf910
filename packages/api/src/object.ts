/** Objects as code sees them that is not made for one kind. */
import type { ObjectMeta } from './generated/types.ts';

/** Any object of the API; `spec`, `status` and the rest are read through the kind's interface. */
export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  [field: string]: unknown;
}

/** What a body became. */
export interface Decoded {
  readonly object: ApiObject;
  /** Such as `unknown field "spec.foo"` and `duplicate field "spec.bar"`, in the order found. */
  readonly problems: readonly string[];
}
