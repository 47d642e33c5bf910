/**
 * What is wrong with a text that is no JSON, in the words that Kubernetes has from Go: clients show them, and some match
 * on them. Only asked about texts that the parser refused. Pure.
 */

const spaces: ReadonlySet<string> = new Set([' ', '\t', '\r', '\n']);
const literals: ReadonlySet<string> = new Set(['true', 'false', 'null']);
const end = 'unexpected end of JSON input';

class Complaint extends Error {}

/** `unexpected end of JSON input`, or `invalid character 'x' looking for beginning of value`. */
export function jsonSyntaxError(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.document();
  } catch (error) {
    if (error instanceof Complaint) return error.message;
    if (error instanceof RangeError) return 'exceeded max depth';
    throw error;
  }
  return 'not JSON';
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value();
    this.#skip();
    if (this.#at < this.#text.length) this.#refuse('after top-level value');
  }

  #skip(): void {
    while (spaces.has(this.#text[this.#at] ?? '')) this.#at++;
  }

  #peek(): string {
    const letter = this.#text[this.#at];
    if (letter === undefined) throw new Complaint(end);
    return letter;
  }

  #refuse(where: string): never {
    throw new Complaint(`invalid character ${quoted(this.#peek())} ${where}`);
  }

  #value(): void {
    this.#skip();
    const letter = this.#peek();
    if (letter === '{') this.#object();
    else if (letter === '[') this.#list();
    else if (letter === '"') this.#string();
    else if (letter === '-' || isDigit(letter)) this.#number();
    else this.#literal();
  }

  #object(): void {
    this.#at++;
    this.#skip();
    if (this.#peek() === '}') return void this.#at++;
    for (;;) {
      this.#skip();
      if (this.#peek() !== '"') this.#refuse('looking for beginning of object key string');
      this.#string();
      this.#skip();
      if (this.#peek() !== ':') this.#refuse('after object key');
      this.#at++;
      this.#value();
      this.#skip();
      const next = this.#peek();
      if (next !== ',' && next !== '}') this.#refuse('after object key:value pair');
      this.#at++;
      if (next === '}') return;
    }
  }

  #list(): void {
    this.#at++;
    this.#skip();
    if (this.#peek() === ']') return void this.#at++;
    for (;;) {
      this.#value();
      this.#skip();
      const next = this.#peek();
      if (next !== ',' && next !== ']') this.#refuse('after array element');
      this.#at++;
      if (next === ']') return;
    }
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const letter = this.#peek();
      if (letter < ' ') this.#refuse('in string literal');
      this.#at++;
      if (letter === '"') return;
      if (letter !== '\\') continue;
      const escaped = this.#peek();
      if (escaped === 'u') {
        this.#at++;
        for (let i = 0; i < 4; i++, this.#at++)
          if (!/[0-9a-fA-F]/.test(this.#peek())) this.#refuse('in \\u hexadecimal character escape');
      } else if ('"\\/bfnrt'.includes(escaped)) this.#at++;
      else this.#refuse('in string escape code');
    }
  }

  #number(): void {
    if (this.#peek() === '-') {
      this.#at++;
      if (!isDigit(this.#peek())) this.#refuse('in numeric literal');
    }
    if (this.#peek() === '0') this.#at++;
    else this.#digits();
    if (this.#text[this.#at] === '.') {
      this.#at++;
      if (!isDigit(this.#peek())) this.#refuse('after decimal point in numeric literal');
      this.#digits();
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#at++;
      if (/[+-]/.test(this.#peek())) this.#at++;
      if (!isDigit(this.#peek())) this.#refuse('in exponent of numeric literal');
      this.#digits();
    }
  }

  #digits(): void {
    while (isDigit(this.#text[this.#at] ?? '')) this.#at++;
  }

  #literal(): void {
    const wanted = [...literals].find((one) => one[0] === this.#peek());
    if (wanted === undefined) this.#refuse('looking for beginning of value');
    for (const [i, letter] of Array.from(wanted).entries()) {
      if (i > 0 && this.#peek() !== letter)
        this.#refuse(`in literal ${wanted} (expecting ${quoted(letter)})`);
      this.#at++;
    }
  }
}

function isDigit(letter: string): boolean {
  return letter >= '0' && letter <= '9';
}

/** A letter as Go shows it. */
function quoted(letter: string): string {
  if (letter === "'") return "'\\''";
  if (letter === '"') return `'"'`;
  const shown = JSON.stringify(letter).slice(1, -1);
  return `'${shown.replace(/^\\u00/, '\\x')}'`;
}
