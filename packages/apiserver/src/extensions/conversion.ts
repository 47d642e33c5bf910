/**
 * Objects of one kind from one version to another by a webhook, in batches; what it may not change is held against what
 * it was given. (With the strategy `None` versions differ in nothing but their name, and nobody is asked.)
 */
import type { ApiObject } from '@timonier/api/decode';

/** What converts the objects of one definition. */
export interface Converter {
  /** Objects of any version as `apiVersion`, in the same order. Throws a `StatusError` when that fails. */
  convert(objects: readonly ApiObject[], apiVersion: string): Promise<readonly ApiObject[]>;
}
