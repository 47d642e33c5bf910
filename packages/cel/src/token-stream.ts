/**
 * The tokens of a source, taken one after the other, and what to say when one is not what the grammar wants: after
 * cel-go's parser, which tells one token too many from one too few and from something else altogether.
 */
import { CompileError } from './errors.ts';
import { type Token, tokenize } from './lexer.ts';

/** What an expression may begin with, as cel-go's parser names it. */
const beginnings = [
  "'['",
  "'{'",
  "'('",
  "'.'",
  "'-'",
  "'!'",
  "'true'",
  "'false'",
  "'null'",
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
];
const openings: ReadonlySet<string> = new Set(['[', '[?', '{', '(', '.', '-', '!']);

export class TokenStream {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  /** Throws a `CompileError` when the source has a character that begins no token. */
  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '<EOF>', at: this.#source.length };
  }

  /** The one behind the next; undefined at the end. */
  get second(): Token | undefined {
    return this.#tokens[this.#next + 1];
  }

  take(): Token {
    const token = this.peek();
    this.#next++;
    return token;
  }

  /** Puts the last one back. */
  back(): void {
    this.#next--;
  }

  is(text: string): boolean {
    const token = this.peek();
    return token.kind === 'operator' && token.text === text;
  }

  accept(text: string): Token | undefined {
    return this.is(text) ? this.take() : undefined;
  }

  /** Throws a `CompileError` when something else comes. `others` may stand in its place, too. */
  expect(text: string, others: readonly string[] = []): Token {
    const token = this.accept(text);
    if (token === undefined) throw this.#instead(text, others);
    return token;
  }

  /** Whether an expression comes next. */
  get begins(): boolean {
    return begins(this.peek());
  }

  /** Whether the next token may stand behind a whole expression. */
  get follows(): boolean {
    const { kind, text } = this.peek();
    return (
      kind === 'end' ||
      (kind === 'operator' && text !== ':' && (!openings.has(text) || ['[', '.', '-'].includes(text)))
    );
  }

  error(at: number, message: string): CompileError {
    return new CompileError(this.#source, [{ at, message }]);
  }

  /** What stands where `text` should: one token too many, one too few, or something else altogether. */
  #instead(text: string, others: readonly string[]): CompileError {
    const quoted = [text, ...others].map((wanted) => `'${wanted}'`);
    const expected = others.length === 0 ? `'${text}'` : `{${quoted.join(', ')}}`;
    const { text: found, at } = this.peek();
    const after = this.second;
    if (after?.kind === 'operator' && [text, ...others].includes(after.text))
      return this.error(at, `Syntax error: extraneous input '${found}' expecting ${expected}`);
    const isMissing = text === ':' ? this.begins : others.length === 0 && this.follows;
    return isMissing
      ? this.error(at, `Syntax error: missing '${text}' at '${found}'`)
      : this.mismatched(expected);
  }

  mismatched(expected: string): CompileError {
    const { text, at } = this.peek();
    return this.error(at, `Syntax error: mismatched input '${text}' expecting ${expected}`);
  }

  /** No expression begins here; an argument list may end before it has one. */
  noBeginning(mayEnd: boolean): CompileError {
    const { text, at } = this.peek();
    const after = this.second;
    const isExtra =
      after !== undefined && (begins(after) || (mayEnd && after.kind === 'operator' && after.text === ')'));
    const wanted = mayEnd ? [...beginnings.slice(0, 3), "')'", ...beginnings.slice(3)] : beginnings;
    return this.error(
      at,
      `Syntax error: ${isExtra ? 'extraneous' : 'mismatched'} input '${text}' expecting {${wanted.join(', ')}}`,
    );
  }

  /** No name comes behind `before`. */
  noName(before: string): CompileError {
    const { text, at } = this.peek();
    return this.error(
      at,
      `Syntax error: no viable alternative at input '${before}${before !== '' && text === '<EOF>' ? '' : text}'`,
    );
  }
}

function begins({ kind, text }: Token): boolean {
  return kind === 'literal' || kind === 'ident' || (kind === 'operator' && openings.has(text));
}
