/**
 * A few parts of a JSON text, read without the rest: a selector looks at the labels and at two or three fields of ten
 * thousand objects of several kilobytes each, and whole trees of them would cost ten times as much and be garbage at once.
 */

/** What is wanted of an object, by name: a part of it, or `true` for a whole value. */
export interface Wanted {
  readonly [name: string]: Wanted | true;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The paths as one tree. A path that goes on below a whole value adds nothing. */
export function wantedOf(paths: Iterable<readonly string[]>): Wanted {
  interface Growing {
    [name: string]: Growing | true;
  }
  const root: Growing = {};
  for (const path of paths) {
    let at = root;
    for (const [i, name] of path.entries()) {
      const known = Object.hasOwn(at, name) ? at[name] : undefined;
      if (known === true) break;
      if (i === path.length - 1) at[name] = true;
      else at = at[name] = known ?? {};
    }
  }
  return root;
}

/**
 * The object with what is wanted of it only: as `JSON.parse` would read it, for a text that `JSON.stringify` wrote.
 * Throws a SyntaxError for anything else that it notices.
 */
export function partsOf(json: Buffer, wanted: Wanted): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  readObject(json, 0, wanted, out);
  return out;
}

/** Reads the object that begins at `start` into `out`; returns where it ends. */
function readObject(json: Buffer, start: number, wanted: Wanted, out: Record<string, unknown>): number {
  const names = Object.keys(wanted);
  let left = names.length;
  let at = expect(json, start, openBrace);
  if (json[at] === closeBrace) return at + 1;
  for (;;) {
    const end = endOfString(json, at);
    // What is wanted has plain names: none of them is equal to one with an escape or a letter beyond ASCII in it.
    const name = left > 0 ? nameBetween(json, at + 1, end - 1, names) : undefined;
    at = expect(json, end, colon);
    const part = name === undefined ? undefined : wanted[name];
    if (name === undefined || part === undefined) at = endOfValue(json, at);
    else {
      left--;
      if (part === true || json[at] !== openBrace) {
        const from = at;
        at = endOfValue(json, at);
        out[name] = valueOf(json, from, at);
      } else {
        const inner: Record<string, unknown> = {};
        out[name] = inner;
        at = readObject(json, at, part, inner);
      }
    }
    if (json[at] === closeBrace) return at + 1;
    at = expect(json, at, comma);
  }
}

/**
 * What stands at a path below the object that begins at `start`, as `JSON.parse` would read it; undefined where nothing does. What follows it
 * is not looked at.
 */
export function valueAt(json: Buffer, start: number, path: readonly string[]): unknown {
  let at = start;
  for (const [depth, name] of path.entries()) {
    if (depth > 0 && json[at] !== openBrace) return undefined;
    const member = startOfMember(json, at, name);
    if (member === undefined) return undefined;
    at = member;
  }
  return valueOf(json, at, endOfValue(json, at));
}

/** Where the value of a member of the object begins that begins at `start`. */
function startOfMember(json: Buffer, start: number, name: string): number | undefined {
  const names = [name];
  let at = expect(json, start, openBrace);
  if (json[at] === closeBrace) return undefined;
  for (;;) {
    const end = endOfString(json, at);
    const isWanted = nameBetween(json, at + 1, end - 1, names) !== undefined;
    at = expect(json, end, colon);
    if (isWanted) return at;
    at = endOfValue(json, at);
    if (json[at] === closeBrace) return undefined;
    at = expect(json, at, comma);
  }
}

/** Which of these names stands between two places; no text is made for one that is not among them. */
function nameBetween(json: Buffer, from: number, to: number, names: readonly string[]): string | undefined {
  next: for (const name of names) {
    if (name.length !== to - from) continue;
    for (let i = 0; i < name.length; i++) if (json[from + i] !== name.charCodeAt(i)) continue next;
    return name;
  }
  return undefined;
}

function expect(json: Buffer, at: number, byte: number): number {
  if (json[at] !== byte) throw broken(at);
  return at + 1;
}

function broken(at: number): SyntaxError {
  return new SyntaxError(`stored JSON is broken at byte ${at}`);
}

/** Where the text ends that begins at `start` with its quote. */
function endOfString(json: Buffer, start: number): number {
  let at = expect(json, start, quote);
  for (;;) {
    const byte = json[at];
    if (byte === quote) return at + 1;
    if (byte === undefined) throw broken(at);
    at += byte === backslash ? 2 : 1;
  }
}

/** What a byte does outside of texts: 1 opens something, 2 closes it, 3 begins a text. */
const structure = new Uint8Array(256);
structure[openBrace] = structure[openBracket] = 1;
structure[closeBrace] = structure[closeBracket] = 2;
structure[quote] = 3;

/** Where the value ends that begins at `start`. Throws a SyntaxError when it does not end. */
export function endOfValue(json: Buffer, start: number): number {
  const first = json[start];
  if (first === quote) return endOfString(json, start);
  let at = start;
  if (first === openBrace || first === openBracket) {
    let depth = 0;
    do {
      const byte = json[at];
      if (byte === undefined) throw broken(at);
      at++;
      switch (structure[byte]) {
        case 1:
          depth++;
          break;
        case 2:
          depth--;
          break;
        case 3:
          at = endOfString(json, at - 1);
          break;
        default:
      }
    } while (depth > 0);
    return at;
  }
  for (let byte = first; byte !== comma && byte !== closeBrace && byte !== closeBracket; byte = json[++at])
    if (byte === undefined) throw broken(at);
  if (at === start) throw broken(at);
  return at;
}

/** A value, which ends at `end`. */
function valueOf(json: Buffer, start: number, end: number): unknown {
  const text = json.toString('utf8', start, end);
  // Most are texts without escapes.
  if (json[start] === quote && !text.includes('\\')) return text.slice(1, -1);
  return JSON.parse(text);
}
