/**
 * JSON in the form in which `JSON.stringify` writes it, read as bytes: where its values end, and that they are such JSON. What it is not
 * sure about it refuses, for all that comes of it is that objects are made after all: letters written as `\u`, fractions,
 * integers of 16 digits, names that come twice. What it lets pass can be copied where JSON is wanted.
 */

export const quote = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const openBracket = 0x5b;
export const closeBracket = 0x5d;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;
/** The first letter of `null`. */
export const letterN = 0x6e;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const backslash = 0x5c;

const maxDepth = 64;
/** Of integers: more could be rounded. */
const maxDigits = 15;
/** Names of an object that are compared with each other when they are in no order. */
const manyNames = 64;

/** Room for as many is kept. */
const usualNames = 4_096;

/** Thrown for what is refused. */
export class NotPlain extends Error {
  override readonly name = 'NotPlain';
}
/** Nobody looks where it is from, and to find out takes time. */
export const notPlain = new NotPlain('left to the encoder of objects');

/** 0 for a byte within a text; 1 for what ends it, escapes or is not allowed; 2 for one of a letter beyond ASCII. */
export const inText = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === quote || byte === backslash ? 1 : byte >= 0x80 ? 2 : 0,
);
/** What a letter behind a backslash stands for; 0 for letters that need none, or are more than one. */
export const escapes = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ '"': 34, '\\': 92, b: 8, f: 12, n: 10, r: 13, t: 9 }))
  escapes[letter.charCodeAt(0)] = byte;

export class JsonBytes {
  /** The JSON, with a byte behind it that can be in none. */
  bytes = new Uint8Array(1);
  /** What `digits` has read. */
  protected number = 0;
  /** How many letters of the last text are escaped. */
  protected escaped = 0;
  /** Cleared by letters beyond ASCII, which nobody has looked at. */
  protected isAscii = true;
  #depth = 0;
  /** Where the names of the objects begin and end that are being read. */
  #names: number[] = [];
  #nameCount = 0;

  protected begin(): void {
    this.#depth = 0;
    this.#nameCount = 0;
    this.isAscii = true;
  }

  /** Gives back what only a large text needs. */
  release(): void {
    if (this.#names.length > usualNames) this.#names = [];
  }

  protected enter(): void {
    if (++this.#depth > maxDepth) throw notPlain;
  }

  protected leave(): void {
    this.#depth--;
  }

  /** A text from behind its quote. Returns where the quote is that ends it. */
  protected text(start: number): number {
    const { bytes } = this;
    let escaped = 0;
    for (let at = start; ; at++) {
      const byte = bytes[at] ?? 0;
      const kind = inText[byte];
      if (kind === 0) continue;
      if (byte === quote) {
        this.escaped = escaped;
        return at;
      }
      if (kind === 2) this.isAscii = false;
      else {
        if (byte !== backslash || escapes[bytes[++at] ?? 0] === 0) throw notPlain;
        escaped++;
      }
    }
  }

  /** `true`, `false` or `null`. Returns where it ends, as what follows. */
  protected literal(at: number): number {
    const { bytes } = this;
    const first = bytes[at];
    const b = bytes[at + 1];
    const c = bytes[at + 2];
    const d = bytes[at + 3];
    if (first === 0x74 && b === 0x72 && c === 0x75 && d === 0x65) return at + 4;
    if (first === 0x66 && b === 0x61 && c === 0x6c && d === 0x73 && bytes[at + 4] === 0x65) return at + 5;
    if (first === letterN && b === 0x75 && c === 0x6c && d === 0x6c) return at + 4;
    throw notPlain;
  }

  /** An integer; what follows one that goes on, such as a fraction, is none of what may follow a value. */
  protected digits(start: number): number {
    const { bytes } = this;
    const first = bytes[start] === minus ? start + 1 : start;
    let at = first;
    let number = 0;
    for (let byte = bytes[at] ?? 0; byte >= zero && byte <= nine; byte = bytes[++at] ?? 0)
      number = number * 10 + byte - zero;
    const isZero = bytes[first] === zero;
    if (at === first || at - first > maxDigits || (isZero && (at > first + 1 || first > start)))
      throw notPlain;
    this.number = first > start ? -number : number;
    return at;
  }

  /** Any value. */
  protected any(start: number): number {
    const { bytes } = this;
    switch (bytes[start]) {
      case quote:
        return this.text(start + 1) + 1;
      case openBrace:
        // Of what managers own most is empty.
        return bytes[start + 1] === closeBrace ? start + 2 : this.#object(start);
      case openBracket: {
        this.enter();
        let at = start + 1;
        if (bytes[at] === closeBracket) at++;
        else
          for (;;) {
            at = this.any(at);
            const next = bytes[at++];
            if (next === closeBracket) break;
            if (next !== comma) throw notPlain;
          }
        this.leave();
        return at;
      }
      case 0x74:
      case 0x66:
      case letterN:
        return this.literal(start);
      default:
        return this.digits(start);
    }
  }

  #object(start: number): number {
    this.enter();
    const { bytes } = this;
    const names = this.#names;
    const first = this.#nameCount;
    let isOrdered = true;
    let at = start + 1;
    for (;;) {
      if (bytes[at] !== quote) throw notPlain;
      const name = at + 1;
      at = this.text(name);
      const count = this.#nameCount;
      if (isOrdered && count > first)
        isOrdered = this.isBefore(names[count - 2] ?? 0, names[count - 1] ?? 0, name, at);
      names[count] = name;
      names[count + 1] = at;
      this.#nameCount = count + 2;
      // Objects have their whole numbers first, in another order than texts.
      const letter = bytes[name] ?? 0;
      if (letter >= zero && letter <= nine) throw notPlain;
      if (bytes[++at] !== colon) throw notPlain;
      at = this.any(at + 1);
      const next = bytes[at++];
      if (next === closeBrace) break;
      if (next !== comma) throw notPlain;
    }
    if (!isOrdered) this.#differ(first);
    this.#nameCount = first;
    this.leave();
    return at;
  }

  /** Throws when two of the names from `first` on are the same. */
  #differ(first: number): void {
    const names = this.#names;
    const count = this.#nameCount;
    if (count - first > manyNames * 2) throw notPlain;
    for (let i = first; i < count; i += 2)
      for (let j = first; j < i; j += 2)
        if (this.#areSame(names[i] ?? 0, names[i + 1] ?? 0, names[j] ?? 0, names[j + 1] ?? 0)) throw notPlain;
  }

  #areSame(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (end - start !== otherEnd - otherStart) return false;
    const { bytes } = this;
    for (let i = 0; i < end - start; i++) if (bytes[start + i] !== bytes[otherStart + i]) return false;
    return true;
  }

  /** Whether the first of two texts is before the second, byte by byte. */
  protected isBefore(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    const { bytes } = this;
    const length = Math.min(end - start, otherEnd - otherStart);
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i] ?? 0;
      const other = bytes[otherStart + i] ?? 0;
      if (byte !== other) return byte < other;
    }
    return end - start < otherEnd - otherStart;
  }
}
