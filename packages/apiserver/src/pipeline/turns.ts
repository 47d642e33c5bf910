/**
 * Turns for writers of the same object. Writers normally compute and commit without waiting, and try again when
 * somebody else was faster; many at once would each make all others try again. So a writer that lost once takes turns
 * with the others of its key, and who comes meanwhile lines up behind. Each hands the next the state it committed,
 * which the watch cache may not have yet. Nothing depends on turns but speed: who waits too long goes on without one.
 */
import { StatusError, tooManyRequests } from '@timonier/api/statuses';
import type { StoredObject } from '../storage/stored-object.ts';

/** Writers that may wait for one object; above that they are told to come back. */
const maxWaiting = 2_000;
const patienceMs = 10_000;

interface Line {
  readonly waiting: Set<() => void>;
  /** What the last writer in line committed. */
  latest: StoredObject | undefined;
}

export interface Turn {
  /** The newest state that writers before this one have made; undefined when none has. */
  readonly latest: StoredObject | undefined;
  /** Ends the turn; `committed` is what it made of the object, if anything. */
  leave(committed?: StoredObject): void;
}

export class Turns {
  readonly #lines = new Map<string, Line>();

  /** True while somebody has a turn on this key. */
  isBusy(key: string): boolean {
    return this.#lines.has(key);
  }

  /** Waits for a turn. Throws 429 when too many wait already. */
  async take(key: string): Promise<Turn> {
    const line = this.#lines.get(key);
    if (line === undefined) {
      const own: Line = { waiting: new Set(), latest: undefined };
      this.#lines.set(key, own);
      return this.#turn(key, own);
    }
    if (line.waiting.size >= maxWaiting)
      throw new StatusError(tooManyRequests('too many requests change this object at the same time', 1));
    const isCalled = await new Promise<boolean>((resolve) => {
      const call = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        line.waiting.delete(call);
        resolve(false);
      }, patienceMs);
      line.waiting.add(call);
    });
    return isCalled ? this.#turn(key, line) : { latest: line.latest, leave: () => undefined };
  }

  #turn(key: string, line: Line): Turn {
    return {
      latest: line.latest,
      leave: (committed) => {
        if (committed !== undefined) line.latest = committed;
        const [next] = line.waiting;
        if (next === undefined) this.#lines.delete(key);
        else {
          line.waiting.delete(next);
          next();
        }
      },
    };
  }
}
