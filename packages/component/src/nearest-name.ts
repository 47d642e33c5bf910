/** Suggestions for names that nobody knows: the known one that is the fewest letters away. */

/** The nearest of `known`, when it is near enough to be what was meant: within half of its letters. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return nearest !== undefined && nearest.distance <= Math.max(2, name.length / 2)
    ? nearest.candidate
    : undefined;
}

/** What to say to somebody who named what is not there: the nearest one, or `otherwise` when none is near. */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
  otherwise = `there is ${known.join(', ')}`,
): string {
  const nearest = nearestName(name, known);
  return `unknown ${what} "${name}"; ${nearest === undefined ? otherwise : `did you mean "${nearest}"?`}`;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitute, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
