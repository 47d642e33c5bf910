/**
 * Cuts a stream of text into the JSON values that stand in it one after the other, with or without space between.
 *
 * Values are cut, not checked: that is left to the parser. Nothing is looked at twice, and a value is never longer
 * than the bound.
 */
export class JsonSplitter {
  readonly #maxLength: number;
  #text = '';
  #looked = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Whether part of a value is held. */
  get pending(): boolean {
    return this.#text.length > 0;
  }

  /** The values that are complete with this piece. Throws a RangeError when one becomes too long. */
  push(piece: string): string[] {
    this.#text += piece;
    const values: string[] = [];
    for (;;) {
      const value = this.#next();
      if (value === undefined) break;
      values.push(value);
    }
    this.#check(this.#text.length);
    return values;
  }

  /** What is left at the end: a value that is no object or array, or a part of one. */
  end(): string | undefined {
    const rest = this.#text.trim();
    this.#text = '';
    return rest === '' ? undefined : rest;
  }

  #next(): string | undefined {
    if (this.#looked === 0) this.#text = this.#text.trimStart();
    const text = this.#text;
    for (let i = this.#looked; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (char === 0x5c) this.#escaped = true;
        else if (char === 0x22) this.#inString = false;
      } else if (char === 0x22) this.#inString = true;
      else if (char === 0x7b || char === 0x5b) this.#depth++;
      else if (char === 0x7d || char === 0x5d) {
        this.#depth--;
        if (this.#depth <= 0) return this.#cut(i + 1);
      } else if (this.#depth === 0 && i > 0 && (char === 0x20 || (char >= 0x09 && char <= 0x0d)))
        return this.#cut(i);
    }
    this.#looked = text.length;
    return undefined;
  }

  #check(length: number): void {
    if (length > this.#maxLength) throw new RangeError('a value is too long');
  }

  #cut(at: number): string {
    this.#check(at);
    const value = this.#text.slice(0, at);
    this.#text = this.#text.slice(at);
    this.#looked = 0;
    this.#depth = 0;
    return value;
  }
}
