/** The macros that are called on a target: loops over lists and maps, and steps into optional values. */
import type { Comprehension, Expr, MacroName } from './ast.ts';
import type { CompileError } from './errors.ts';

export interface MacroCall {
  readonly target: Expr;
  readonly name: string;
  readonly args: readonly Expr[];
  readonly at: number;
}

/**
 * What a call on a target stands for when its name and its number of arguments are those of a macro; undefined
 * otherwise. Throws what `error` makes of a place and a message.
 */
export function expandMacro(
  { target, name, args, at }: MacroCall,
  error: (at: number, message: string) => CompileError,
): Expr | undefined {
  const variable = (expr: Expr | undefined): string => {
    if (expr?.kind === 'ident') return expr.name;
    throw error(expr?.at ?? at, 'argument must be a simple name');
  };
  const loop = (
    macro: MacroName,
    variables: readonly (Expr | undefined)[],
    condition: Expr | undefined,
    transform: Expr | undefined,
  ): Comprehension => {
    const names = variables.map(variable);
    if (names.length === 2 && names[0] === names[1]) throw error(at, `duplicate variable name: ${names[0]}`);
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
      if (first?.kind !== 'ident') throw error(first?.at ?? at, 'argument is not an identifier');
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
