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
const kept = new Map<string, Pattern | undefined>();

/** Undefined when the text is no pattern; see `patternProblem`. */
export function regexFor(source: string): Pattern | undefined {
  if (kept.has(source)) return kept.get(source);
  let pattern: Pattern | undefined;
  try {
    const compiled = RE2JS.compile(source);
    pattern = { test: (text) => compiled.matcher(text).find() };
  } catch {
    pattern = undefined;
  }
  if (kept.size >= maxKept) kept.delete(kept.keys().next().value ?? '');
  kept.set(source, pattern);
  return pattern;
}

/** Why a text is no pattern, or undefined. */
export function patternProblem(source: string): string | undefined {
  try {
    RE2JS.compile(source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
