/** JSON as upstream's language prints it in texts that show an object without its own type. */

/** A tree as upstream prints the maps that it keeps strategic patches in. */
export function shownAsMap(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shownAsMap).join(' ')}]`;
  if (value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value) ?? '';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${shownAsMap(item)}`).join(' ')}]`;
}
