/**
 * Where `timonier store` is known to answer differently from etcd, and why. The test asserts the difference itself:
 * ours must print what is written here. An entry that no longer holds fails the test, so that the table stays true.
 */

export interface Difference {
  /** Line of the script, whole; `#2` is the second time that it comes. */
  readonly line: string;
  readonly reason: string;
  /** What ours prints instead, on either stream. */
  readonly ours: RegExp;
}

export const differences: readonly Difference[] = [];
