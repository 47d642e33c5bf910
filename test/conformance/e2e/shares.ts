/** Spreads tests over processes that run at the same time, so that all end at about the same time. Pure. */

/** Of a test that nobody has measured. */
const usualSeconds = 10;

/** The longest first, each to whoever has least to do. `secondsOf` is undefined for a test that never ran. */
export function shareOut(
  names: readonly string[],
  count: number,
  secondsOf: (name: string) => number | undefined,
): readonly (readonly string[])[] {
  const shares = Array.from({ length: count }, () => ({ names: [] as string[], seconds: 0 }));
  const costs = names.map((name) => ({ name, seconds: secondsOf(name) ?? usualSeconds }));
  for (const { name, seconds } of costs.sort((a, b) => b.seconds - a.seconds)) {
    const least = shares.reduce((one, other) => (other.seconds < one.seconds ? other : one));
    least.names.push(name);
    // Everything takes something.
    least.seconds += seconds + 1;
  }
  return shares.map((share) => share.names);
}
