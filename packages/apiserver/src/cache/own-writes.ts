/**
 * Objects that this process has committed and whose event has not come yet. The answer of a transaction and the event of
 * its change tell the same; whichever comes first makes the object, and the other finds it.
 */
import { PassingMap } from '@timonier/component/passing';
import type { StoredObject } from '../storage/stored-object.ts';

/** Beyond this many the oldest are forgotten: their events are then read like those of anybody else's changes. */
const maxWaiting = 1_024;

export class OwnWrites {
  readonly #byKey = new PassingMap<string, StoredObject>();

  /** The newest write of each key is kept: events come in order, and only the last state stays. */
  add(stored: StoredObject): void {
    const known = this.#byKey.get(stored.key);
    if (known !== undefined && known.revision > stored.revision) return;
    if (known === undefined && this.#byKey.size >= maxWaiting)
      for (const oldest of this.#byKey.keys()) {
        this.#byKey.delete(oldest);
        break;
      }
    this.#byKey.set(stored.key, stored);
  }

  /** What was written at exactly this revision of the key, once; older writes are forgotten. */
  take(key: string, revision: number): StoredObject | undefined {
    const known = this.#byKey.get(key);
    if (known === undefined || known.revision > revision) return undefined;
    this.#byKey.delete(key);
    return known.revision === revision ? known : undefined;
  }

  clear(): void {
    this.#byKey.clear();
  }
}
