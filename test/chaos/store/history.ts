/**
 * What clients asked for and what they were told: the record that the checker judges.
 *
 * Every attempt carries its `floor`: the highest revision that anybody had seen, in an answer or in an event of a
 * watch, when it began. One process records everything, so that "seen before it began" is exact.
 */

/** A key as the store describes it. */
export interface KeyState {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}

/** Values are unique over the whole run: a value names the attempt that wrote it. */
export type Request =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }
  /** Puts if the key was last changed at `expected` (0: is absent), and reads it otherwise. */
  | { readonly type: 'swap'; readonly key: string; readonly value: string; readonly expected: number }
  /** Puts the same value under two keys in one transaction. */
  | { readonly type: 'pair'; readonly keys: readonly [string, string]; readonly value: string }
  /** Reads a key, or all keys with a prefix. */
  | { readonly type: 'get'; readonly key: string; readonly prefix: boolean; readonly serializable: boolean };

export type Outcome =
  | {
      readonly type: 'done';
      /** Of the write itself, or of the state that a read saw. */
      readonly revision: number;
      /** What a put or delete found before it, a failed swap found, or a read returned. */
      readonly found: readonly KeyState[];
      /** False for a swap whose comparison failed. */
      readonly succeeded: boolean;
    }
  /** It may have happened, may yet happen, or never. */
  | { readonly type: 'unknown'; readonly error: string }
  /** The store said that it did not and will not happen. */
  | { readonly type: 'refused'; readonly error: string };

export interface Attempt {
  readonly client: string;
  /** The member that was asked. */
  readonly member: string;
  readonly floor: number;
  /** Milliseconds since the run began. */
  readonly begin: number;
  readonly end: number;
  readonly request: Request;
  readonly outcome: Outcome;
}

export type Change =
  | { readonly type: 'put'; readonly state: KeyState }
  | { readonly type: 'delete'; readonly key: string };

/** What is not as it was promised. */
export interface Violation {
  readonly rule: 'linearizability' | 'watch' | 'state' | 'liveness' | 'process';
  readonly text: string;
}

export class History {
  readonly attempts: Attempt[] = [];
  #floor = 0;

  /** The highest revision that anybody has seen so far. */
  get floor(): number {
    return this.#floor;
  }

  saw(revision: number): void {
    if (revision > this.#floor) this.#floor = revision;
  }

  add(attempt: Attempt): void {
    this.attempts.push(attempt);
    if (attempt.outcome.type === 'done') this.saw(attempt.outcome.revision);
  }
}
