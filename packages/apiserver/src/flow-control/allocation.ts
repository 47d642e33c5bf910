/**
 * Who gets how many of the server's seats while levels lend to each other: each level its bounds at least and at most,
 * and within them all the same proportion of what they want. Pure.
 */
export interface SeatWish {
  readonly target: number;
  readonly least: number;
  readonly most: number;
}

/** Nobody's wish is nothing, or the proportion would mean nothing to it. */
const minTarget = 0.001;
const rounds = 60;

/**
 * Shares that sum to `total` as far as the bounds allow: each is `proportion * target` within its bounds. Too little for
 * everybody's least means everybody's least.
 */
export function allocateSeats(total: number, wishes: readonly SeatWish[]): number[] {
  const share = ({ target, least, most }: SeatWish, proportion: number): number =>
    Math.max(least, Math.min(most, proportion * Math.max(minTarget, target)));
  const sum = (proportion: number): number =>
    wishes.reduce((before, wish) => before + share(wish, proportion), 0);
  const bound = Math.max(
    0,
    ...wishes.map(({ target, most, least }) => Math.max(most, least) / Math.max(minTarget, target)),
  );
  // The sum never falls as the proportion rises: halving the range finds it.
  let low = 0;
  let high = bound;
  for (let i = 0; i < rounds; i++) {
    const middle = (low + high) / 2;
    if (sum(middle) < total) low = middle;
    else high = middle;
  }
  return wishes.map((wish) => share(wish, high));
}
