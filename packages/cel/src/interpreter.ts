/**
 * A checked tree as functions that compute it. Errors are thrown, but where the language absorbs them: `&&`, `||`,
 * `all` and `exists` have a value when one side decides alone. Every step adds to the cost, and too much of it ends the
 * evaluation.
 */
import type { Call, Comprehension, Expr, Select } from './ast.ts';
import type { Checked } from './checker.ts';
import { CostError, EvaluationError, noSuchOverload } from './errors.ts';
import { listCost, mapCost, structCost } from './macro-costs.ts';
import { fitsAll } from './fits.ts';
import { type Frame, spend, type Step } from './frame.ts';
import { loopStep } from './loops.ts';
import { dyn } from './types.ts';
import {
  List,
  ArrayList,
  HashMap,
  Mapping,
  ObjectValue,
  Optional,
  sizeOf,
  TypeValue,
  type Value,
} from './values.ts';

interface Slots {
  readonly name: string;
  readonly slot: number;
  readonly outer: Slots | undefined;
}

export function plan(expr: Expr, checked: Checked): Step {
  return new Planner(checked).step(expr, undefined, 0);
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
        const value = operand(frame);
        if (value instanceof Optional)
          return value.inner instanceof Mapping && value.inner.get(field) !== undefined;
        if (value instanceof List) throw noSuchOverload();
        // What has no fields, such as null, has not this one.
        return value instanceof Mapping && value.get(field) !== undefined;
      };
    return (frame) => {
      spend(frame, 1);
      const value = operand(frame);
      const isOptional = expr.optional || value instanceof Optional;
      const inner = value instanceof Optional ? value.inner : value;
      if (inner === undefined) return value;
      if (inner instanceof List) throw noSuchOverload();
      const found = inner instanceof Mapping ? inner.get(field) : undefined;
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
      const cost = overload.cost?.(...args.map(sizeOf)) ?? 1;
      const work = overload.work?.(frame.limit - frame.cost + 1, ...args) ?? 0;
      spend(frame, Math.max(cost, work));
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
    return loopStep({ macro: expr.macro, range, slot: depth, isPair, condition, transform });
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
