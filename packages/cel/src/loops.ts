/**
 * Loops over lists and maps, one turn after the other. `all` and `exists` have a value as soon as one turn decides,
 * whatever failed before.
 */
import type { MacroName } from './ast.ts';
import { CostError, EvaluationError, noSuchOverload } from './errors.ts';
import { turnCost } from './macro-costs.ts';
import { type Frame, spend, type Step } from './frame.ts';
import { ArrayList, HashMap, List, Mapping, type Value } from './values.ts';

export interface Loop {
  readonly macro: MacroName;
  readonly range: Step;
  /** Where the first variable is; the second, if there is one, is behind it. */
  readonly slot: number;
  readonly isPair: boolean;
  readonly condition: Step | undefined;
  readonly transform: Step | undefined;
}

export function loopStep({ macro, range, slot, isPair, condition, transform }: Loop): Step {
  return (frame) => {
    const over = range(frame);
    spend(frame, 1);
    const turns = turnsOf(over, isPair);
    const enter = ([a, b]: readonly [Value, Value]): void => {
      spend(frame, turnCost);
      frame.slots[slot] = a;
      if (isPair) frame.slots[slot + 1] = b;
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
