/**
 * Label selectors, in their text form (`app=web,tier in (a,b),!old`) and as LabelSelector objects. Both become a
 * list of requirements that must all hold. Keys and values are checked on the way in.
 */
import type { LabelSelector } from './generated/types.ts';
import { checkLabelValue, checkQualifiedName } from './names.ts';

export type LabelOperator = 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>> | undefined;

export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

const TOKEN = /\s*(!=|==|=|,|\(|\)|!|<|>|[^\s!=,()<>]+)\s*/y;
/** A longer selector is refused; it could not come from a sane client. */
const MAX_LENGTH = 64 * 1024;

function tokens(text: string): string[] {
  const out: string[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) {
      if (text.slice(at).trim() === '') break;
      throw new SelectorError(
        `unable to parse requirement: unexpected text at ${at} in ${JSON.stringify(text)}`,
      );
    }
    out.push(match[1] ?? '');
    at = TOKEN.lastIndex;
  }
  return out;
}

const SYMBOLS: ReadonlySet<string> = new Set(['!=', '==', '=', ',', '(', ')', '!', '<', '>']);

/** Reads the text form; the empty text selects everything. Throws a `SelectorError` that says what is wrong. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  if (text.length > MAX_LENGTH) throw new SelectorError('the label selector is too long');
  const queue = tokens(text);
  const out: LabelRequirement[] = [];
  let at = 0;
  let isBetween = false;
  const fail = (expected: string): never => {
    // What stands between requirements is not in one.
    const prefix = isBetween ? '' : 'unable to parse requirement: ';
    throw new SelectorError(`${prefix}found '${queue[at] ?? ''}', expected: ${expected}`);
  };
  const word = (): string => {
    const token = queue[at];
    if (token === undefined || SYMBOLS.has(token)) return fail('identifier');
    at += 1;
    return token;
  };
  /** A value may be empty: `app=`. */
  const value = (): string => {
    const token = queue[at];
    if (token === undefined || token === ',' || token === ')') return '';
    return word();
  };
  while (at < queue.length) {
    isBetween = false;
    if (queue[at] === ',') {
      isBetween = true;
      fail("!, identifier, or 'end of string'");
    }
    if (queue[at] === '!') {
      at += 1;
      out.push(written(word(), '!', []));
    } else {
      const key = word();
      const operator = queue[at];
      at += operator === undefined || operator === ',' ? 0 : 1;
      if (operator === undefined || operator === ',') out.push(written(key, 'exists', []));
      else if (operator === '=' || operator === '==') out.push(written(key, 'in', [value()]));
      else if (operator === '!=') out.push(written(key, 'notin', [value()]));
      else if (operator === '>') out.push(written(key, 'gt', [word()]));
      else if (operator === '<') out.push(written(key, 'lt', [word()]));
      else if (operator === 'in' || operator === 'notin') {
        if (queue[at] !== '(') fail("'('");
        at += 1;
        const values = [value()];
        while (queue[at] === ',') {
          at += 1;
          values.push(value());
        }
        if (queue[at] !== ')') fail("',' or ')'");
        at += 1;
        out.push(written(key, operator, values));
      } else {
        at -= 1;
        fail('in, notin, =, ==, !=, gt, lt');
      }
    }
    if (at < queue.length) {
      isBetween = true;
      if (queue[at] !== ',') fail("',' or 'end of string'");
      at += 1;
      if (at === queue.length) fail("identifier after ','");
    }
  }
  return out;
}

/** A requirement of the text form. */
function written(key: string, operator: LabelOperator, values: string[]): LabelRequirement {
  try {
    return requirement(key, operator, values);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new SelectorError(`unable to parse requirement: ${error.message.replace(/^key: /, '<nil>: ')}`);
  }
}

function requirement(key: string, operator: LabelOperator, values: string[]): LabelRequirement {
  const [keyProblem] = checkQualifiedName(key);
  if (keyProblem !== undefined) throw new SelectorError(`key: Invalid value: "${key}": ${keyProblem}`);
  if ((operator === 'gt' || operator === 'lt') && !/^-?\d+$/.test(values[0] ?? '')) {
    throw new SelectorError(
      `values[0]: Invalid value: "${values[0]}": for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  for (const [i, value] of values.entries()) {
    const [problem] = checkLabelValue(value);
    if (problem !== undefined) {
      throw new SelectorError(`values[${i}][${key}]: Invalid value: "${value}": ${problem}`);
    }
  }
  return { key, operator, values };
}

const OBJECT_OPERATORS: ReadonlyMap<string, LabelOperator> = new Map([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

/**
 * The requirements of a LabelSelector object. A missing selector selects nothing, which is `undefined` here; an
 * empty one selects everything. Throws a `SelectorError` on an unknown operator.
 */
export function requirementsOf(selector: LabelSelector | undefined | null): LabelRequirement[] | undefined {
  if (selector === undefined || selector === null) return undefined;
  const out = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    requirement(key, 'in', [value]),
  );
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const found = OBJECT_OPERATORS.get(operator);
    if (found === undefined) throw new SelectorError(`"${operator}" is not a valid label selector operator`);
    out.push(written(key, found, values ?? []));
  }
  return out;
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    default: {
      if (value === undefined || !/^-?\d{1,19}$/.test(value)) return false;
      const difference = BigInt(value) - BigInt(values[0] ?? '0');
      return operator === 'gt' ? difference > 0n : difference < 0n;
    }
  }
}

/** Whether the labels meet every requirement; `undefined` requirements match nothing. */
export function matchesLabels(
  requirements: readonly LabelRequirement[] | undefined,
  labels: Labels,
): boolean {
  return requirements !== undefined && requirements.every((r) => holds(r, labels));
}

/** Whether a LabelSelector object selects the labels. */
export function selectorMatches(selector: LabelSelector | undefined | null, labels: Labels): boolean {
  return matchesLabels(requirementsOf(selector), labels);
}

/** The text form, sorted by key. */
export function formatLabelSelector(requirements: readonly LabelRequirement[]): string {
  return [...requirements]
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ key, operator, values }) => {
      const sorted = [...values].sort();
      if (operator === 'exists') return key;
      if (operator === '!') return `!${key}`;
      if (operator === 'gt') return `${key}>${values[0]}`;
      if (operator === 'lt') return `${key}<${values[0]}`;
      if (values.length === 1) return `${key}${operator === 'in' ? '=' : '!='}${values[0]}`;
      return `${key} ${operator} (${sorted.join(',')})`;
    })
    .join(',');
}
