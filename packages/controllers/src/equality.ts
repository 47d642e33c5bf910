/** Comparing API objects by value, and hashing them, whatever order their fields came in. */

/** JSON with sorted keys; absent and undefined fields are the same. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a ?? null) === canonicalJson(b ?? null);
}

/** 32-bit FNV-1a over UTF-8. */
export function fnv32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

const safeLetters = 'bcdfghjklmnpqrstvwxz2456789';

/** Digits in an alphabet without vowels, so that no words come out; fit for names and label values. */
export function safeName(number: number): string {
  return Array.from(String(number), (digit) => safeLetters[digit.charCodeAt(0) % safeLetters.length]).join(
    '',
  );
}
