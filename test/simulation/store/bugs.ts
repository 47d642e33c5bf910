/** The known bugs and what each breaks; see `known-bugs.ts` of the store. */
import type { KnownBug } from '../../../packages/store/src/known-bugs.ts';

export interface NamedBug {
  readonly name: KnownBug;
  readonly breaks: string;
}

export const knownBugs: readonly NamedBug[] = [];
