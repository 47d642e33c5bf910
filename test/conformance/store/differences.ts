/**
 * Where `timonier store` is known to answer differently from etcd, and why. The test asserts the difference itself:
 * etcd must succeed or fail as it does, ours must print what is written here. An entry that no longer holds fails
 * the test, so that the table stays true.
 */

export interface Difference {
  /** Line of the script, whole. */
  readonly line: string;
  readonly reason: string;
  /** What ours prints instead, on either stream. */
  readonly ours: RegExp;
}

export const differences: readonly Difference[] = [];
