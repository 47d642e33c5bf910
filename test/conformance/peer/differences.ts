/**
 * Where our API server answers differently from Kubernetes' on purpose, and why. An entry that nothing needs any more
 * fails a whole run, so that the table stays true.
 */
export interface MeantDifference {
  /** Of cases, as `SECTION: TITLE`. */
  readonly title: RegExp;
  /** Of places in the answer; all of them unless told. */
  readonly place?: RegExp;
  readonly reason: string;
}

export const meant: readonly MeantDifference[] = [];
