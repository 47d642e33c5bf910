/**
 * Tokens to a tree, after the grammar of the CEL specification, with the optional syntax and the macros that Kubernetes
 * turns on. Nesting is bounded; the first syntax error ends parsing.
 */
import type { Comprehension, Entry, Expr, MacroName, Select } from './ast.ts';
import { CompileError } from './errors.ts';
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
    if (this.#peek().kind !== 'end') throw this.#unexpected();
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

  #expect(text: string): Token {
    return this.#accept(text) ?? this.#raise(this.#unexpected(`'${text}'`));
  }

  #raise(error: CompileError): never {
    throw error;
  }

  #error(at: number, message: string): CompileError {
    return new CompileError(this.#source, [{ at, message }]);
  }

  #unexpected(expected?: string): CompileError {
    const { text, at } = this.#peek();
    const wanted = expected === undefined ? '' : ` expecting ${expected}`;
    return this.#error(at, `Syntax error: mismatched input '${text}'${wanted}`);
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth)
      throw this.#error(this.#peek().at, `expression recursion limit exceeded: ${maxDepth}`);
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

  #unary(): Expr {
    const { at } = this.#peek();
    const operator = this.#accept('!') ?? this.#accept('-');
    if (operator === undefined) return this.#member();
    if (++this.#depth > maxDepth) throw this.#error(at, `expression recursion limit exceeded: ${maxDepth}`);
    if (operator.text === '-') {
      const literal = this.#peek();
      if (
        literal.kind === 'literal' &&
        (typeof literal.value === 'bigint' || typeof literal.value === 'number')
      ) {
        const negated = -literal.value;
        this.#depth--;
        return this.#members({ kind: 'literal', value: negated, at: (this.#take(), at) });
      }
    }
    const inner = this.#unary();
    this.#depth--;
    return { kind: 'call', name: operator.text === '!' ? '!_' : '-_', target: undefined, args: [inner], at };
  }

  #member(): Expr {
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let expr = start;
    for (;;) {
      const dot = this.#accept('.') ?? this.#accept('.?');
      if (dot !== undefined) {
        const name = this.#take();
        if (name.kind !== 'ident' && name.text !== 'in') {
          this.#next--;
          throw this.#unexpected('IDENTIFIER');
        }
        const open = dot.text === '.' && name.quoted !== true ? this.#accept('(') : undefined;
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
      const field = this.#take();
      if (field.kind !== 'ident') {
        this.#next--;
        throw this.#unexpected('IDENTIFIER');
      }
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
    if (token.kind === 'ident') return this.#name(token.text, at, token.quoted === true);
    switch (token.text) {
      case '.': {
        const name = this.#take();
        if (name.kind !== 'ident') {
          this.#next--;
          throw this.#unexpected('IDENTIFIER');
        }
        return this.#name(name.text, name.at, false);
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
        throw this.#unexpected();
    }
  }

  #name(name: string, at: number, quoted: boolean): Expr {
    if (quoted || reserved.has(name)) throw this.#error(at, `reserved identifier: ${name}`);
    const open = this.#accept('(');
    if (open === undefined) return { kind: 'ident', name, at };
    const args = this.#args();
    if (name !== 'has') return { kind: 'call', name, target: undefined, args, at: open.at };
    const [field] = args;
    if (args.length !== 1 || field?.kind !== 'select' || field.test)
      throw this.#error(open.at, 'invalid argument to has() macro');
    return { ...field, test: true, at: open.at } satisfies Select;
  }

  #list(at: number, firstIsOptional: boolean): Expr {
    const elements: { value: Expr; optional: boolean }[] = [];
    let optional = firstIsOptional;
    while (optional || !this.#is(']')) {
      optional ||= this.#accept('?') !== undefined;
      elements.push({ value: this.#expr(), optional });
      optional = false;
      if (this.#accept(',') === undefined) break;
    }
    this.#expect(']');
    return { kind: 'list', elements, at };
  }

  #map(at: number): Expr {
    const entries: Entry[] = [];
    while (!this.#is('}')) {
      const optional = this.#accept('?') !== undefined;
      const key = this.#expr();
      this.#expect(':');
      entries.push({ key, value: this.#expr(), optional });
      if (this.#accept(',') === undefined) break;
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
        if (args.length === 2) return loop(macro, [first], second, undefined);
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

/** `a.b.c` as one name; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.test || expr.optional) return undefined;
  const outer = qualifiedName(expr.operand);
  return outer === undefined ? undefined : `${outer}.${expr.field}`;
}
