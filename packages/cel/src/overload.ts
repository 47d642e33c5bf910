/** A function of the language: its types, what it does, and what it costs. */
import { weightOf } from './equality.ts';
import type { Type } from './types.ts';
import { List, Mapping, type Value } from './values.ts';

export interface Overload {
  /** Called on its first argument: `a.f(b)`. */
  readonly member: boolean;
  readonly args: readonly Type[];
  readonly result: Type;
  readonly call: (...args: Value[]) => Value;
  /** By the sizes of the arguments when it is called, 1 unless told; what it may cost is estimated elsewhere. */
  readonly cost?: (...sizes: number[]) => number;
  /**
   * What it costs by what the arguments are, where their sizes say too little: what is nested, or not made yet. The higher of the two
   * counts. Looks at no more than would cost `most`.
   */
  readonly work?: (most: number, ...args: Value[]) => number;
}

/** Functions by name. */
export type Library = Readonly<Record<string, readonly Overload[]>>;

type Extras = Pick<Overload, 'cost'> & { readonly work?: (most: number, ...args: never[]) => number };

/** Implementations are only ever given values of the types they were declared with. */
type Implementation = (...args: never[]) => Value;

function isNested(value: Value): boolean {
  return value instanceof List || value instanceof Mapping;
}

/** To compare two values is to look at as much as the smaller of them holds. */
export function comparedWork(most: number, a: Value, b: Value): number {
  if (!isNested(a) || !isNested(b)) return 0;
  const weight = Math.min(weightOf(a, most / textCost), weightOf(b, most / textCost));
  return Math.ceil((weight - 1) * textCost);
}

/** To compare a value with each of a list. */
export function soughtWork(most: number, value: Value, items: List): number {
  return isNested(value) ? Math.ceil((weightOf(items, most / textCost) - 1) * textCost) : 0;
}

export function globalFunction(
  args: readonly Type[],
  result: Type,
  call: Implementation,
  extras: Extras = {},
): Overload {
  return {
    member: false,
    args,
    result,
    call: call as Overload['call'],
    ...(extras as Pick<Overload, 'cost' | 'work'>),
  };
}

export function memberFunction(
  args: readonly Type[],
  result: Type,
  call: Implementation,
  extras: Extras = {},
): Overload {
  return {
    member: true,
    args,
    result,
    call: call as Overload['call'],
    ...(extras as Pick<Overload, 'cost' | 'work'>),
  };
}

/** What walking over a text costs, per character. */
export const textCost = 0.1;

export const walkFirst = (first: number): number => Math.ceil(first * textCost);
export const walkBoth = (a: number, b: number): number => Math.ceil((a + b) * textCost);
export const walkSmaller = (a: number, b: number): number => Math.ceil(Math.min(a, b) * textCost);
