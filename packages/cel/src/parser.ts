/**
 * Tokens to a tree, after the grammar of the CEL specification, with the optional syntax and the macros that Kubernetes
 * turns on. Nesting is bounded; the first syntax error ends parsing.
 */
import type { Comprehension, Entry, Expr, MacroName, Select } from './ast.ts';
import { CompileError, nowhere } from './errors.ts';
import { reserved, type Token, tokenize } from './lexer.ts';

/** As cel-go. */
const maxDepth = 250;
const relations: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>': '_>_',
  '>=': '_>=_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
};
const sums: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' };
const products: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' };

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

/** Throws a `CompileError`. */
export function parse(source: string): Expr {
  return new Parser(source).whole();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  whole(): Expr {
    const expr = this.#expr();
    if (this.#peek().kind !== 'end') throw this.#mismatched('<EOF>');
    return expr;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '<EOF>', at: this.#source.length };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'operator' && token.text === text;
  }

  #accept(text: string): Token | undefined {
    return this.#is(text) ? this.#take() : undefined;
  }

  /** `others` may stand in its place, too. */
  #expect(text: string, others: readonly string[] = []): Token {
    return this.#accept(text) ?? this.#raise(this.#instead(text, others));
  }

  #raise(error: CompileError): never {
    throw error;
  }

  #error(at: number, message: string): CompileError {
    return new CompileError(this.#source, [{ at, message }]);
  }

  /** What stands where `text` should: one token too many, one too few, or something else altogether. */
  #instead(text: string, others: readonly string[]): CompileError {
    const quoted = [text, ...others].map((wanted) => `'${wanted}'`);
    const expected = others.length === 0 ? `'${text}'` : `{${quoted.join(', ')}}`;
    const { text: found, at } = this.#peek();
    const after = this.#tokens[this.#next + 1];
    if (after?.kind === 'operator' && [text, ...others].includes(after.text))
      return this.#error(at, `Syntax error: extraneous input '${found}' expecting ${expected}`);
    const isMissing = text === ':' ? this.#begins(this.#peek()) : others.length === 0 && this.#follows();
    return isMissing
      ? this.#error(at, `Syntax error: missing '${text}' at '${found}'`)
      : this.#mismatched(expected);
  }

  #mismatched(expected: string): CompileError {
    const { text, at } = this.#peek();
    return this.#error(at, `Syntax error: mismatched input '${text}' expecting ${expected}`);
  }

  /** No expression begins here; an argument list may end before it has one. */
  #noBeginning(mayEnd: boolean): CompileError {
    const { text, at } = this.#peek();
    const after = this.#tokens[this.#next + 1];
    const isExtra =
      after !== undefined &&
      (this.#begins(after) || (mayEnd && after.kind === 'operator' && after.text === ')'));
    const wanted = mayEnd ? [...beginnings.slice(0, 3), "')'", ...beginnings.slice(3)] : beginnings;
    return this.#error(
      at,
      `Syntax error: ${isExtra ? 'extraneous' : 'mismatched'} input '${text}' expecting {${wanted.join(', ')}}`,
    );
  }

  #begins({ kind, text }: Token): boolean {
    return kind === 'literal' || kind === 'ident' || (kind === 'operator' && openings.has(text));
  }

  /** Whether the next token may stand behind a whole expression. */
  #follows(): boolean {
    const { kind, text } = this.#peek();
    return (
      kind === 'end' ||
      (kind === 'operator' && text !== ':' && (!openings.has(text) || ['[', '.', '-'].includes(text)))
    );
  }

  #noName(before: string): CompileError {
    const { text, at } = this.#peek();
    return this.#error(at, `Syntax error: no viable alternative at input '${before}${text}'`);
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth) throw this.#tooDeep();
    const condition = this.#or();
    const question = this.#accept('?');
    let result = condition;
    if (question !== undefined) {
      const yes = this.#or();
      this.#expect(':');
      result = {
        kind: 'call',
        name: '_?_:_',
        target: undefined,
        args: [condition, yes, this.#expr()],
        at: question.at,
      };
    }
    this.#depth--;
    return result;
  }

  #tooDeep(): CompileError {
    return this.#error(nowhere, `expression recursion limit exceeded: ${maxDepth}`);
  }

  #or(): Expr {
    return this.#chain('||', '_||_', () => this.#chain('&&', '_&&_', () => this.#relation()));
  }

  /** A row of the same operator becomes a balanced tree, so that long rows nest little. */
  #chain(operator: string, name: string, operand: () => Expr): Expr {
    const operands = [operand()];
    const places: number[] = [];
    for (let token = this.#accept(operator); token !== undefined; token = this.#accept(operator)) {
      places.push(token.at);
      operands.push(operand());
    }
    const build = (from: number, to: number): Expr => {
      if (from === to) return operands[from] as Expr;
      const middle = Math.floor((from + to) / 2);
      return {
        kind: 'call',
        name,
        target: undefined,
        args: [build(from, middle), build(middle + 1, to)],
        at: places[middle] ?? 0,
      };
    };
    return build(0, operands.length - 1);
  }

  #relation(): Expr {
    return this.#leftToRight(relations, () =>
      this.#leftToRight(sums, () => this.#leftToRight(products, () => this.#unary())),
    );
  }

  #leftToRight(names: Readonly<Record<string, string>>, operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const { kind, text, at } = this.#peek();
      const name = kind === 'operator' && Object.hasOwn(names, text) ? names[text] : undefined;
      if (name === undefined) return left;
      this.#take();
      left = { kind: 'call', name, target: undefined, args: [left, operand()], at };
    }
  }

  /** A row of one operator; two of them undo each other. */
  #unary(): Expr {
    const { at } = this.#peek();
    const operator = this.#accept('!') ?? this.#accept('-');
    if (operator === undefined) return this.#member();
    const isMinus = operator.text === '-';
    let isOdd = true;
    while (this.#accept(operator.text) !== undefined) isOdd = !isOdd;
    const other = isMinus ? '!' : '-';
    const next = this.#tokens[this.#next + 1];
    // A minus belongs to the number behind it.
    if (this.#is(other) && !(other === '-' && isNumber(next))) throw this.#noName(operator.text);
    const literal = this.#peek();
    if (isMinus && isOdd && isNumber(literal)) {
      this.#take();
      return this.#members({ kind: 'literal', value: -(literal.value as bigint), at });
    }
    const inner = this.#is('-') ? this.#unary() : this.#member();
    if (!isOdd) return inner;
    return { kind: 'call', name: isMinus ? '-_' : '!_', target: undefined, args: [inner], at };
  }

  #member(): Expr {
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let expr = start;
    for (;;) {
      const dot = this.#accept('.') ?? this.#accept('.?');
      if (dot !== undefined) {
        const name = this.#peek();
        if (name.quoted === true) throw this.#error(name.at, "unsupported syntax: '`'");
        if (name.kind !== 'ident' && name.text !== 'in') throw this.#noName(dot.text);
        this.#take();
        const open = dot.text === '.' ? this.#accept('(') : undefined;
        expr =
          open === undefined
            ? {
                kind: 'select',
                operand: expr,
                field: name.text,
                test: false,
                optional: dot.text === '.?',
                at: dot.at,
              }
            : this.#memberCall(expr, name.text, open.at);
        continue;
      }
      const bracket = this.#accept('[') ?? this.#accept('[?');
      if (bracket !== undefined) {
        const index = this.#expr();
        this.#expect(']');
        const name = bracket.text === '[' ? '_[_]' : '_[?_]';
        expr = { kind: 'call', name, target: undefined, args: [expr, index], at: bracket.at };
        continue;
      }
      const name = this.#is('{') ? qualifiedName(expr) : undefined;
      if (name === undefined) return expr;
      expr = this.#struct(name, this.#take().at);
    }
  }

  #struct(name: string, at: number): Expr {
    const fields: { name: string; value: Expr; optional: boolean }[] = [];
    while (!this.#is('}')) {
      const optional = this.#accept('?') !== undefined;
      if (this.#peek().kind !== 'ident') throw this.#mismatched('IDENTIFIER');
      const field = this.#take();
      this.#expect(':');
      fields.push({ name: field.text, value: this.#expr(), optional });
      if (this.#accept(',') === undefined) break;
    }
    this.#expect('}');
    return { kind: 'struct', name, fields, at };
  }

  #args(): Expr[] {
    const args: Expr[] = [];
    if (this.#accept(')') !== undefined) return args;
    if (!this.#begins(this.#peek())) throw this.#noBeginning(true);
    do args.push(this.#expr());
    while (this.#accept(',') !== undefined);
    this.#expect(')');
    return args;
  }

  #primary(): Expr {
    const token = this.#take();
    const { at } = token;
    if (token.kind === 'literal') {
      const value = token.value ?? null;
      if (typeof value === 'bigint' && value > 0x7fff_ffff_ffff_ffffn)
        throw this.#error(at, 'invalid int literal');
      return { kind: 'literal', value, at };
    }
    if (token.kind === 'ident' && token.quoted !== true) return this.#name(token.text, at);
    switch (token.text) {
      case '.': {
        const name = this.#peek();
        if (name.kind !== 'ident') throw this.#noName('.');
        this.#take();
        return this.#name(name.text, name.at);
      }
      case '(': {
        const inner = this.#expr();
        this.#expect(')');
        return inner;
      }
      case '[':
      case '[?':
        return this.#list(at, token.text === '[?');
      case '{':
        return this.#map(at);
      default:
        this.#next--;
        throw this.#noBeginning(false);
    }
  }

  #name(name: string, at: number): Expr {
    if (reserved.has(name)) throw this.#error(at, `reserved identifier: ${name}`);
    const open = this.#accept('(');
    if (open === undefined) return { kind: 'ident', name, at };
    const args = this.#args();
    const [field] = args;
    if (name !== 'has' || field === undefined || args.length !== 1)
      return { kind: 'call', name, target: undefined, args, at: open.at };
    if (field.kind !== 'select' || field.test) throw this.#error(field.at, 'invalid argument to has() macro');
    return { ...field, test: true, at: open.at } satisfies Select;
  }

  /** A comma may be the last thing in a list or a map. */
  #afterComma(end: string): void {
    if (!this.#begins(this.#peek()) && !this.#is('?') && this.#follows()) this.#expect(end);
  }

  #list(at: number, firstIsOptional: boolean): Expr {
    const elements: { value: Expr; optional: boolean }[] = [];
    let optional = firstIsOptional;
    while (optional || !this.#is(']')) {
      if (elements.length > 0) this.#afterComma(']');
      optional ||= this.#accept('?') !== undefined;
      elements.push({ value: this.#expr(), optional });
      optional = false;
      if (this.#accept(',') === undefined) {
        this.#expect(']', [',']);
        return { kind: 'list', elements, at };
      }
    }
    this.#expect(']');
    return { kind: 'list', elements, at };
  }

  #map(at: number): Expr {
    const entries: Entry[] = [];
    while (!this.#is('}')) {
      if (entries.length > 0) this.#afterComma('}');
      const optional = this.#accept('?') !== undefined;
      const key = this.#expr();
      this.#expect(':');
      entries.push({ key, value: this.#expr(), optional });
      if (this.#accept(',') === undefined) {
        this.#expect('}', [',']);
        return { kind: 'map', entries, at };
      }
    }
    this.#expect('}');
    return { kind: 'map', entries, at };
  }

  #memberCall(target: Expr, name: string, at: number): Expr {
    const args = this.#args();
    return this.#macro(target, name, args, at) ?? { kind: 'call', name, target, args, at };
  }

  #macro(target: Expr, name: string, args: readonly Expr[], at: number): Expr | undefined {
    const variable = (expr: Expr | undefined): string => {
      if (expr?.kind === 'ident') return expr.name;
      throw this.#error(expr?.at ?? at, 'argument must be a simple name');
    };
    const loop = (
      macro: MacroName,
      variables: readonly (Expr | undefined)[],
      condition: Expr | undefined,
      transform: Expr | undefined,
    ): Comprehension => {
      const names = variables.map(variable);
      if (names.length === 2 && names[0] === names[1])
        throw this.#error(at, `duplicate variable name: ${names[0]}`);
      return { kind: 'comprehension', macro, range: target, variables: names, condition, transform, at };
    };
    const [first, second, third, fourth] = args;
    switch (name) {
      case 'all':
      case 'exists':
      case 'exists_one':
      case 'existsOne': {
        const macro = name === 'existsOne' ? 'exists_one' : name;
        if (args.length === 2 && macro === name) return loop(macro, [first], second, undefined);
        return args.length === 3 ? loop(macro, [first, second], third, undefined) : undefined;
      }
      case 'filter':
        return args.length === 2 ? loop('filter', [first], second, undefined) : undefined;
      case 'map':
        if (args.length === 2) return loop('map', [first], undefined, second);
        return args.length === 3 ? loop('map', [first], second, third) : undefined;
      case 'transformList':
      case 'transformMap':
      case 'transformMapEntry':
        if (args.length === 3) return loop(name, [first, second], undefined, third);
        return args.length === 4 ? loop(name, [first, second], third, fourth) : undefined;
      case 'sortBy': {
        if (args.length !== 2) return undefined;
        if (first?.kind !== 'ident') throw this.#error(first?.at ?? at, 'argument is not an identifier');
        const keys = loop('map', [first], undefined, second);
        return { kind: 'call', name: '@sortByAssociatedKeys', target, args: [keys], at };
      }
      case 'optMap':
      case 'optFlatMap':
        if (args.length !== 2 || second === undefined) return undefined;
        return {
          kind: 'optional',
          flat: name === 'optFlatMap',
          operand: target,
          variable: variable(first),
          transform: second,
          at,
        };
      default:
        return undefined;
    }
  }
}

function isNumber(token: Token | undefined): boolean {
  return token?.kind === 'literal' && (typeof token.value === 'bigint' || typeof token.value === 'number');
}

/** `a.b.c` as one name; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.test || expr.optional) return undefined;
  const outer = qualifiedName(expr.operand);
  return outer === undefined ? undefined : `${outer}.${expr.field}`;
}
