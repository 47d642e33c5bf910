/**
 * What calls of functions can cost at most, and how large their results can be: as Kubernetes' libraries and cel-go
 * estimate them, which is not always what a call costs when it is made.
 */
import type { Expr } from './ast.ts';
import { type Overload, textCost } from './overload.ts';
import { capped, costOf, exactly, plus, type SizeRange, times, unknownSize } from './size-range.ts';
import { isSame, type Type } from './types.ts';

export interface Argument {
  readonly expr: Expr;
  readonly type: Type;
  readonly size: SizeRange;
  /** Of a list's items; undefined for what is no list. */
  readonly elementSize: () => SizeRange | undefined;
}

export interface CallCost {
  readonly cost: number;
  /** Undefined where nothing but the type says it. */
  readonly size?: SizeRange;
}

interface CallOf {
  readonly overload: Overload;
  readonly target: Argument | undefined;
  readonly args: readonly Argument[];
  /** The target, or else the first argument. */
  readonly subject: SizeRange;
}
type Estimate = (call: CallOf) => CallCost;

/** What a call costs beside its operands. */
export function callCost(
  name: string,
  overload: Overload,
  target: Argument | undefined,
  args: readonly Argument[],
): CallCost {
  const subject = target?.size ?? args[0]?.size ?? unknownSize;
  const estimate = Object.hasOwn(estimates, name) ? estimates[name] : undefined;
  return estimate?.({ overload, target, args, subject }) ?? one();
}

const listCost = 10;
const regexCost = 0.25;
/** The longest pattern that a named format has. */
const formatPattern = 128;
const maxFormat = 64;
const selectorCosts = { base: 10, perPart: 50, partsPerLetter: 0.5 };

const one = (): CallCost => ({ cost: 1 });
const sizeOfArg = ({ args }: CallOf, i = 0): SizeRange => args[i]?.size ?? unknownSize;

const walk: Estimate = ({ subject }) => ({ cost: costOf(subject, textCost) });
const transform: Estimate = ({ subject }) => ({ cost: costOf(subject, textCost), size: subject });

/** Goes through a list, or through a text as a whole. */
const search: Estimate = ({ target, subject }) => {
  const items = target?.elementSize();
  if (target === undefined) return one();
  if (items === undefined || target.type.kind !== 'list') return { cost: costOf(subject, textCost) };
  const isText = target.type.element.kind === 'string' || target.type.element.kind === 'bytes';
  return { cost: capped(subject.max * (1 + (isText ? costOf(items, textCost) : 0))) };
};

function pattern(text: SizeRange, regex: SizeRange): number {
  return capped(costOf(plus(text, exactly(1)), textCost) * costOf(regex, regexCost));
}

const find: Estimate = (call) => ({
  cost: pattern(call.subject, sizeOfArg(call)),
  size: { min: 0, max: call.subject.max },
});

/** The longest text that replacing can make out of one, and the shortest. */
function replaced(text: SizeRange, from: SizeRange, to: SizeRange): SizeRange {
  const most =
    from.min === 0
      ? capped(text.max + 1) * to.max + text.max
      : to.max <= from.min
        ? text.max
        : Math.ceil(text.max / from.min) * to.max;
  const least =
    from.max === 0
      ? (text.min + 1) * to.min + text.min
      : from.max <= to.min
        ? text.min
        : Math.ceil(text.min / from.max) * to.min;
  return { min: capped(least), max: capped(most) };
}

function joined(target: Argument, separator: SizeRange | undefined): SizeRange {
  const items = target.elementSize();
  const whole = items === undefined ? exactly(0) : times(target.size, items);
  if (separator === undefined) return whole;
  const gaps = { min: Math.max(0, target.size.min - 1), max: Math.max(0, target.size.max - 1) };
  return plus(whole, times(separator, gaps));
}

/** A non-negative integer that stands in the expression itself. */
function literal(argument: Argument | undefined, otherwise: number): number {
  const expr = argument?.expr;
  return expr?.kind === 'literal' && typeof expr.value === 'bigint' && expr.value >= 0n
    ? Number(expr.value)
    : otherwise;
}

function made(size: SizeRange, factor = 1): CallCost {
  return { cost: costOf(size, factor) + 1 + listCost, size };
}

const sorted = (keys: Argument | undefined): CallCost => {
  const size = keys?.size ?? unknownSize;
  const isText =
    keys?.type.kind === 'list' && (keys.type.element.kind === 'string' || keys.type.element.kind === 'bytes');
  return made(times(size, size), isText ? 2 + textCost : 2);
};

const setWalk =
  (factor: number): Estimate =>
  (call) => ({ cost: costOf(times(sizeOfArg(call, 0), sizeOfArg(call, 1)), factor) + 1 });

/** Comparing ends with the shorter of the two. */
const compare: Estimate = (call) => ({
  cost: Math.ceil(Math.min(sizeOfArg(call, 0).max, sizeOfArg(call, 1).max) * textCost),
});
const compareTexts: Estimate = (call) => {
  const kind = call.overload.args[0]?.kind;
  return kind === 'string' || kind === 'bytes' ? compare(call) : one();
};

const opaqueOfOne: ReadonlySet<string> = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
]);
const equal: Estimate = (call) => {
  const [left, right] = [call.args[0]?.type, call.args[1]?.type];
  if (left?.kind === 'opaque' && right !== undefined && isSame(left, right)) {
    if (opaqueOfOne.has(left.name)) return one();
    if (left.name === 'kubernetes.NamedFormat') return { cost: Math.ceil(maxFormat * textCost) };
    if (left.name === 'kubernetes.URL') return { cost: costOf(sizeOfArg(call, 1), textCost) };
  }
  return compare(call);
};

const selector: Estimate = (call) => {
  const length = sizeOfArg(call);
  const parts = costOf(length, selectorCosts.partsPerLetter);
  return { cost: capped(selectorCosts.base + costOf(length, textCost) + parts * selectorCosts.perPart) };
};

/** Both are lists of bytes, of an address of either family. */
const address = { min: 4, max: 16 };
function within(call: CallOf, base: number): CallCost {
  const isText = call.args[0]?.type.kind === 'string' && call.overload.args[1]?.kind === 'string';
  return { cost: base + (isText ? costOf(sizeOfArg(call), textCost) : 0) };
}

const addition: Estimate = (call) => {
  const size = plus(sizeOfArg(call, 0), sizeOfArg(call, 1));
  switch (call.overload.args[0]?.kind) {
    case 'list':
      return { cost: 1, size };
    case 'string':
    case 'bytes':
      return { cost: costOf(size, textCost), size };
    default:
      return one();
  }
};

/** By the name of the function; all others cost 1. */
const estimates: Readonly<Record<string, Estimate>> = {
  check: () => ({ cost: 350_000 }),
  fieldSelector: selector,
  labelSelector: selector,
  isSorted: search,
  sum: search,
  max: search,
  min: search,
  indexOf: search,
  lastIndexOf: search,
  url: transform,
  lowerAscii: transform,
  upperAscii: transform,
  substring: transform,
  trim: transform,
  replace: (call) => ({
    cost: costOf(call.subject, 2 * textCost),
    size: replaced(call.subject, sizeOfArg(call, 0), sizeOfArg(call, 1)),
  }),
  split: (call) => ({
    cost: costOf(call.subject, 2 * textCost),
    size: { min: 0, max: literal(call.args[1], call.subject.max) },
  }),
  join: ({ target, args }) => {
    if (target === undefined) return one();
    const size = joined(target, args[0]?.size);
    return { cost: costOf(size, textCost), size };
  },
  find,
  findAll: find,
  cidr: walk,
  isIP: walk,
  isCIDR: walk,
  ip: (call) => (call.target === undefined ? walk(call) : one()),
  'ip.isCanonical': ({ subject }) => ({ cost: costOf(subject, 2 * textCost) }),
  containsIP: (call) => within(call, costOf(plus(address, address), textCost)),
  containsCIDR: (call) =>
    within(call, costOf(plus(address, address), textCost) + costOf(address, textCost) + 1),
  quantity: walk,
  isQuantity: walk,
  semver: walk,
  isSemver: walk,
  validate: (call) => ({ cost: capped(costOf(sizeOfArg(call), textCost) * formatPattern * regexCost) }),
  'sets.contains': setWalk(1),
  'sets.intersects': setWalk(1),
  'sets.equivalent': setWalk(2),
  slice: (call) =>
    made(exactly(Math.max(0, literal(call.args[1], call.subject.max) - literal(call.args[0], 0)))),
  'lists.range': ({ args }) => made(exactly(literal(args[0], unknownSize.max))),
  reverse: ({ subject }) => made(subject),
  flatten: ({ args, subject }) => made(subject, args.length === 0 ? 1 : literal(args[0], unknownSize.max)),
  distinct: ({ subject }) => made(times(subject, subject), 2),
  sort: ({ target }) => sorted(target),
  '@sortByAssociatedKeys': ({ args }) => sorted(args[0]),
  format: walk,
  bytes: (call) =>
    call.overload.args[0]?.kind === 'string'
      ? { cost: costOf(call.subject, textCost), size: { min: call.subject.min, max: call.subject.max * 4 } }
      : one(),
  string: (call) =>
    call.overload.args[0]?.kind === 'bytes'
      ? {
          cost: costOf(call.subject, textCost),
          size: { min: Math.floor(call.subject.min / 4), max: call.subject.max },
        }
      : one(),
  'strings.quote': ({ subject }) => ({
    cost: costOf(subject, textCost),
    size: plus(times(subject, { min: 1, max: 2 }), exactly(2)),
  }),
  startsWith: (call) => ({ cost: costOf(sizeOfArg(call), textCost) }),
  endsWith: (call) => ({ cost: costOf(sizeOfArg(call), textCost) }),
  // The function of two arguments is taken for one of 1.
  matches: (call) => (call.target === undefined ? one() : { cost: pattern(call.subject, sizeOfArg(call)) }),
  contains: (call) => ({ cost: capped(costOf(call.subject, textCost) * costOf(sizeOfArg(call), textCost)) }),
  '@in': (call) => (call.overload.args[1]?.kind === 'list' ? { cost: sizeOfArg(call, 1).max } : one()),
  '_+_': addition,
  '_==_': equal,
  '_!=_': compare,
  '_<_': compareTexts,
  '_<=_': compareTexts,
  '_>_': compareTexts,
  '_>=_': compareTexts,
};
