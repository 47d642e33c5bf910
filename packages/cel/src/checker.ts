/**
 * Gives every expression of a tree its type, and every call the functions it can mean. All issues are collected, each
 * with its place; what has an issue counts as `dyn`, so that one mistake is reported once.
 */
import { type Call, type Comprehension, type Expr, qualifiedName, type Select } from './ast.ts';
import type { Issue } from './errors.ts';
import type { Library, Overload } from './overload.ts';
import { loopVariables, resultOf } from './loop-types.ts';
import { namedTypes } from './type-names.ts';
import {
  bool,
  bytes,
  double,
  dyn,
  failed,
  formatType,
  int,
  isAssignable,
  join,
  list,
  map,
  nullType,
  type ObjectType,
  optional,
  string,
  substitute,
  type Type,
  uint,
} from './types.ts';
import { Uint } from './values.ts';

export interface Scope {
  readonly variables: ReadonlyMap<string, Type>;
  readonly library: Library;
  /** Types that can be constructed by name. */
  readonly objects: (name: string) => ObjectType | undefined;
}

export interface Checked {
  readonly types: ReadonlyMap<Expr, Type>;
  readonly overloads: ReadonlyMap<Expr, readonly Overload[]>;
  /** Names of types that stand as values. */
  readonly typeNames: ReadonlyMap<Expr, string>;
  /** Variables of the environment whose names have dots. */
  readonly qualified: ReadonlyMap<Expr, string>;
  /** Calls of functions with a dot in their name, whose target is no value. */
  readonly namespaced: ReadonlySet<Expr>;
  /** Variables of the environment that are used. */
  readonly free: ReadonlySet<string>;
  readonly issues: readonly Issue[];
}

export function check(expr: Expr, scope: Scope): Checked {
  const checker = new Checker(scope);
  checker.typeOf(expr, undefined);
  return checker;
}

/** Variables of loops, innermost first. */
interface Locals {
  readonly name: string;
  readonly type: Type;
  readonly outer: Locals | undefined;
}

class Checker implements Checked {
  readonly #scope: Scope;
  readonly types = new Map<Expr, Type>();
  readonly overloads = new Map<Expr, readonly Overload[]>();
  readonly typeNames = new Map<Expr, string>();
  readonly qualified = new Map<Expr, string>();
  readonly namespaced = new Set<Expr>();
  readonly free = new Set<string>();
  readonly issues: Issue[] = [];

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  typeOf(expr: Expr, locals: Locals | undefined): Type {
    const type = this.#infer(expr, locals);
    this.types.set(expr, type);
    return type;
  }

  #issue(at: number, message: string): Type {
    this.issues.push({ at, message });
    return failed;
  }

  #infer(expr: Expr, locals: Locals | undefined): Type {
    switch (expr.kind) {
      case 'literal': {
        const { value } = expr;
        if (value === null) return nullType;
        if (typeof value === 'boolean') return bool;
        if (typeof value === 'bigint') return int;
        if (typeof value === 'number') return double;
        if (typeof value === 'string') return string;
        return value instanceof Uint ? uint : bytes;
      }
      case 'ident':
        return (
          this.#variable(expr.name, expr, locals) ??
          this.#issue(expr.at, `undeclared reference to '${expr.name}' (in container '')`)
        );
      case 'select':
        return this.#select(expr, locals);
      case 'call':
        return this.#call(expr, locals);
      case 'list': {
        let element: Type | undefined;
        for (const { value, optional: isOptional } of expr.elements) {
          const type = this.typeOf(value, locals);
          const inner = isOptional ? this.#unwrapped(type, value.at) : type;
          element = element === undefined ? inner : join(element, inner);
        }
        return list(element ?? dyn);
      }
      case 'map': {
        let key: Type | undefined;
        let value: Type | undefined;
        for (const entry of expr.entries) {
          const keyType = this.typeOf(entry.key, locals);
          const valueType = this.typeOf(entry.value, locals);
          const inner = entry.optional ? this.#unwrapped(valueType, entry.value.at) : valueType;
          key = key === undefined ? keyType : join(key, keyType);
          value = value === undefined ? inner : join(value, inner);
        }
        return map(key ?? dyn, value ?? dyn);
      }
      case 'struct':
        return this.#struct(expr, locals);
      case 'comprehension':
        return this.#comprehension(expr, locals);
      case 'optional': {
        const operand = this.typeOf(expr.operand, locals);
        const inner = this.#unwrapped(operand, expr.at);
        const result = this.typeOf(expr.transform, { name: expr.variable, type: inner, outer: locals });
        if (!expr.flat) return optional(result);
        if (result.kind !== 'dyn') this.#unwrapped(result, expr.transform.at);
        return result;
      }
      default:
        throw new Error(`no type for ${JSON.stringify(expr)}`);
    }
  }

  #unwrapped(type: Type, at: number): Type {
    if (type.kind === 'opaque' && type.name === 'optional_type') return type.parameters[0] ?? dyn;
    if (type.kind === 'dyn') return dyn;
    return this.#issue(at, `expected type '${formatType(optional(type))}' but found '${formatType(type)}'`);
  }

  #variable(name: string, expr: Expr, locals: Locals | undefined): Type | undefined {
    for (let local = locals; local !== undefined; local = local.outer)
      if (local.name === name) return local.type;
    const found = this.#scope.variables.get(name);
    if (found !== undefined) {
      this.free.add(name);
      return found;
    }
    return this.#namedType(name, expr);
  }

  #namedType(name: string, expr: Expr): Type | undefined {
    const of = namedTypes.get(name);
    if (of === undefined) return undefined;
    this.typeNames.set(expr, name);
    return { kind: 'type', of };
  }

  #isLocal(name: string, locals: Locals | undefined): boolean {
    return this.#isLoopVariable(name, locals) || this.#scope.variables.has(name);
  }

  #isLoopVariable(name: string, locals: Locals | undefined): boolean {
    for (let local = locals; local !== undefined; local = local.outer) if (local.name === name) return true;
    return false;
  }

  #select(expr: Select, locals: Locals | undefined): Type {
    const whole = qualifiedName(expr);
    const root = whole?.split('.')[0] ?? '';
    if (whole !== undefined && !this.#isLocal(root, locals)) {
      const type = this.#namedType(whole, expr);
      if (type !== undefined) return type;
    }
    // A variable may have dots in its name; the longest name counts, as in the language.
    const named = whole === undefined ? undefined : this.#scope.variables.get(whole);
    if (whole !== undefined && named !== undefined && !this.#isLoopVariable(root, locals)) {
      this.free.add(whole);
      this.qualified.set(expr, whole);
      return named;
    }
    const operand = this.typeOf(expr.operand, locals);
    const isWrapped = operand.kind === 'opaque' && operand.name === 'optional_type';
    const inner = isWrapped ? (operand.parameters[0] ?? dyn) : operand;
    const field = this.#fieldType(inner, expr);
    if (expr.test) return bool;
    return expr.optional || isWrapped ? optional(field) : field;
  }

  #fieldType(type: Type, { field, at }: Select): Type {
    switch (type.kind) {
      case 'dyn':
        return dyn;
      case 'map':
        return type.value;
      case 'object':
        return (
          type.fields.get(field)?.type ??
          (type.isOpen === true ? dyn : this.#issue(at, `undefined field '${field}'`))
        );
      case 'opaque':
        return this.#issue(at, `unexpected failed resolution of '${formatType(type)}'`);
      default:
        return this.#issue(at, `type '${formatType(type)}' does not support field selection`);
    }
  }

  #call(expr: Call, locals: Locals | undefined): Type {
    const { library } = this.#scope;
    if (expr.target !== undefined) {
      const namespace = qualifiedName(expr.target);
      const root = namespace?.split('.')[0] ?? '';
      const name = `${namespace}.${expr.name}`;
      if (namespace !== undefined && !this.#isLocal(root, locals) && Object.hasOwn(library, name)) {
        this.namespaced.add(expr);
        const types = expr.args.map((arg) => this.typeOf(arg, locals));
        return this.#resolve(expr, name, types, false);
      }
    }
    if (!Object.hasOwn(library, expr.name)) {
      if (expr.target !== undefined) this.typeOf(expr.target, locals);
      for (const arg of expr.args) this.typeOf(arg, locals);
      return this.#issue(expr.at, `undeclared reference to '${expr.name}' (in container '')`);
    }
    const operands = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    return this.#resolve(
      expr,
      expr.name,
      operands.map((operand) => this.typeOf(operand, locals)),
      expr.target !== undefined,
    );
  }

  #resolve(expr: Call, name: string, types: readonly Type[], isMember: boolean): Type {
    if (name === '_&&_' || name === '_||_') return this.#allBool(expr, types);
    const found: Overload[] = [];
    let result: Type | undefined;
    for (const overload of this.#scope.library[name] ?? []) {
      if (overload.member !== isMember || overload.args.length !== types.length) continue;
      const bindings = new Map<string, Type>();
      if (!overload.args.every((wanted, i) => isAssignable(wanted, types[i] ?? dyn, bindings))) continue;
      found.push(overload);
      const own = substitute(overload.result, bindings);
      result = result === undefined ? own : join(result, own);
    }
    this.overloads.set(expr, found);
    if (result !== undefined) return result;
    const shown = isMember
      ? `${formatType(types[0] ?? dyn)}.(${types.slice(1).map(formatType).join(', ')})`
      : `(${types.map(formatType).join(', ')})`;
    return this.#issue(expr.at, `found no matching overload for '${name}' applied to '${shown}'`);
  }

  /** Each operand that is wrong is told by itself. */
  #allBool({ args }: Call, types: readonly Type[]): Type {
    let result: Type = bool;
    for (const [i, type] of types.entries())
      if (!isAssignable(bool, type))
        result = this.#issue(args[i]?.at ?? 0, `expected type 'bool' but found '${formatType(type)}'`);
    return result;
  }

  #struct(expr: Expr & { kind: 'struct' }, locals: Locals | undefined): Type {
    const type = this.#scope.objects(expr.name);
    for (const field of expr.fields) {
      const found = this.typeOf(field.value, locals);
      if (type === undefined) continue;
      const value = field.optional ? this.#unwrapped(found, field.value.at) : found;
      const wanted = type.fields.get(field.name)?.type ?? (type.isOpen === true ? dyn : undefined);
      if (wanted === undefined) this.#issue(expr.at, `undefined field '${field.name}'`);
      else if (!isAssignable(wanted, value))
        this.#issue(
          field.value.at,
          `expected type of field '${field.name}' is '${formatType(wanted)}' but provided type is '${formatType(value)}'`,
        );
    }
    if (type !== undefined) return type;
    return this.#issue(
      expr.at,
      namedTypes.has(expr.name)
        ? `'${expr.name}' is not a message type`
        : `undeclared reference to '${expr.name}' (in container '')`,
    );
  }

  #comprehension(expr: Comprehension, locals: Locals | undefined): Type {
    const range = this.typeOf(expr.range, locals);
    const [first, second] = loopVariables(range, expr) ?? this.#noRange(range, expr);
    const [firstName = '', secondName] = expr.variables;
    let inner: Locals = { name: firstName, type: first, outer: locals };
    if (secondName !== undefined) inner = { name: secondName, type: second, outer: inner };
    const condition = expr.condition === undefined ? undefined : this.typeOf(expr.condition, inner);
    const transform = expr.transform === undefined ? dyn : this.typeOf(expr.transform, inner);
    const result = resultOf(expr, range, first, transform);
    if (condition === undefined || isAssignable(bool, condition)) return result;
    if (expr.macro === 'all' || expr.macro === 'exists') {
      this.#issue(expr.condition?.at ?? expr.at, `expected type 'bool' but found '${formatType(condition)}'`);
      return result;
    }
    // The others stand for a choice, in each turn, between what there is and what comes to it.
    const side = formatType(expr.macro === 'exists_one' ? int : result);
    return this.#issue(
      expr.at,
      `found no matching overload for '_?_:_' applied to '(${formatType(condition)}, ${side}, ${side})'`,
    );
  }

  #noRange(range: Type, expr: Comprehension): readonly [Type, Type] {
    this.#issue(
      expr.range.at,
      `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
    return [dyn, dyn];
  }
}
