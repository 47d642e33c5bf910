/**
 * `string.format(list)`: the clauses of cel-go's strings extension, in Kubernetes' locale, which is English: doubles
 * are grouped by thousands, and powers are written as powers.
 */
import type { Expr, ListLiteral } from '../ast.ts';
import { checkLength, EvaluationError, type Issue } from '../errors.ts';
import { formatSeconds, formatTimestamp } from '../json.ts';
import type { Type } from '../types.ts';
import { Duration, List, Mapping, Timestamp, TypeValue, typeNameOf, Uint, type Value } from '../values.ts';
import { formatDouble } from './conversions.ts';

const usualPrecision = 6;
const maxPrecision = 100;

interface Clause {
  readonly kinds: ReadonlySet<string>;
  /** What is said of a value of any other type, before which type it has. */
  readonly refusal: string;
  readonly write: (value: Value, precision: number) => string;
}

function clause(kinds: string, refusal: string, write: Clause['write']): Clause {
  return { kinds: new Set(kinds.split(' ')), refusal, write };
}

const hexRefusal = 'only integers, byte buffers, and strings can be formatted as hex';
const clauses: ReadonlyMap<string, Clause> = new Map([
  [
    's',
    clause(
      'string bool bytes int uint double map list type duration timestamp null',
      'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
      textOf,
    ),
  ],
  ['d', clause('int uint', 'decimal clause can only be used on integers', (value) => integer(value, 10))],
  ['f', clause('double', 'fixed-point clause can only be used on doubles', fixedPoint)],
  ['e', clause('double', 'scientific clause can only be used on doubles', scientific)],
  [
    'b',
    clause('int uint bool', 'only integers and bools can be formatted as binary', (value) =>
      typeof value === 'boolean' ? String(Number(value)) : integer(value, 2),
    ),
  ],
  ['o', clause('int uint', 'octal clause can only be used on integers', (value) => integer(value, 8))],
  ['x', clause('int uint string bytes', hexRefusal, hex)],
  ['X', clause('int uint string bytes', hexRefusal, (value) => hex(value).toUpperCase())],
]);

/** A piece of a template: what stands there as it is, or a clause for the next argument. */
type Piece = string | { readonly verb: Clause; readonly precision: number };

/** Throws an `EvaluationError` at what is no template. */
function* pieces(template: string): Generator<Piece, void> {
  let at = 0;
  for (let next = template.indexOf('%', at); next !== -1; next = template.indexOf('%', at)) {
    if (next > at) yield template.slice(at, next);
    const [whole = '', percent, dot, precision = '', verb] =
      /^%(?:(%)|(?:(\.)(\d*))?([^]?))/.exec(template.slice(next, next + 64)) ?? [];
    at = next + whole.length;
    if (percent !== undefined) {
      yield '%';
      continue;
    }
    if (dot !== undefined && precision === '')
      throw new EvaluationError(
        'could not parse formatting clause: error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax',
      );
    if (verb === undefined || verb === '') throw new EvaluationError('unexpected end of string');
    const known = clauses.get(verb);
    if (known === undefined)
      throw new EvaluationError(
        `could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(verb)}`,
      );
    yield { verb: known, precision: dot === undefined ? usualPrecision : Number(precision) };
  }
  if (at < template.length) yield template.slice(at);
}

export function format(template: string, args: List): string {
  let next = 0;
  let out = '';
  for (const piece of pieces(template)) {
    if (typeof piece === 'string') out += piece;
    else {
      if (next >= args.size) throw new EvaluationError(`index ${next} out of range`);
      const value = args.at(next++);
      if (!piece.verb.kinds.has(kindOf(value))) throw refusal(piece.verb, typeNameOf(value));
      out += piece.verb.write(value, piece.precision);
    }
    checkLength(out.length);
  }
  return out;
}

/** What is wrong with a template and its arguments, as far as their types say. */
export function templateProblem(
  template: string,
  { elements }: ListLiteral,
  at: number,
  typeOf: (expr: Expr) => Type,
): Issue | undefined {
  let next = 0;
  try {
    for (const piece of pieces(template)) {
      if (typeof piece === 'string') continue;
      const element = elements[next];
      if (element === undefined) return { at, message: `index ${next} out of range` };
      const type = typeOf(element.value);
      if (type.kind !== 'dyn' && !piece.verb.kinds.has(type.kind))
        return {
          at: element.value.at,
          message: refusal(
            piece.verb,
            type.kind === 'opaque' || type.kind === 'object' ? type.name : type.kind,
          ).message,
        };
      next++;
    }
  } catch (error) {
    if (error instanceof EvaluationError) return { at, message: error.message };
    throw error;
  }
  return next < elements.length
    ? {
        at,
        message: `too many arguments supplied to string.format (expected ${next}, got ${elements.length})`,
      }
    : undefined;
}

function refusal(verb: Clause, found: string): EvaluationError {
  return new EvaluationError(`error during formatting: ${verb.refusal}, was given ${found}`);
}

/** The kind of type that a value is of. */
function kindOf(value: Value): string {
  const name = typeNameOf(value);
  switch (name) {
    case 'google.protobuf.Duration':
      return 'duration';
    case 'google.protobuf.Timestamp':
      return 'timestamp';
    case 'null_type':
      return 'null';
    default:
      return value instanceof Mapping ? 'map' : name;
  }
}

function integer(value: Value, base: number): string {
  return (value instanceof Uint ? value.value : (value as bigint)).toString(base);
}

function hex(value: Value): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : integer(value, 16);
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? '∞' : '-∞';
}

/** A tie goes to the even digit, as in Go and unlike in JavaScript. */
function toFixed(value: number, precision: number): string {
  const digits = Math.min(maxPrecision, precision);
  const text = value.toFixed(digits);
  const exact = value.toFixed(Math.min(maxPrecision, digits + 30));
  const isTie =
    /^-?\d+\.?\d*$/.test(exact) && /^50*$/.test(exact.replace('.', '').slice(-30)) && digits <= 70;
  if (!isTie || Number(text.at(-1)) % 2 === 0) return text;
  const below = exact.slice(0, exact.length - 30);
  return below.endsWith('.') ? below.slice(0, -1) : below;
}

function fixedPoint(value: Value, precision: number): string {
  const number = value as number;
  const [whole = '', fraction] = toFixed(number, precision).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return special(number) ?? (fraction === undefined ? grouped : `${grouped}.${fraction}`);
}

const raised = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Always with six digits: a precision does not count here in cel-go. */
function scientific(value: Value): string {
  const number = value as number;
  const [, mantissa = '', sign = '', digits = ''] =
    /^(.*)e([+-])(\d+)$/.exec(number.toExponential(usualPrecision)) ?? [];
  const power = Array.from(digits.padStart(2, '0'), (digit) => raised[Number(digit)]).join('');
  return special(number)?.padStart(6) ?? `${mantissa}×10${sign === '-' ? '⁻' : ''}${power}`;
}

/** As a value stands by itself: texts as they are. */
function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatDouble(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatSeconds(value);
  return inside(value);
}

/** As a value is written within a list or a map: as it would be in an expression. */
function inside(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return special(value) ?? value.toFixed(usualPrecision);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString('utf8'))}`;
  if (value instanceof Timestamp) return `timestamp(${JSON.stringify(formatTimestamp(value))})`;
  if (value instanceof Duration) return `duration(${JSON.stringify(formatSeconds(value))})`;
  if (value instanceof TypeValue) return value.name;
  if (value instanceof List) return `[${[...value].map(inside).join(', ')}]`;
  if (value instanceof Mapping)
    return `{${[...value.keys()]
      .map((key) => `${inside(key)}:${inside(value.get(key) ?? null)}`)
      .sort()
      .join(', ')}}`;
  throw new EvaluationError(`error during formatting: no formatting function for ${typeNameOf(value)}`);
}
