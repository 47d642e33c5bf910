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

export const differences: readonly Difference[] = [
  {
    line: 'member list #4',
    reason: 'etcd 3.4 forgets that a member is a learner when its addresses change',
    ours: /http:\/\/127.0.0.1:4,http:\/\/127.0.0.1:3, , true/,
  },
];
