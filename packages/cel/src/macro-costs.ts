/** What expressions cost that make something, and loops, by what their macros stand for. */
import type { MacroName } from './ast.ts';

export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;
/** What a turn of a loop costs beside what it evaluates, when it is evaluated. */
export const turnCost = 2;

/** What a loop costs once at its beginning, for every turn, and at its end. */
export interface Expansion {
  readonly begin: number;
  readonly turn: number;
  readonly end: number;
}

/** Adds a list of one to a list: the call, the list so far, and the new one. */
const append = 1 + 1 + listCost;

/** By what each macro stands for; a filter that does not hold leaves the accumulator as it is, for 1. */
export const expansions: Readonly<Record<MacroName, (condition: number, transform: number) => Expansion>> = {
  all: (condition) => ({ begin: 0, turn: 2 + 1 + condition, end: 1 }),
  exists: (condition) => ({ begin: 0, turn: 3 + 1 + condition, end: 1 }),
  exists_one: (condition) => ({ begin: 0, turn: condition + 2, end: 2 }),
  filter: (condition) => ({ begin: listCost, turn: condition + append + 1, end: 1 }),
  map: (condition, transform) => ({ begin: listCost, turn: condition + append + transform, end: 1 }),
  transformList: (condition, transform) => ({
    begin: listCost,
    turn: condition + append + transform,
    end: 1,
  }),
  transformMap: (condition, transform) => ({
    begin: mapCost,
    turn: condition + 1 + 1 + 1 + transform,
    end: 1,
  }),
  transformMapEntry: (condition, transform) => ({
    begin: mapCost,
    turn: condition + 1 + 1 + transform,
    end: 1,
  }),
};
