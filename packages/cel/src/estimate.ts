/**
 * The most that an expression can cost, from the largest sizes that its types allow. The units are those of the
 * interpreter: 1 for a step, a tenth per character walked over.
 */
import type { Expr } from './ast.ts';
import type { Checked } from './checker.ts';
import { maxSize } from './sizes.ts';
import { dyn } from './types.ts';

export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;
/** What a turn of a loop costs beside what it evaluates. */
export const turnCost = 2;
/** Estimates end here: everything above is too much. */
const ceiling = Number.MAX_SAFE_INTEGER;

export function estimateCost(expr: Expr, checked: Checked): number {
  const cost = (inner: Expr | undefined): number => (inner === undefined ? 0 : measure(inner));
  const size = (inner: Expr): number => maxSize(checked.types.get(inner) ?? dyn);
  const measure = (inner: Expr): number => Math.min(ceiling, Math.ceil(raw(inner)));
  const raw = (inner: Expr): number => {
    switch (inner.kind) {
      case 'literal':
        return 0;
      case 'ident':
        return 1;
      case 'select':
        return checked.typeNames.has(inner) || checked.qualified.has(inner) ? 1 : 1 + cost(inner.operand);
      case 'list':
        return listCost + inner.elements.reduce((sum, { value }) => sum + cost(value), 0);
      case 'map':
        return mapCost + inner.entries.reduce((sum, entry) => sum + cost(entry.key) + cost(entry.value), 0);
      case 'struct':
        return structCost + inner.fields.reduce((sum, { value }) => sum + cost(value), 0);
      case 'optional':
        return 1 + cost(inner.operand) + cost(inner.transform);
      case 'comprehension': {
        const each = turnCost + cost(inner.condition) + cost(inner.transform);
        return cost(inner.range) + 1 + finite(size(inner.range) * each);
      }
      case 'call': {
        if (inner.name === '_?_:_') {
          const [condition, yes, no] = inner.args;
          return cost(condition) + Math.max(cost(yes), cost(no));
        }
        const operands =
          inner.target === undefined || checked.namespaced.has(inner)
            ? inner.args
            : [inner.target, ...inner.args];
        const sizes = operands.map(size);
        const own = (checked.overloads.get(inner) ?? []).map((overload) =>
          finite(overload.cost?.(...sizes) ?? 0),
        );
        return 1 + Math.max(0, ...own) + operands.reduce((sum, operand) => sum + cost(operand), 0);
      }
      default:
        return ceiling;
    }
  };
  return measure(expr);
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : ceiling;
}
