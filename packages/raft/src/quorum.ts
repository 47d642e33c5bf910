/**
 * Quorum arithmetic over plain numbers. Pure; checked against a naive twin in quorum.test.ts.
 */

/** How many of `voters` make a majority. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The largest value that a majority has reached: each element of `values` is what one voter has reached. Sorts
 * `values` in place (insertion sort: groups are small and this runs on every acknowledgement). 0 without voters.
 */
export function reachedByMajority(values: number[]): number {
  for (let i = 1; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    let j = i - 1;
    while (j >= 0 && (values[j] ?? 0) < value) {
      values[j + 1] = values[j] ?? 0;
      j -= 1;
    }
    values[j + 1] = value;
  }
  return values[majority(values.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** The state of a ballot among `voters`; votes of others do not count. */
export function ballotResult(voters: readonly string[], votes: ReadonlyMap<string, boolean>): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) refused += 1;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}
