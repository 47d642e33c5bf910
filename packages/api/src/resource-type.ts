/** How a served resource is named. */
export interface ResourceType<T = unknown> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as in the URL. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries the object type for inference; never set. */
  readonly __type?: T;
}
