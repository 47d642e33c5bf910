/** Expressions as trees. Macros are nodes of their own; every node knows where it stands in the source. */
import type { Value } from './values.ts';

interface Place {
  readonly at: number;
}

export interface Literal extends Place {
  readonly kind: 'literal';
  readonly value: Value;
}
export interface Ident extends Place {
  readonly kind: 'ident';
  readonly name: string;
}
export interface Select extends Place {
  readonly kind: 'select';
  readonly operand: Expr;
  readonly field: string;
  /** `has(a.b)` */
  readonly test: boolean;
  /** `a.?b` */
  readonly optional: boolean;
}
export interface Call extends Place {
  readonly kind: 'call';
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}
export interface ListLiteral extends Place {
  readonly kind: 'list';
  readonly elements: readonly { readonly value: Expr; readonly optional: boolean }[];
}
export interface Entry {
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}
export interface MapLiteral extends Place {
  readonly kind: 'map';
  readonly entries: readonly Entry[];
}
export interface Struct extends Place {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly value: Expr; readonly optional: boolean }[];
}
export type MacroName =
  | 'all'
  | 'exists'
  | 'exists_one'
  | 'filter'
  | 'map'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry';
/** A loop over a list or map. With two variables the first is the index or key. */
export interface Comprehension extends Place {
  readonly kind: 'comprehension';
  readonly macro: MacroName;
  readonly range: Expr;
  readonly variables: readonly string[];
  /** The predicate, or the filter of a transformation. */
  readonly condition: Expr | undefined;
  readonly transform: Expr | undefined;
}
export interface OptionalMap extends Place {
  readonly kind: 'optional';
  readonly flat: boolean;
  readonly operand: Expr;
  readonly variable: string;
  readonly transform: Expr;
}
export type Expr =
  | Literal
  | Ident
  | Select
  | Call
  | ListLiteral
  | MapLiteral
  | Struct
  | Comprehension
  | OptionalMap;

/** `a.b.c` as one name; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.test || expr.optional) return undefined;
  const outer = qualifiedName(expr.operand);
  return outer === undefined ? undefined : `${outer}.${expr.field}`;
}
