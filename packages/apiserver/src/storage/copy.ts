/** Deep copies and comparisons of API objects: plain JSON trees, whose exact big integers are kept as they are. */
import { keepNotes } from '@timonier/api/decode/absence';
import { isBigInteger, setOwn } from '@timonier/api/json';

export { sameJson as sameTree } from '@timonier/api/same-json';

export function copyOf<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null || isBigInteger(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) setOwn(result, name, copy(item));
  keepNotes(value, result);
  return result;
}
