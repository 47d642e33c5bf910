/**
 * Bytes to JSON values. In: untrusted bytes. Out: the value and the keys given twice (the last one won).
 * Integers beyond 2^53 become `JSON.rawJSON` values, which `JSON.stringify` writes digit for digit: see `isBigInteger`.
 * Invariant: text that is no JSON or is nested too deeply is refused, and never crashes.
 */
import { jsonSyntaxError } from './json-syntax.ts';

export interface Parsed {
  readonly value: unknown;
  /** What is said of keys that are there twice, such as `duplicate field "spec.containers[0].name"`. */
  readonly duplicates: readonly string[];
}

export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** Deeper values are refused: recursive code that follows must not exhaust the stack. */
export const MAX_DEPTH = 1_000;

/** As upstream: more problems with the fields of one body are not listed. */
export const MAX_PROBLEMS = 100;
/** Keys are the client's, and a place is named in every problem with what is in it. */
const MAX_PATH = 1_024;

/** A place as texts name it. */
export function shortPath(path: string): string {
  return path.length <= MAX_PATH ? path : `${path.slice(0, MAX_PATH)}...`;
}

/** Not in TypeScript's library yet. */
interface RawJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
const rawJson = JSON as unknown as RawJson;

/** Whether the value stands for an integer that a JavaScript number cannot hold. */
export function isBigInteger(value: unknown): value is { readonly rawJSON: string } {
  return rawJson.isRawJSON(value);
}

/** A number, or its exact stand-in where a number would be rounded. */
export function integerValue(value: bigint): unknown {
  return value >= -0x1f_ffff_ffff_ffffn && value <= 0x1f_ffff_ffff_ffffn
    ? Number(value)
    : rawJson.rawJSON(value.toString());
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
/** An escaped half of a pair, which may stand alone. */
const surrogate = /\\u[dD][89a-fA-F]/;

/** Decodes UTF-8 and refuses anything else. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new JsonError('invalid UTF-8');
  }
}

/** Parses JSON. Throws a `JsonError`. As in Go, what is no letter becomes the replacement character. */
export function parseJson(bytes: Uint8Array | string): Parsed {
  const text = typeof bytes === 'string' ? bytes : lenientUtf8.decode(bytes);
  let value: unknown;
  try {
    value =
      /\d{16}/.test(text) || (text.includes('\\u') && surrogate.test(text))
        ? rawJson.parse(text, exact)
        : (JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof RangeError) throw new JsonError('exceeded max depth');
    throw new JsonError(jsonSyntaxError(text), { cause: error });
  }
  return { value, duplicates: findDuplicates(text) };
}

function exact(_key: string, found: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof found === 'string') return found.toWellFormed();
  const isLarge = typeof found === 'number' && !Number.isSafeInteger(found);
  return isLarge && source !== undefined && /^-?\d+$/.test(source) ? rawJson.rawJSON(source) : found;
}

interface Level {
  /** Keys seen so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  index: number;
  key: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Walks text that is known to be valid JSON. */
function findDuplicates(text: string): string[] {
  const out: string[] = [];
  const levels: Level[] = [];
  let level: Level | undefined;
  let expectKey = false;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        let end = text.indexOf('"', i + 1);
        while (escaped(text, end)) end = text.indexOf('"', end + 1);
        if (expectKey && level?.keys !== undefined) {
          const inner = text.slice(i + 1, end);
          level.key = inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
          if (out.length < MAX_PROBLEMS && level.keys.has(level.key))
            out.push(`duplicate field "${pathOf(levels)}"`);
          level.keys.add(level.key);
          expectKey = false;
        }
        i = end;
        break;
      }
      case 0x7b: // {
      case 0x5b: {
        if (levels.length >= MAX_DEPTH)
          throw new JsonError(`invalid character '${text[i]}' exceeded max depth`);
        const object = text.charCodeAt(i) === 0x7b;
        level = { keys: object ? new Set() : undefined, index: 0, key: '' };
        levels.push(level);
        expectKey = object;
        break;
      }
      case 0x7d: // }
      case 0x5d:
        levels.pop();
        level = levels.at(-1);
        expectKey = false;
        break;
      case 0x2c: // ,
        if (level?.keys !== undefined) expectKey = true;
        else if (level !== undefined) level.index += 1;
        break;
      default:
    }
  }
  return out;
}

/** Whether an odd number of backslashes stands before the quote. */
function escaped(text: string, quote: number): boolean {
  let count = 0;
  while (text.charCodeAt(quote - 1 - count) === BACKSLASH) count += 1;
  return count % 2 === 1;
}

function pathOf(levels: readonly Level[]): string {
  let out = '';
  for (const { keys, key, index } of levels) {
    out += keys === undefined ? `[${index}]` : out === '' ? key : `.${key}`;
  }
  return shortPath(out);
}

/** Sets an own property even for the key `__proto__`, which plain assignment would take for the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}
