/**
 * Sizes of values as far as they are known before an evaluation: between a least and a largest one. Sums and products
 * end at 2^64, as upstream's: everything there is too much.
 */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

const ceiling = 2 ** 64;

export const unknownSize: SizeRange = { min: 0, max: ceiling };

export function exactly(size: number): SizeRange {
  return { min: size, max: size };
}

export function capped(cost: number): number {
  return Math.min(ceiling, cost);
}

export function plus(a: SizeRange, b: SizeRange): SizeRange {
  return { min: capped(a.min + b.min), max: capped(a.max + b.max) };
}

export function times(a: SizeRange, b: SizeRange): SizeRange {
  return { min: capped(a.min * b.min), max: capped(a.max * b.max) };
}

export function either(a: SizeRange, b: SizeRange): SizeRange {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

/** What it costs at most to do something with every part of a value. */
export function costOf({ max }: SizeRange, factor: number): number {
  return capped(Math.ceil(max * factor));
}
