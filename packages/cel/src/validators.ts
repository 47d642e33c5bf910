/**
 * What Kubernetes asks of an expression beyond its types: lists and maps of one type each, and constants that can be
 * what they are meant to be. Looked at only in an expression that has no other issue, as upstream does.
 */
import type { Call, Expr } from './ast.ts';
import type { Checked } from './checker.ts';
import { CompileError, EvaluationError, type Issue } from './errors.ts';
import { templateProblem } from './libraries/text-format.ts';
import { dyn, formatType, isSame, type Type } from './types.ts';
import type { Value } from './values.ts';

/** Functions that turn a constant into another: upstream calls them ahead of time, and fails when they do. */
const conversions: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'string',
  'timestamp',
  'uint',
]);
const patterns: ReadonlySet<string> = new Set(['find', 'findAll', 'matches']);

/** Every issue with lists, maps and constants. */
export function validate(expr: Expr, checked: Checked): Issue[] {
  const issues: Issue[] = [];
  const typeOf = (inner: Expr): Type => checked.types.get(inner) ?? dyn;
  const visit = (inner: Expr, mayMix: boolean): void => {
    if (!mayMix && inner.kind === 'list')
      alike(
        inner.elements.map(({ value, optional }) => typed(value, typeOf(value), optional)),
        issues,
      );
    if (!mayMix && inner.kind === 'map') {
      const keys = inner.entries.map(({ key }) => typed(key, typeOf(key), false));
      const values = inner.entries.map(({ value, optional }) => typed(value, typeOf(value), optional));
      if (!alike(keys, issues)) alike(values, issues);
    }
    if (inner.kind === 'call') issues.push(...constantIssues(inner, checked));
    // What is formatted may be of any type.
    const isFormat = inner.kind === 'call' && inner.name === 'format';
    for (const child of childrenOf(inner)) visit(child, mayMix || isFormat);
  };
  visit(expr, false);
  return issues;
}

interface Typed {
  readonly at: number;
  readonly type: Type;
  /** Nothing is known of what would be in it: it goes with others of its kind. */
  readonly isEmpty: boolean;
}

function typed(expr: Expr, type: Type, isOptional: boolean): Typed {
  const inner = isOptional && type.kind === 'opaque' ? (type.parameters[0] ?? dyn) : type;
  const isEmpty =
    (expr.kind === 'list' && expr.elements.length === 0) ||
    (expr.kind === 'map' && expr.entries.length === 0) ||
    (isOptional && inner.kind === 'dyn');
  return { at: expr.at, type: inner, isEmpty };
}

/** Whether there was an issue: one is told of a list, at the first item that is of another type. */
function alike(items: readonly Typed[], issues: Issue[]): boolean {
  const first = items.find(({ isEmpty }) => !isEmpty) ?? items[0];
  const other = items.find((item) => first !== undefined && !goesWith(first, item));
  if (first === undefined || other === undefined) return false;
  const message = `expected type '${formatType(first.type)}' but found '${formatType(other.type)}'`;
  issues.push({ at: other.at, message });
  return true;
}

function goesWith(first: Typed, item: Typed): boolean {
  if (item.isEmpty) return item.type.kind === 'dyn' || item.type.kind === first.type.kind;
  return isSame(first.type, item.type);
}

function constantIssues(call: Call, checked: Checked): Issue[] {
  const { name, target, args, at } = call;
  const [first] = args;
  if (first === undefined || args.length > 1) return [];
  if (name === 'format' && target?.kind === 'literal' && typeof target.value === 'string') {
    if (first.kind !== 'list') return [];
    const problem = templateProblem(target.value, first, at, (inner) => checked.types.get(inner) ?? dyn);
    return problem === undefined ? [] : [problem];
  }
  if (first.kind !== 'literal') return [];
  const isPattern = name === 'matches' && target !== undefined;
  const isTime = target === undefined && (name === 'timestamp' || name === 'duration');
  if (!isPattern && !isTime) return [];
  const [overload] = checked.overloads.get(call) ?? [];
  const operands = isPattern ? ['', first.value] : [first.value];
  // A duration is written as a text, though a number is taken of what is no constant.
  const isGood =
    overload !== undefined &&
    (name !== 'duration' || typeof first.value === 'string') &&
    failureOf(() => overload.call(...operands)) === undefined;
  return isGood ? [] : [{ at: first.at, message: `invalid ${name} argument` }];
}

/** Calls conversions of constants. Throws a `CompileError` when one fails. */
export function tryConstants(source: string, expr: Expr, checked: Checked): void {
  const visit = (inner: Expr): void => {
    for (const child of childrenOf(inner)) visit(child);
    if (inner.kind !== 'call') return;
    const constants = inner.args.flatMap((arg) =>
      arg.kind === 'literal' && arg.value !== null ? [arg.value] : [],
    );
    const isConversion = conversions.has(inner.name) && inner.target === undefined && inner.args.length === 1;
    if (constants.length !== inner.args.length || !(isConversion || patterns.has(inner.name))) return;
    const [overload] = checked.overloads.get(inner) ?? [];
    const target = inner.target === undefined ? [] : [''];
    const failure =
      overload === undefined ? undefined : failureOf(() => overload.call(...target, ...constants));
    if (failure !== undefined)
      throw new CompileError(source, [], `program instantiation failed: ${failure.message}`);
  };
  visit(expr);
}

function failureOf(call: () => Value): EvaluationError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof EvaluationError) return error;
    throw error;
  }
}

function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.elements.map(({ value }) => value);
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'comprehension':
      return [expr.range, expr.condition, expr.transform].filter((child) => child !== undefined);
    case 'optional':
      return [expr.operand, expr.transform];
    default:
      return [];
  }
}
