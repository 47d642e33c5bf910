/** Source text to tokens, after the CEL specification. */
import { CompileError } from './errors.ts';
import { Uint, type Value } from './values.ts';

export interface Token {
  readonly kind: 'ident' | 'literal' | 'operator' | 'end';
  readonly text: string;
  readonly at: number;
  readonly value?: Value;
  /** True for a name in backticks, which may hold any character. */
  readonly quoted?: boolean;
}

/** As cel-go. */
const maxLength = 100_000;
const operators = [
  '==',
  '!=',
  '<=',
  '>=',
  '&&',
  '||',
  '.?',
  '[?',
  '+',
  '-',
  '*',
  '/',
  '%',
  '<',
  '>',
  '!',
  '?',
  ':',
  '.',
  ',',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
];
export const reserved: ReadonlySet<string> = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
]);
const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

/** Throws a `CompileError`. */
export function tokenize(source: string): Token[] {
  if (source.length > maxLength)
    throw new CompileError(source.slice(0, 100), [
      {
        at: 0,
        message: `expression code point size exceeds limit: size: ${source.length}, limit ${maxLength}`,
      },
    ]);
  const tokens: Token[] = [];
  let at = 0;
  const fail = (message: string, place = at): CompileError =>
    new CompileError(source, [{ at: place, message }]);
  while (at < source.length) {
    const rest = source.slice(at, at + 512);
    const blank = /^(?:\s+|\/\/[^\n]*)/.exec(rest);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const opening = /^(?:[rR]?[bB]?|[bB][rR])("""|'''|"|')/.exec(rest);
    if (opening !== null) {
      const { value, end } = readText(source, at, opening[0], opening[1] ?? '', fail);
      tokens.push({ kind: 'literal', text: source.slice(at, end), at, value });
      at = end;
      continue;
    }
    const number =
      /^(?:0[xX][0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)/.exec(
        rest,
      );
    if (number !== null && !(number[0].startsWith('.') && isMember(tokens.at(-1)))) {
      tokens.push({ kind: 'literal', text: number[0], at, value: readNumber(number[0], fail) });
      at += number[0].length;
      continue;
    }
    const name = /^[A-Za-z_]\w*/.exec(rest);
    if (name !== null) {
      tokens.push(wordToken(name[0], at));
      at += name[0].length;
      continue;
    }
    const quoted = /^`([^`\n]+)`/.exec(rest);
    if (quoted !== null) {
      tokens.push({ kind: 'ident', text: quoted[1] ?? '', at, quoted: true });
      at += quoted[0].length;
      continue;
    }
    const operator = operators.find((known) => rest.startsWith(known));
    if (operator === undefined) {
      // What could have become an operator is told with what it did not become one by.
      const length = '&|='.includes(rest[0] ?? '') ? 2 : 1;
      throw fail(`Syntax error: token recognition error at: '${rest.slice(0, length)}'`);
    }
    tokens.push({ kind: 'operator', text: operator, at });
    at += operator.length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length });
  return tokens;
}

/** Whether a dot after this token selects a field. */
function isMember(token: Token | undefined): boolean {
  return token?.kind === 'ident' || token?.text === ')' || token?.text === ']' || token?.text === '}';
}

function wordToken(text: string, at: number): Token {
  if (text === 'true' || text === 'false') return { kind: 'literal', text, at, value: text === 'true' };
  if (text === 'null') return { kind: 'literal', text, at, value: null };
  return { kind: text === 'in' ? 'operator' : 'ident', text, at };
}

function readNumber(text: string, fail: (message: string) => CompileError): Value {
  const isHex = /^0[xX]/.test(text);
  if (!isHex && /[.eE]/.test(text)) {
    if (!Number.isFinite(Number(text))) throw fail('invalid double literal');
    return Number(text);
  }
  if (/[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    if (value > 0xffff_ffff_ffff_ffffn) throw fail('invalid uint literal');
    return new Uint(value);
  }
  const value = BigInt(text);
  // One more than fits when a minus sign stands before it.
  if (value > 0x8000_0000_0000_0000n) throw fail('invalid int literal');
  return value;
}

function readText(
  source: string,
  start: number,
  opening: string,
  quote: string,
  fail: (message: string, at?: number) => CompileError,
): { value: Value; end: number } {
  const isRaw = /r/i.test(opening);
  const isBytes = /b/i.test(opening);
  const parts: Buffer[] = [];
  let text = '';
  const flush = (): void => {
    parts.push(Buffer.from(text));
    text = '';
  };
  let at = start + opening.length;
  for (;;) {
    if (at >= source.length)
      throw fail(`Syntax error: token recognition error at: '${source.slice(start, start + 20)}'`, start);
    if (source.startsWith(quote, at)) break;
    const c = source[at] ?? '';
    if (c === '\n' && quote.length === 1)
      throw fail(`Syntax error: token recognition error at: '${source.slice(start, at)}'`, start);
    if (c !== '\\' || isRaw) {
      text += c;
      at++;
      continue;
    }
    const escape =
      /^\\(?:([abfnrtv\\'"`?])|x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(
        source.slice(at, at + 10),
      );
    if (escape === null) {
      const [begun = ''] = /^\\(?:[xXuU][0-9a-fA-F]*|[0-3][0-7]?)?[^]?/.exec(source.slice(at, at + 12)) ?? [];
      throw fail(
        `Syntax error: token recognition error at: '${source.slice(start, at + begun.length)}'`,
        start,
      );
    }
    const [whole, simple, hex, bigHex, unicode, long, octal] = escape;
    if (simple !== undefined) text += escapes[simple] ?? '';
    else if (unicode !== undefined || long !== undefined) {
      const point = Number.parseInt(unicode ?? long ?? '', 16);
      if (isBytes || point > 0x10_ffff || (point >= 0xd800 && point < 0xe000))
        throw fail('unable to unescape string', start);
      text += String.fromCodePoint(point);
    } else {
      const code = octal === undefined ? Number.parseInt(hex ?? bigHex ?? '', 16) : Number.parseInt(octal, 8);
      if (isBytes) {
        flush();
        parts.push(Buffer.from([code]));
      } else text += String.fromCodePoint(code);
    }
    at += whole.length;
  }
  flush();
  const all = Buffer.concat(parts);
  return { value: isBytes ? new Uint8Array(all) : all.toString('utf8'), end: at + quote.length };
}
