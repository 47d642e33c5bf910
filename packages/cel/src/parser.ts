/**
 * Tokens to a tree, after the grammar of the CEL specification, with the optional syntax and the macros that Kubernetes
 * turns on. Nesting is bounded; the first syntax error ends parsing.
 */
import { type Entry, type Expr, qualifiedName, type Select } from './ast.ts';
import { type CompileError, nowhere } from './errors.ts';
import { reserved, type Token } from './lexer.ts';
import { expandMacro } from './macros.ts';
import { TokenStream } from './token-stream.ts';

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
  readonly #tokens: TokenStream;
  #depth = 0;

  constructor(source: string) {
    this.#tokens = new TokenStream(source);
  }

  whole(): Expr {
    const expr = this.#expr();
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.mismatched('<EOF>');
    return expr;
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth) throw this.#tooDeep();
    const condition = this.#or();
    const question = this.#tokens.accept('?');
    let result = condition;
    if (question !== undefined) {
      const yes = this.#or();
      this.#tokens.expect(':');
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
    return this.#tokens.error(nowhere, `expression recursion limit exceeded: ${maxDepth}`);
  }

  #or(): Expr {
    return this.#chain('||', '_||_', () => this.#chain('&&', '_&&_', () => this.#relation()));
  }

  /** A row of the same operator becomes a balanced tree, so that long rows nest little. */
  #chain(operator: string, name: string, operand: () => Expr): Expr {
    const operands = [operand()];
    const places: number[] = [];
    for (
      let token = this.#tokens.accept(operator);
      token !== undefined;
      token = this.#tokens.accept(operator)
    ) {
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
      const { kind, text, at } = this.#tokens.peek();
      const name = kind === 'operator' && Object.hasOwn(names, text) ? names[text] : undefined;
      if (name === undefined) return left;
      this.#tokens.take();
      left = { kind: 'call', name, target: undefined, args: [left, operand()], at };
    }
  }

  /** A row of one operator; two of them undo each other. */
  #unary(): Expr {
    const { at } = this.#tokens.peek();
    const operator = this.#tokens.accept('!') ?? this.#tokens.accept('-');
    if (operator === undefined) return this.#member();
    const isMinus = operator.text === '-';
    let isOdd = true;
    while (this.#tokens.accept(operator.text) !== undefined) isOdd = !isOdd;
    const other = isMinus ? '!' : '-';
    const next = this.#tokens.second;
    // A minus belongs to the number behind it.
    if (this.#tokens.is(other) && !(other === '-' && isNumber(next)))
      throw this.#tokens.noName(operator.text);
    const literal = this.#tokens.peek();
    if (isMinus && isOdd && isNumber(literal)) {
      this.#tokens.take();
      return this.#members({ kind: 'literal', value: -(literal.value as bigint), at });
    }
    const inner = this.#tokens.is('-') ? this.#unary() : this.#member();
    if (!isOdd) return inner;
    return { kind: 'call', name: isMinus ? '-_' : '!_', target: undefined, args: [inner], at };
  }

  #member(): Expr {
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let expr = start;
    for (;;) {
      const dot = this.#tokens.accept('.') ?? this.#tokens.accept('.?');
      if (dot !== undefined) {
        const name = this.#tokens.peek();
        if (name.quoted === true) throw this.#tokens.error(name.at, "unsupported syntax: '`'");
        if (name.kind !== 'ident' && name.text !== 'in') throw this.#tokens.noName(dot.text);
        this.#tokens.take();
        const open = dot.text === '.' ? this.#tokens.accept('(') : undefined;
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
      const bracket = this.#tokens.accept('[') ?? this.#tokens.accept('[?');
      if (bracket !== undefined) {
        const index = this.#expr();
        this.#tokens.expect(']');
        const name = bracket.text === '[' ? '_[_]' : '_[?_]';
        expr = { kind: 'call', name, target: undefined, args: [expr, index], at: bracket.at };
        continue;
      }
      const name = this.#tokens.is('{') ? qualifiedName(expr) : undefined;
      if (name === undefined) return expr;
      expr = this.#struct(name, this.#tokens.take().at);
    }
  }

  #struct(name: string, at: number): Expr {
    const fields: { name: string; value: Expr; optional: boolean }[] = [];
    while (!this.#tokens.is('}')) {
      const optional = this.#tokens.accept('?') !== undefined;
      if (this.#tokens.peek().kind !== 'ident') throw this.#tokens.mismatched('IDENTIFIER');
      const field = this.#tokens.take();
      this.#tokens.expect(':');
      fields.push({ name: field.text, value: this.#expr(), optional });
      if (this.#tokens.accept(',') === undefined) break;
    }
    this.#tokens.expect('}');
    return { kind: 'struct', name, fields, at };
  }

  #args(): Expr[] {
    const args: Expr[] = [];
    if (this.#tokens.accept(')') !== undefined) return args;
    if (!this.#tokens.begins) throw this.#tokens.noBeginning(true);
    do args.push(this.#expr());
    while (this.#tokens.accept(',') !== undefined);
    this.#tokens.expect(')');
    return args;
  }

  #primary(): Expr {
    const token = this.#tokens.take();
    const { at } = token;
    if (token.kind === 'literal') {
      const value = token.value ?? null;
      if (typeof value === 'bigint' && value > 0x7fff_ffff_ffff_ffffn)
        throw this.#tokens.error(at, 'invalid int literal');
      return { kind: 'literal', value, at };
    }
    if (token.kind === 'ident' && token.quoted !== true) return this.#name(token.text, at);
    switch (token.text) {
      case '.': {
        const name = this.#tokens.peek();
        if (name.kind !== 'ident') throw this.#tokens.noName('.');
        this.#tokens.take();
        return this.#name(name.text, name.at);
      }
      case '(': {
        const inner = this.#expr();
        this.#tokens.expect(')');
        return inner;
      }
      case '[':
      case '[?':
        return this.#list(at, token.text === '[?');
      case '{':
        return this.#map(at);
      default:
        this.#tokens.back();
        throw this.#tokens.noBeginning(false);
    }
  }

  #name(name: string, at: number): Expr {
    if (reserved.has(name)) throw this.#tokens.error(at, `reserved identifier: ${name}`);
    const open = this.#tokens.accept('(');
    if (open === undefined) return { kind: 'ident', name, at };
    const args = this.#args();
    const [field] = args;
    if (name !== 'has' || field === undefined || args.length !== 1)
      return { kind: 'call', name, target: undefined, args, at: open.at };
    if (field.kind !== 'select' || field.test)
      throw this.#tokens.error(field.at, 'invalid argument to has() macro');
    return { ...field, test: true, at: open.at } satisfies Select;
  }

  /** A comma may be the last thing in a list or a map. */
  #afterComma(end: string): void {
    if (!this.#tokens.begins && !this.#tokens.is('?') && this.#tokens.follows) this.#tokens.expect(end);
  }

  #list(at: number, firstIsOptional: boolean): Expr {
    const elements: { value: Expr; optional: boolean }[] = [];
    let optional = firstIsOptional;
    while (optional || !this.#tokens.is(']')) {
      if (elements.length > 0) this.#afterComma(']');
      optional ||= this.#tokens.accept('?') !== undefined;
      elements.push({ value: this.#expr(), optional });
      optional = false;
      if (this.#tokens.accept(',') === undefined) {
        this.#tokens.expect(']', [',']);
        return { kind: 'list', elements, at };
      }
    }
    this.#tokens.expect(']');
    return { kind: 'list', elements, at };
  }

  #map(at: number): Expr {
    const entries: Entry[] = [];
    while (!this.#tokens.is('}')) {
      if (entries.length > 0) this.#afterComma('}');
      const optional = this.#tokens.accept('?') !== undefined;
      const key = this.#expr();
      this.#tokens.expect(':');
      entries.push({ key, value: this.#expr(), optional });
      if (this.#tokens.accept(',') === undefined) {
        this.#tokens.expect('}', [',']);
        return { kind: 'map', entries, at };
      }
    }
    this.#tokens.expect('}');
    return { kind: 'map', entries, at };
  }

  #memberCall(target: Expr, name: string, at: number): Expr {
    const args = this.#args();
    return (
      expandMacro({ target, name, args, at }, (place, message) => this.#tokens.error(place, message)) ?? {
        kind: 'call',
        name,
        target,
        args,
        at,
      }
    );
  }
}

function isNumber(token: Token | undefined): boolean {
  return token?.kind === 'literal' && (typeof token.value === 'bigint' || typeof token.value === 'number');
}
