/**
 * The most that an expression can cost: an implementation of the model that cel-go and Kubernetes publish, because it
 * decides which definitions a cluster takes. What is known of a value's size comes from where it stands in the declared
 * types (`Place`), from constants, and from the calls that made it; loops cost what their expansion by macros costs.
 *
 * Invariant: estimates are upstream's, number by number, quirks included: a value that stands nowhere, such as the result
 * of a call, gets the root as its place when something is taken out of it.
 */
import type { Call, Comprehension, Expr, OptionalMap } from './ast.ts';
import type { Checked } from './checker.ts';
import { type Argument, callCost } from './estimated-calls.ts';
import { expansions, listCost, mapCost, structCost } from './macro-costs.ts';
import { inside, type Place, sizeAt, sizeOfLiteral, sizeOfType } from './places.ts';
import { capped, either, exactly, type SizeRange, unknownSize } from './size-range.ts';
import { dyn, type Type } from './types.ts';

/** The declared type of a variable by its name; what is below it has its sizes in `max`. */
export type Roots = (name: string) => Type | undefined;

/** Variables of loops, innermost first. */
interface Locals {
  readonly name: string;
  readonly place: Place | undefined;
  readonly size: SizeRange | undefined;
  readonly items: SizeRange | undefined;
  readonly outer: Locals | undefined;
}

export function estimateCost(expr: Expr, checked: Checked, roots: Roots): number {
  return new Estimator(checked, roots).cost(expr, undefined);
}

class Estimator {
  readonly #checked: Checked;
  readonly #roots: Roots;
  readonly #places = new Map<Expr, Place>();
  readonly #sizes = new Map<Expr, SizeRange>();
  /** Sizes of what lists and maps hold that expressions make. */
  readonly #items = new Map<Expr, SizeRange>();

  constructor(checked: Checked, roots: Roots) {
    this.#checked = checked;
    this.#roots = roots;
  }

  cost(expr: Expr | undefined, locals: Locals | undefined): number {
    return expr === undefined ? 0 : capped(this.#cost(expr, locals));
  }

  #cost(expr: Expr, locals: Locals | undefined): number {
    switch (expr.kind) {
      case 'literal':
        this.#sizes.set(expr, exactly(sizeOfLiteral(expr.value)));
        return 0;
      case 'ident':
        this.#variable(expr, expr.name, locals);
        return 1;
      case 'select': {
        const name = this.#checked.typeNames.get(expr) ?? this.#checked.qualified.get(expr);
        if (name !== undefined) {
          this.#place(expr, { type: this.#roots(name) });
          return 1;
        }
        const operand = this.cost(expr.operand, locals);
        // Only a place is asked for, and a place costs nothing to find.
        if (expr.test) return operand;
        if (expr.optional) return 1 + operand;
        this.#place(expr, this.#below(expr.operand, expr.field));
        const { kind } = this.#type(expr.operand);
        return operand + (kind === 'map' || kind === 'object' || kind === 'parameter' ? 1 : 0);
      }
      case 'list': {
        const cost = this.#sum(
          expr.elements.map(({ value }) => value),
          locals,
        );
        this.#sizes.set(expr, exactly(expr.elements.length));
        this.#items.set(expr, this.#joined(expr.elements.map(({ value }) => value)));
        return cost + listCost;
      }
      case 'map': {
        const cost = this.#sum(
          expr.entries.flatMap(({ key, value }) => [key, value]),
          locals,
        );
        this.#sizes.set(expr, exactly(expr.entries.length));
        this.#items.set(expr, this.#joined(expr.entries.map(({ value }) => value)));
        return cost + mapCost;
      }
      case 'struct':
        return (
          structCost +
          this.#sum(
            expr.fields.map(({ value }) => value),
            locals,
          )
        );
      case 'comprehension':
        return this.#comprehension(expr, locals);
      case 'optional':
        return this.#optional(expr, locals);
      default:
        return this.#call(expr, locals);
    }
  }

  #sum(all: readonly Expr[], locals: Locals | undefined): number {
    return all.reduce((sum, one) => sum + this.cost(one, locals), 0);
  }

  #joined(all: readonly Expr[]): SizeRange {
    const [first, ...rest] = all.map((one) => this.#size(one) ?? unknownSize);
    return first === undefined ? exactly(0) : rest.reduce(either, first);
  }

  #type(expr: Expr): Type {
    return this.#checked.types.get(expr) ?? dyn;
  }

  #variable(expr: Expr, name: string, locals: Locals | undefined): void {
    for (let local = locals; local !== undefined; local = local.outer) {
      if (local.name !== name) continue;
      if (local.items !== undefined) this.#items.set(expr, local.items);
      this.#place(expr, local.place, local.size);
      return;
    }
    this.#place(expr, { type: this.#roots(name) });
  }

  /** Where a value stands says its size before its type does; only then counts what a loop knows. */
  #place(expr: Expr, place: Place | undefined, size?: SizeRange): void {
    if (place !== undefined) this.#places.set(expr, place);
    const found = sizeAt(place) ?? sizeOfType(this.#type(expr)) ?? size;
    if (found !== undefined) this.#sizes.set(expr, found);
  }

  #below(expr: Expr, step: string): Place {
    const place = this.#places.get(expr);
    // What stands nowhere counts as the root: a path of one step is the name of a variable.
    if (place === undefined) return { type: this.#roots(step) };
    return { type: place.type === undefined ? undefined : inside(place.type, step) };
  }

  #size(expr: Expr): SizeRange | undefined {
    return this.#sizes.get(expr) ?? sizeOfType(this.#type(expr));
  }

  #argument(expr: Expr): Argument {
    const type = this.#type(expr);
    return {
      expr,
      type,
      size: this.#size(expr) ?? unknownSize,
      elementSize: () =>
        type.kind === 'list'
          ? ((this.#places.has(expr) ? sizeAt(this.#below(expr, '@items')) : undefined) ?? unknownSize)
          : undefined,
    };
  }

  #call(expr: Call, locals: Locals | undefined): number {
    const { name, args } = expr;
    const isMember = expr.target !== undefined && !this.#checked.namespaced.has(expr);
    const target = isMember ? expr.target : undefined;
    const costs = args.map((arg) => this.cost(arg, locals));
    const [first = 0, second = 0, third = 0] = costs;
    const [one, two, three] = args;
    if (name === 'dyn' && one !== undefined) {
      this.#copy(expr, one);
      return 1 + first;
    }
    if (name === '_&&_' || name === '_||_') return first + second;
    if (name === '_?_:_' && two !== undefined && three !== undefined) {
      this.#sizes.set(expr, either(this.#size(two) ?? unknownSize, this.#size(three) ?? unknownSize));
      const [yes, no] = [this.#items.get(two), this.#items.get(three)];
      if (yes !== undefined && no !== undefined) this.#items.set(expr, either(yes, no));
      return first + Math.max(second, third);
    }
    const operands = costs.reduce((sum, cost) => sum + cost, 0) + this.cost(target, locals);
    if (name === '_[_]' && one !== undefined) {
      this.#indexed(expr, one);
      return operands + 1;
    }
    if (name === '_+_' && one !== undefined && two !== undefined) {
      const [left, right] = [this.#items.get(one), this.#items.get(two)];
      if (left !== undefined && right !== undefined) this.#items.set(expr, either(left, right));
    }
    const overloads = this.#checked.overloads.get(expr) ?? [];
    const whole = isMember && expr.target !== undefined ? this.#argument(expr.target) : undefined;
    const fullName = isMember || expr.target === undefined ? name : (this.#namespaced(expr) ?? name);
    const estimates = overloads.map((overload) =>
      callCost(
        fullName,
        overload,
        whole,
        args.map((arg) => this.#argument(arg)),
      ),
    );
    const sizes = estimates.flatMap(({ size }) => (size === undefined ? [] : [size]));
    const [size, ...others] = sizes;
    if (size !== undefined) this.#sizes.set(expr, others.reduce(either, size));
    const own = Math.max(0, ...estimates.map(({ cost }) => cost));
    // Sorting by keys gives its target a name first, and goes through that.
    const bound = name === '@sortByAssociatedKeys' ? listCost + 1 + 1 - this.cost(target, locals) : 0;
    return operands + own + bound;
  }

  #namespaced({ target, name }: Call): string | undefined {
    const parts: string[] = [name];
    let at = target;
    while (at?.kind === 'select') {
      parts.unshift(at.field);
      at = at.operand;
    }
    return at?.kind === 'ident' ? [at.name, ...parts].join('.') : undefined;
  }

  #indexed(expr: Call, over: Expr): void {
    const { kind } = this.#type(over);
    if (kind === 'opaque') return;
    const made = this.#items.get(over);
    this.#place(expr, this.#below(over, kind === 'list' ? '@items' : '@values'));
    if (made !== undefined) this.#sizes.set(expr, made);
  }

  #copy(to: Expr, from: Expr): void {
    const [size, items] = [this.#size(from), this.#items.get(from)];
    if (size !== undefined) this.#sizes.set(to, size);
    if (items !== undefined) this.#items.set(to, items);
  }

  /** The local variable of a loop that stands for a part of `range`. */
  #part(name: string, range: Expr, isKey: boolean, outer: Locals | undefined): Locals {
    const isList = this.#type(range).kind === 'list';
    const step = isKey ? (isList ? '@indices' : '@keys') : isList ? '@items' : '@values';
    const made = this.#items.get(range);
    const size = made === undefined ? undefined : isKey ? exactly(1) : made;
    return { name, place: this.#below(range, step), size, items: undefined, outer };
  }

  #comprehension(expr: Comprehension, locals: Locals | undefined): number {
    const { macro, range, variables } = expr;
    const start = this.cost(range, locals);
    const [first = '', second] = variables;
    const isList = this.#type(range).kind === 'list';
    const inner =
      second === undefined
        ? this.#part(first, range, !isList, locals)
        : this.#part(second, range, false, this.#part(first, range, true, locals));
    const condition = this.cost(expr.condition, inner);
    const transform = this.cost(expr.transform, inner);
    const turns = this.#size(range) ?? unknownSize;
    const { begin, turn, end } = expansions[macro](condition, transform);
    if (macro === 'all' || macro === 'exists' || macro === 'exists_one') this.#sizes.set(expr, exactly(1));
    else {
      this.#sizes.set(expr, turns);
      const part =
        macro === 'filter'
          ? (sizeAt(inner.place) ?? inner.size)
          : expr.transform && this.#size(expr.transform);
      // Maps are not made of parts whose sizes anybody follows.
      if (!macro.startsWith('transformMap')) this.#items.set(expr, either(exactly(0), part ?? unknownSize));
    }
    return start + begin + end + capped(turns.max * capped(turn));
  }

  /** As `a.hasValue() ? optional.of(cel.bind(x, a.value(), f(x))) : optional.none()`. */
  #optional(expr: OptionalMap, locals: Locals | undefined): number {
    const operand = this.cost(expr.operand, locals);
    const inner: Locals = {
      name: expr.variable,
      place: undefined,
      size: undefined,
      items: undefined,
      outer: locals,
    };
    const bound = listCost + (1 + operand) + this.cost(expr.transform, inner);
    return 1 + operand + Math.max(1, expr.flat ? bound : 1 + bound);
  }
}
