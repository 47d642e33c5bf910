/**
 * What limits requests when fairness is switched off: so many mutating ones and so many others at once, whoever sends
 * them. Administrators are let through. 0 is no limit.
 */
import type { User } from '../pipeline/authenticate.ts';

export class InFlight {
  readonly #limits: { readonly mutating: number; readonly readOnly: number };
  readonly #counts = { mutating: 0, readOnly: 0 };

  constructor(limits: { readonly mutating: number; readonly readOnly: number }) {
    this.#limits = limits;
  }

  /** What to call at the end of the request; undefined when there are too many. */
  admit(kind: 'mutating' | 'readOnly', user: User): (() => void) | undefined {
    const limit = this.#limits[kind];
    const isFull = limit > 0 && this.#counts[kind] >= limit;
    if (isFull && !user.groups.includes('system:masters')) return undefined;
    this.#counts[kind]++;
    let isReleased = false;
    return () => {
      if (!isReleased) this.#counts[kind]--;
      isReleased = true;
    };
  }
}
