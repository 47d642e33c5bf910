/**
 * What a script may consist of: calls of etcdctl, some that run on beside the next ones, and waits for what others do.
 */

export interface Call {
  readonly call: string;
  readonly input?: string;
  /** Saves the first group under a name for later lines. */
  readonly save?: { readonly name: string; readonly pattern: RegExp };
  /** Its lines have no order: several watches, members in the order of their ids. */
  readonly unordered?: true;
}

/** A call that runs on while the next ones are made. The run waits until it has printed what matches `ready`. */
export interface Begin {
  readonly begin: string;
  readonly as: string;
  readonly input?: string;
  readonly ready?: RegExp;
}

/** Waits until the call has printed so many lines, interrupts it unless it ends by itself, and compares it all. */
export interface End {
  readonly end: string;
  readonly lines: number;
  readonly unordered?: true;
}

export type Step = string | Call | Begin | End | Wait;

/** Repeats a call until its output matches, and compares the last one. */
export interface Wait {
  readonly wait: string;
  readonly matches: RegExp;
}

/** The script of a transaction: compares, then the two branches, as etcdctl reads them from its input. */
export function txn(
  compares: readonly string[],
  success: readonly string[],
  failure: readonly string[],
): string {
  return [...compares, '', ...success, '', ...failure, '', ''].join('\n');
}
