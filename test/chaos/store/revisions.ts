/**
 * The store's history as its watches tell it: for each revision the changes it made. The first watch to tell of a
 * revision defines it, and every other watch, on whatever member and however often interrupted, must tell the same.
 *
 * A watch over all keys has something to tell of every revision, so a hole is a lost event and a step back is a
 * doubled or reordered one: nothing has to be believed.
 */
import type { Change, Violation } from './history.ts';

export class Revisions {
  readonly first: number;
  readonly #changes: (readonly Change[])[] = [];
  readonly violations: Violation[] = [];

  /** `first` is the first revision that anybody watches from. */
  constructor(first: number) {
    this.first = first;
  }

  get last(): number {
    return this.first + this.#changes.length - 1;
  }

  at(revision: number): readonly Change[] | undefined {
    return this.#changes[revision - this.first];
  }

  /** The changes of one revision, as a watch over all keys that had told of everything up to `last` tells them. */
  tell(watcher: string, last: number, revision: number, changes: readonly Change[]): void {
    if (revision <= last) {
      this.#violated(`${watcher} was told of revision ${revision} after ${last}: doubled or reordered`);
      return;
    }
    if (revision > last + 1)
      this.#violated(`${watcher} was told of revision ${revision} after ${last}: events between are lost`);
    const known = this.at(revision);
    if (known === undefined) {
      // A hole was reported above; later watchers may fill it.
      this.#changes[revision - this.first] = changes;
    } else if (JSON.stringify(known) !== JSON.stringify(changes))
      this.#violated(
        `${watcher} was told ${JSON.stringify(changes)} of revision ${revision}, another one ${JSON.stringify(known)}`,
      );
  }

  #violated(text: string): void {
    if (this.violations.length < 100) this.violations.push({ rule: 'watch', text });
  }
}
