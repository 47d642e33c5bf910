/** One evaluation: where its variables are, and what it has cost. */
import { CostError } from './errors.ts';
import type { Value } from './values.ts';

export interface Frame {
  readonly input: (name: string) => Value | undefined;
  readonly slots: Value[];
  cost: number;
  readonly limit: number;
}

export type Step = (frame: Frame) => Value;

/** Throws a `CostError` when that is more than the evaluation may cost. */
export function spend(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.limit) throw new CostError();
}
