/**
 * Whether two JSON trees say the same. Objects are compared several times for every change, and most of their parts are
 * equal: it leaves no garbage behind.
 */
import { isBigInteger } from './json.ts';

/** The order of names does not matter, that of items does; a member that is undefined is one that is absent. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(a, b);
  return !Array.isArray(b) && sameMembers(a as Members, b as Members);
}

type Members = Readonly<Record<string, unknown>>;

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameJson(a[i], b[i])) return false;
  return true;
}

function sameMembers(a: Members, b: Members): boolean {
  let surplus = 0;
  for (const name in a) {
    const value = a[name];
    if (value === undefined) continue;
    if (!Object.hasOwn(b, name) || !sameJson(value, b[name])) return false;
    surplus--;
  }
  for (const name in b) if (b[name] !== undefined) surplus++;
  // A stand-in for a large integer has a member, too.
  return surplus === 0 && isBigInteger(a) === isBigInteger(b);
}

/**
 * A text that two trees share exactly when they say the same: what is looked up by it need not be compared with everything
 * else. Undefined, too, has one of its own.
 */
export function textOfJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(textOfJson).join()}]`;
  const members = value as Members;
  const names = Object.keys(members).filter((name) => members[name] !== undefined);
  const texts = names.sort().map((name) => `${JSON.stringify(name)}:${textOfJson(members[name])}`);
  return `${isBigInteger(value) ? '#' : ''}{${texts.join()}}`;
}
