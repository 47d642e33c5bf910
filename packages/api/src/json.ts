/**
 * Bytes to JSON values. In: untrusted bytes. Out: the value and the keys given twice (the last one won).
 * Integers beyond 2^53 become `JSON.rawJSON` values, which `JSON.stringify` writes digit for digit: see `isBigInteger`.
 * Invariant: text that is no JSON or is nested too deeply is refused, and never crashes.
 */
import { jsonSyntaxError } from './json-syntax.ts';

export interface Parsed {
  readonly value: unknown;
  readonly duplicates: DoubledKeys;
}

/** What is said of keys that are there twice, such as `duplicate field "spec.containers[0].name"`. */
export interface DoubledKeys extends ReadonlyArray<string> {
  /** Puts them and what else is wrong with fields into the order of the text; undefined where these come first. */
  readonly inOrder?: (others: readonly string[]) => readonly string[];
}

export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** A number that no number of this language or Go's can stand for; the text says which. */
export class NumberRangeError extends JsonError {
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
      hasLongNumber(text) || (text.includes('\\u') && surrogate.test(text))
        ? rawJson.parse(text, exact)
        : (JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof RangeError) throw new JsonError('exceeded max depth');
    throw new JsonError(jsonSyntaxError(text), { cause: error });
  }
  // Hardly any text has a key twice, and names of keys are only looked at where one is missing in what was read.
  const keys = keysIn(text);
  const read = keys >= 0 ? keysOf(value) : -1;
  if (Number.isNaN(read)) throw new NumberRangeError(outOfRange(text));
  return { value, duplicates: keys >= 0 && keys === read ? [] : duplicatesIn(text) };
}

function duplicatesIn(text: string): DoubledKeys {
  const found = findDuplicates(text);
  const problems = found.map(({ problem }) => problem);
  // No part of the list: whoever compares or copies that, means the texts.
  return Object.defineProperty(problems, 'inOrder', {
    value: (others: readonly string[]): readonly string[] => inTextOrder(text, found, others),
  });
}

/** Read as infinite, such a number would be written as null. */
function outOfRange(text: string): string {
  let found = '';
  rawJson.parse(text, (_key, value, { source = '' }) => {
    if (found === '' && isInfinite(value)) found = source;
    return value;
  });
  return `json: cannot unmarshal number ${found} into Go value of type float64`;
}

function isInfinite(value: unknown): boolean {
  return value === Infinity || value === -Infinity;
}

const longDigits = 16;

/**
 * Whether so many digits stand in a row somewhere that a number of them may be one that would be rounded. A row of sixteen has one
 * at every sixteenth place: a text is looked at there and hardly anywhere else.
 */
export function hasLongNumber(text: string): boolean {
  for (let at = longDigits - 1; at < text.length; at += longDigits) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let first = at;
    while (first > 0 && isDigit(text.charCodeAt(first - 1))) first--;
    let end = at + 1;
    while (isDigit(text.charCodeAt(end))) end++;
    if (end - first >= longDigits) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
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

/** How many keys there are in text that is known to be valid JSON; -1 when it is nested too deeply. */
function keysIn(text: string): number {
  let keys = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case 0x3a: // :
        keys += 1;
        break;
      case 0x7b: // {
      case 0x5b:
        if (++depth > MAX_DEPTH) return -1;
        break;
      case 0x7d: // }
      case 0x5d:
        depth -= 1;
        break;
      default:
    }
  }
  return keys;
}

/** How many keys a value has in all; the stand-in of a large integer has none. NaN when a number was out of range. */
function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return isInfinite(value) ? Number.NaN : 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) keys += keysOf(value[i]);
    return keys;
  }
  for (const key in value) {
    // The one key of a stand-in, and nobody's else as a rule: to ask of every object would take time.
    if (key === 'rawJSON' && isBigInteger(value)) return 0;
    keys += 1 + keysOf((value as Record<string, unknown>)[key]);
  }
  return keys;
}

/** Where the quote is that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (escaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

interface Placed {
  readonly problem: string;
  /** Offset in the text. */
  readonly at: number;
}

function findDuplicates(text: string): Placed[] {
  const out: Placed[] = [];
  visitKeys(text, (levels, level, at) => {
    if (out.length < MAX_PROBLEMS && level.keys?.has(level.key) === true)
      out.push({ problem: `duplicate field "${pathOf(levels)}"`, at });
    level.keys?.add(level.key);
  });
  return out;
}

/** Somebody who sends more before the first mistake is told of mistakes in another order. */
const maxOrderedKeys = 20_000;

/** Problems with fields, each with the path of its field in quotes, and doubled ones, as a reader of the text meets them. */
function inTextOrder(text: string, doubled: readonly Placed[], others: readonly string[]): readonly string[] {
  const wanted = new Map(others.map((problem) => [/"(.*)"/s.exec(problem)?.[1] ?? '', problem]));
  const places = new Map<string, number>();
  let visited = 0;
  visitKeys(text, (levels, _level, at) => {
    if (++visited > maxOrderedKeys || places.size === wanted.size) return;
    const problem = wanted.get(pathOf(levels));
    if (problem !== undefined && !places.has(problem)) places.set(problem, at);
  });
  const placed = others.map((problem) => ({ problem, at: places.get(problem) ?? text.length }));
  return [...doubled, ...placed].sort((a, b) => a.at - b.at).map(({ problem }) => problem);
}

/** Walks text that is known to be valid JSON, and tells of each key with the levels that it is on and its offset. */
function visitKeys(text: string, visit: (levels: readonly Level[], level: Level, at: number) => void): void {
  const levels: Level[] = [];
  let level: Level | undefined;
  let expectKey = false;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i);
        if (expectKey && level?.keys !== undefined) {
          const inner = text.slice(i + 1, end);
          level.key = inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
          visit(levels, level, i);
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
    // No more than is shown: a key may be a megabyte long, and be part of the paths of thousands of others.
    const name = key.length > MAX_PATH ? key.slice(0, MAX_PATH + 1) : key;
    out += keys === undefined ? `[${index}]` : out === '' ? name : `.${name}`;
    if (out.length > MAX_PATH) break;
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
