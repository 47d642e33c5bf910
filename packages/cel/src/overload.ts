/** A function of the language: its types, what it does, and what it costs. */
import type { Type } from './types.ts';
import type { Value } from './values.ts';

export interface Overload {
  /** Called on its first argument: `a.f(b)`. */
  readonly member: boolean;
  readonly args: readonly Type[];
  readonly result: Type;
  readonly call: (...args: Value[]) => Value;
  /** By the sizes of the arguments when it is called, 1 unless told; what it may cost is estimated elsewhere. */
  readonly cost?: (...sizes: number[]) => number;
}

/** Functions by name. */
export type Library = Readonly<Record<string, readonly Overload[]>>;

type Extras = Pick<Overload, 'cost'>;

/** Implementations are only ever given values of the types they were declared with. */
type Implementation = (...args: never[]) => Value;

export function globalFunction(
  args: readonly Type[],
  result: Type,
  call: Implementation,
  extras: Extras = {},
): Overload {
  return { member: false, args, result, call: call as Overload['call'], ...extras };
}

export function memberFunction(
  args: readonly Type[],
  result: Type,
  call: Implementation,
  extras: Extras = {},
): Overload {
  return { member: true, args, result, call: call as Overload['call'], ...extras };
}

/** What walking over a text costs, per character. */
export const textCost = 0.1;

export const walkFirst = (first: number): number => Math.ceil(first * textCost);
export const walkBoth = (a: number, b: number): number => Math.ceil((a + b) * textCost);
export const walkSmaller = (a: number, b: number): number => Math.ceil(Math.min(a, b) * textCost);
