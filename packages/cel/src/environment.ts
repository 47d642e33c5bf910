/**
 * Where expressions are compiled: variables with their types, and libraries of functions. A compiled program knows its
 * type, what it can cost at most, and evaluates without side effects; it may be kept and shared.
 */
import { check } from './checker.ts';
import { CompileError } from './errors.ts';
import { estimateCost, type Roots } from './estimate.ts';
import type { Step } from './frame.ts';
import { plan } from './interpreter.ts';
import { standardLibrary } from './libraries.ts';
import type { Library } from './overload.ts';
import { parse } from './parser.ts';
import { formatType, isAssignable, type ObjectType, type Type } from './types.ts';
import { tryConstants, validate } from './validators.ts';
import type { Value } from './values.ts';

export interface EnvironmentOptions {
  readonly variables: Readonly<Record<string, Type>>;
  /** Functions beside those of Kubernetes' usual libraries. */
  readonly libraries?: readonly Library[];
  /** Finds a type that expressions may construct by name. */
  readonly objects?: (name: string) => ObjectType | undefined;
  /** Where estimates find the sizes of what a variable holds; its own type unless told. */
  readonly roots?: Roots;
}

export interface Evaluated {
  readonly value: Value;
  /** What the evaluation cost, in the units of `estimate`. */
  readonly cost: number;
}

/** The most that one evaluation may cost in Kubernetes. */
export const perCallLimit = 1_000_000;

export class Program {
  readonly source: string;
  readonly type: Type;
  /** The largest cost that the types allow. */
  readonly estimate: number;
  /** The variables of the environment that it uses. */
  readonly variables: ReadonlySet<string>;
  readonly #step: Step;

  constructor(source: string, type: Type, estimate: number, variables: ReadonlySet<string>, step: Step) {
    this.source = source;
    this.type = type;
    this.estimate = estimate;
    this.variables = variables;
    this.#step = step;
  }

  /**
   * The value for some input. Throws an `EvaluationError`; a `CostError` when it costs more than `limit`.
   */
  evaluate(input: (name: string) => Value | undefined, limit = perCallLimit): Evaluated {
    const frame = { input, slots: [], cost: 0, limit };
    const value = this.#step(frame);
    return { value, cost: Math.ceil(frame.cost) };
  }
}

export class Environment {
  readonly #variables: ReadonlyMap<string, Type>;
  readonly #library: Library;
  readonly #objects: (name: string) => ObjectType | undefined;
  readonly #roots: Roots;

  constructor({ variables, libraries = [], objects = () => undefined, roots }: EnvironmentOptions) {
    this.#variables = new Map(Object.entries(variables));
    this.#roots = roots ?? ((name) => this.#variables.get(name));
    this.#library = libraries.length === 0 ? standardLibrary : merged([standardLibrary, ...libraries]);
    this.#objects = objects;
  }

  /** Compiles an expression, whose value must be of type `wanted` if one is given. Throws a `CompileError`. */
  compile(source: string, wanted?: Type): Program {
    const expr = parse(source);
    const checked = check(expr, {
      variables: this.#variables,
      library: this.#library,
      objects: this.#objects,
    });
    const issues = checked.issues.length > 0 ? checked.issues : validate(expr, checked);
    if (issues.length > 0)
      throw new CompileError(
        source,
        [...issues].sort((a, b) => a.at - b.at),
      );
    tryConstants(source, expr, checked);
    const type = checked.types.get(expr);
    if (type === undefined) throw new Error('a checked expression has no type');
    if (wanted !== undefined && !isAssignable(wanted, type))
      throw new CompileError(source, [
        { at: expr.at, message: `expected type '${formatType(wanted)}' but found '${formatType(type)}'` },
      ]);
    return new Program(
      source,
      type,
      estimateCost(expr, checked, this.#roots),
      checked.free,
      plan(expr, checked),
    );
  }
}

function merged(libraries: readonly Library[]): Library {
  const out: Record<string, Library[string]> = {};
  for (const library of libraries)
    for (const [name, overloads] of Object.entries(library)) out[name] = [...(out[name] ?? []), ...overloads];
  return out;
}
