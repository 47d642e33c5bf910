/** A change of one object, as watches are told it. */
import type { StoredObject } from '../storage/stored-object.ts';

export interface CacheEvent {
  readonly revision: number;
  /** State after the change; undefined for a deletion. */
  readonly current: StoredObject | undefined;
  /** State before it; undefined when the object is new. */
  readonly previous: StoredObject | undefined;
  /** What was already encoded of this event, by form; shared by all watchers. Absent while nobody has watched. */
  encoded: Map<string, Buffer> | undefined;
}
