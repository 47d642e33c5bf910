/**
 * A checked tree as functions that compute it. Errors are thrown, but where the language absorbs them: `&&`, `||`,
 * `all` and `exists` have a value when one side decides alone. Every step adds to the cost, and too much of it ends the
 * evaluation.
 */
import type { Call, Comprehension, Expr, Select } from './ast.ts';
import type { Checked } from './checker.ts';
import { CostError, EvaluationError, noSuchOverload } from './errors.ts';
import { listCost, mapCost, structCost, turnCost } from './estimate.ts';
import type { Overload } from './overload.ts';
import { dyn, type Type } from './types.ts';
import {
  ArrayList,
  Duration,
  HashMap,
  List,
  Mapping,
  ObjectValue,
  OpaqueValue,
  Optional,
  sizeOf,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

export interface Frame {
  readonly input: (name: string) => Value | undefined;
  readonly slots: Value[];
  cost: number;
  readonly limit: number;
}

export type Step = (frame: Frame) => Value;

interface Slots {
  readonly name: string;
  readonly slot: number;
  readonly outer: Slots | undefined;
}

export function plan(expr: Expr, checked: Checked): Step {
  return new Planner(checked).step(expr, undefined, 0);
}

function spend(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.limit) throw new CostError();
}

class Planner {
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  step(expr: Expr, slots: Slots | undefined, depth: number): Step {
    switch (expr.kind) {
      case 'literal':
        return () => expr.value;
      case 'ident':
        return this.#ident(expr, slots);
      case 'select':
        return this.#select(expr, slots, depth);
      case 'call':
        return this.#call(expr, slots, depth);
      case 'list': {
        const parts = expr.elements.map(({ value, optional }) => ({
          step: this.step(value, slots, depth),
          optional,
        }));
        return (frame) => {
          spend(frame, listCost);
          return new ArrayList(parts.flatMap(({ step, optional }) => present(step(frame), optional)));
        };
      }
      case 'map': {
        const parts = expr.entries.map(({ key, value, optional }) => ({
          key: this.step(key, slots, depth),
          value: this.step(value, slots, depth),
          optional,
        }));
        return (frame) => {
          spend(frame, mapCost);
          return new HashMap(
            parts.flatMap(({ key, value, optional }) => {
              const name = key(frame);
              return present(value(frame), optional).map((item) => [name, item] as const);
            }),
          );
        };
      }
      case 'struct': {
        const type = this.#checked.types.get(expr);
        const parts = expr.fields.map(({ name, value, optional }) => ({
          name: type?.kind === 'object' ? (type.fields.get(name)?.jsonName ?? name) : name,
          step: this.step(value, slots, depth),
          optional,
        }));
        return (frame) => {
          spend(frame, structCost);
          return new ObjectValue(
            expr.name,
            parts.flatMap(({ name, step, optional }) =>
              present(step(frame), optional).map((item) => [name, item] as const),
            ),
          );
        };
      }
      case 'comprehension':
        return this.#comprehension(expr, slots, depth);
      case 'optional': {
        const operand = this.step(expr.operand, slots, depth);
        const transform = this.step(
          expr.transform,
          { name: expr.variable, slot: depth, outer: slots },
          depth + 1,
        );
        return (frame) => {
          spend(frame, 1);
          const value = operand(frame);
          if (!(value instanceof Optional)) throw noSuchOverload('optMap');
          if (value.inner === undefined) return value;
          frame.slots[depth] = value.inner;
          const result = transform(frame);
          return expr.flat ? result : new Optional(result);
        };
      }
      default:
        throw new Error('an expression of no known kind');
    }
  }

  #ident(expr: Expr & { kind: 'ident' }, slots: Slots | undefined): Step {
    const typeName = this.#checked.typeNames.get(expr);
    if (typeName !== undefined) return () => new TypeValue(typeName);
    for (let local = slots; local !== undefined; local = local.outer) {
      if (local.name !== expr.name) continue;
      const { slot } = local;
      return (frame) => {
        spend(frame, 1);
        return frame.slots[slot] ?? null;
      };
    }
    return variable(expr.name);
  }

  #select(expr: Select, slots: Slots | undefined, depth: number): Step {
    const typeName = this.#checked.typeNames.get(expr);
    if (typeName !== undefined) return () => new TypeValue(typeName);
    const name = this.#checked.qualified.get(expr);
    if (name !== undefined) return variable(name);
    const operand = this.step(expr.operand, slots, depth);
    const { field } = expr;
    if (expr.test)
      return (frame) => {
        spend(frame, 1);
        const value = operand(frame);
        if (value instanceof Optional)
          return value.inner instanceof Mapping && value.inner.get(field) !== undefined;
        if (!(value instanceof Mapping)) throw noSuchOverload();
        return value.get(field) !== undefined;
      };
    return (frame) => {
      spend(frame, 1);
      const value = operand(frame);
      const isOptional = expr.optional || value instanceof Optional;
      const inner = value instanceof Optional ? value.inner : value;
      if (inner === undefined) return value;
      if (!(inner instanceof Mapping)) throw noSuchOverload();
      const found = inner.get(field);
      if (isOptional) return new Optional(found);
      if (found === undefined) throw new EvaluationError(`no such key: ${field}`);
      return found;
    };
  }

  #call(expr: Call, slots: Slots | undefined, depth: number): Step {
    const operands =
      expr.target === undefined || this.#checked.namespaced.has(expr)
        ? expr.args
        : [expr.target, ...expr.args];
    const steps = operands.map((operand) => this.step(operand, slots, depth));
    const [first, second, third] = steps;
    if (expr.name === '_&&_' && first !== undefined && second !== undefined)
      return decide(first, second, false);
    if (expr.name === '_||_' && first !== undefined && second !== undefined)
      return decide(first, second, true);
    if (expr.name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined)
      return (frame) => {
        const condition = first(frame);
        if (typeof condition !== 'boolean') throw noSuchOverload();
        return condition ? second(frame) : third(frame);
      };
    const overloads = this.#checked.overloads.get(expr) ?? [];
    const types = operands.map((operand) => this.#checked.types.get(operand) ?? dyn);
    const [only] = overloads;
    const isCertain =
      overloads.length === 1 && types.every((type) => type.kind !== 'dyn' && type.kind !== 'null');
    const { name } = expr;
    return (frame) => {
      const args = steps.map((step) => step(frame));
      const overload = isCertain ? only : overloads.find((candidate) => fitsAll(candidate, args));
      if (overload === undefined) throw noSuchOverload(name);
      spend(frame, 1 + (overload.cost?.(...args.map(sizeOf)) ?? 0));
      return overload.call(...args);
    };
  }

  #comprehension(expr: Comprehension, slots: Slots | undefined, depth: number): Step {
    const range = this.step(expr.range, slots, depth);
    const [firstName = '', secondName] = expr.variables;
    const isPair = secondName !== undefined;
    let inner: Slots = { name: firstName, slot: depth, outer: slots };
    if (isPair) inner = { name: secondName, slot: depth + 1, outer: inner };
    const below = depth + (isPair ? 2 : 1);
    const condition = expr.condition === undefined ? undefined : this.step(expr.condition, inner, below);
    const transform = expr.transform === undefined ? undefined : this.step(expr.transform, inner, below);
    const { macro } = expr;
    return (frame) => {
      const over = range(frame);
      spend(frame, 1);
      const turns = turnsOf(over, isPair);
      const enter = ([a, b]: readonly [Value, Value]): void => {
        spend(frame, turnCost);
        frame.slots[depth] = a;
        if (isPair) frame.slots[depth + 1] = b;
      };
      if (macro === 'all' || macro === 'exists')
        return search(frame, turns, enter, condition, macro === 'exists');
      const holds = (): boolean => {
        if (condition === undefined) return true;
        const value = condition(frame);
        if (typeof value !== 'boolean') throw noSuchOverload();
        return value;
      };
      if (macro === 'exists_one') {
        let count = 0;
        for (const turn of turns) {
          enter(turn);
          if (holds()) count++;
        }
        return count === 1;
      }
      const out: Value[] = [];
      const entries: (readonly [Value, Value])[] = [];
      for (const turn of turns) {
        enter(turn);
        if (!holds()) continue;
        if (macro === 'filter') out.push(turn[0]);
        else {
          const result = transform?.(frame) ?? null;
          if (macro === 'transformMap') entries.push([turn[0], result]);
          else if (macro === 'transformMapEntry') {
            if (!(result instanceof Mapping)) throw noSuchOverload();
            for (const key of result.keys()) entries.push([key, result.get(key) ?? null]);
          } else out.push(result);
        }
      }
      return macro.startsWith('transformMap') ? new HashMap(entries) : new ArrayList(out);
    };
  }
}

function variable(name: string): Step {
  return (frame) => {
    spend(frame, 1);
    const value = frame.input(name);
    if (value === undefined) throw new EvaluationError(`no such attribute(s): ${name}`);
    return value;
  };
}

/** `all` looks for a false, `exists` for a true: one found decides, whatever failed before. */
function search(
  frame: Frame,
  turns: Iterable<readonly [Value, Value]>,
  enter: (turn: readonly [Value, Value]) => void,
  condition: Step | undefined,
  wanted: boolean,
): boolean {
  let failure: EvaluationError | undefined;
  for (const turn of turns) {
    enter(turn);
    try {
      const value = condition?.(frame);
      if (typeof value !== 'boolean') throw noSuchOverload();
      if (value === wanted) return wanted;
    } catch (error) {
      if (!(error instanceof EvaluationError) || error instanceof CostError) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !wanted;
}

function* turnsOf(over: Value, isPair: boolean): Generator<readonly [Value, Value]> {
  if (over instanceof List) {
    for (let i = 0; i < over.size; i++) yield isPair ? [BigInt(i), over.at(i)] : [over.at(i), null];
  } else if (over instanceof Mapping) {
    for (const key of over.keys()) yield [key, isPair ? (over.get(key) ?? null) : null];
  } else throw noSuchOverload();
}

/** `&&` and `||`: the side that decides alone decides, even when the other fails. */
function decide(first: Step, second: Step, decisive: boolean): Step {
  const side = (step: Step, frame: Frame): boolean | EvaluationError => {
    try {
      const value = step(frame);
      return typeof value === 'boolean' ? value : noSuchOverload();
    } catch (error) {
      if (error instanceof EvaluationError && !(error instanceof CostError)) return error;
      throw error;
    }
  };
  return (frame) => {
    spend(frame, 1);
    const left = side(first, frame);
    if (left === decisive) return decisive;
    const right = side(second, frame);
    if (right === decisive) return decisive;
    if (left instanceof EvaluationError) throw left;
    if (right instanceof EvaluationError) throw right;
    return !decisive;
  };
}

function present(value: Value, isOptional: boolean): Value[] {
  if (!isOptional) return [value];
  if (!(value instanceof Optional)) throw noSuchOverload();
  return value.inner === undefined ? [] : [value.inner];
}

function fitsAll(overload: Overload, args: readonly Value[]): boolean {
  return overload.args.every((type, i) => fits(type, args[i] ?? null));
}

/** Whether a value is of a type, as far as functions are told apart by it. */
export function fits(type: Type, value: Value): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'parameter':
      return true;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'uint':
      return value instanceof Uint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'type':
      return value instanceof TypeValue;
    case 'list': {
      if (!(value instanceof List)) return false;
      const { element } = type;
      // The first element tells lists of different types apart.
      return (
        value.size === 0 ||
        element.kind === 'dyn' ||
        element.kind === 'parameter' ||
        fits(element, value.at(0))
      );
    }
    case 'map':
    case 'object':
      return value instanceof Mapping;
    default:
      return type.name === 'optional_type'
        ? value instanceof Optional
        : value instanceof OpaqueValue && value.type === type.name;
  }
}
