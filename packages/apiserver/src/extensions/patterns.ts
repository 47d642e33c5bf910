/**
 * Regular expressions of schemas, in RE2's syntax and with its linear time: a pattern comes from a user, and must not
 * be able to stop the server. Compiled once; the number kept is bounded.
 */
import { RE2JS } from 're2js';

export interface Pattern {
  /** Whether the pattern is found anywhere in the text. */
  test(text: string): boolean;
}

const maxKept = 2_000;
/** What each text came to: a pattern, or why it is none. Definitions say the same few hundreds of times. */
const kept = new Map<string, Pattern | string>();

/** Undefined when the text is no pattern; see `patternProblem`. */
export function regexFor(source: string): Pattern | undefined {
  const found = compiled(source);
  return typeof found === 'string' ? undefined : found;
}

/** Why a text is no pattern, or undefined. */
export function patternProblem(source: string): string | undefined {
  const found = compiled(source);
  return typeof found === 'string' ? found : undefined;
}

function compiled(source: string): Pattern | string {
  const known = kept.get(source);
  if (known !== undefined) return known;
  let found: Pattern | string;
  try {
    const pattern = RE2JS.compile(source);
    found = { test: (text) => pattern.matcher(text).find() };
  } catch (error) {
    found = error instanceof Error ? error.message : String(error);
  }
  if (kept.size >= maxKept) kept.delete(kept.keys().next().value ?? '');
  kept.set(source, found);
  return found;
}
