/**
 * Label selectors, in their text form (`app=web,tier in (a,b),!old`) and as LabelSelector objects. Both become a
 * list of requirements that must all hold. Keys and values are checked on the way in.
 */
import type { LabelSelector } from './generated/types.ts';
import { goQuoted } from './go-quoted.ts';
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
  const reader = new TokenReader(tokens(text));
  const out: LabelRequirement[] = [];
  while (reader.peek() !== undefined) {
    if (!reader.isWord && reader.peek() !== '!') throw reader.found("!, identifier, or 'end of string'");
    out.push(readRequirement(reader));
    const after = reader.peek();
    if (after === undefined) return out;
    if (after !== ',') throw reader.found("',' or 'end of string'");
    reader.take();
    if (!reader.isWord && reader.peek() !== '!') throw reader.found("identifier after ','");
  }
  return out;
}

class TokenReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(all: readonly string[]) {
    this.#tokens = all;
  }

  peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  get isWord(): boolean {
    const token = this.peek();
    return token !== undefined && !SYMBOLS.has(token);
  }

  take(): string {
    const token = this.peek() ?? '';
    this.#at += 1;
    return token;
  }

  /** Of what comes next, that it is something else than what may. */
  found(expected: string, comma = ','): SelectorError {
    return new SelectorError(`found '${this.peek() ?? ''}'${comma} expected: ${expected}`);
  }
}

/** One requirement, up to what stands behind it. What is wrong in it is told as that. */
function readRequirement(reader: TokenReader): LabelRequirement {
  return within(() => {
    const isNot = reader.peek() === '!';
    if (isNot) reader.take();
    if (!reader.isWord) throw reader.found('identifier');
    const key = reader.take();
    checkKey(key);
    if (isNot) return requirement(key, '!', []);
    const next = reader.peek();
    if (next === undefined || next === ',') return requirement(key, 'exists', []);
    const operator = OPERATORS.get(next);
    if (operator === undefined) throw reader.found('in, notin, =, ==, !=, gt, lt');
    const isSet = next === 'in' || next === 'notin';
    reader.take();
    return requirement(key, operator, isSet ? readValues(reader) : [readValue(reader)]);
  });
}

const OPERATORS: ReadonlyMap<string, LabelOperator> = new Map([
  ['=', 'in'],
  ['==', 'in'],
  ['!=', 'notin'],
  ['>', 'gt'],
  ['<', 'lt'],
  ['in', 'in'],
  ['notin', 'notin'],
]);

/** A value may be empty: `app=`. */
function readValue(reader: TokenReader): string {
  if (reader.peek() === undefined || reader.peek() === ',') return '';
  if (!reader.isWord) throw reader.found('identifier');
  return reader.take();
}

/** Values in parentheses, each once and by the alphabet. */
function readValues(reader: TokenReader): string[] {
  if (reader.peek() !== '(') throw reader.found("'('", '');
  reader.take();
  if (!reader.isWord && reader.peek() !== ',' && reader.peek() !== ')')
    throw reader.found("',', ')' or identifier");
  const values = new Set<string>();
  let isEmpty = true;
  while (reader.peek() !== ')') {
    if (reader.isWord) {
      values.add(reader.take());
      isEmpty = false;
      if (reader.peek() !== ',' && reader.peek() !== ')') throw reader.found("',' or ')'");
    } else if (reader.peek() === ',') {
      if (isEmpty) values.add('');
      reader.take();
      // An empty one where a comma or the end follows.
      isEmpty = !reader.isWord;
      if (isEmpty && reader.peek() === ')') values.add('');
    } else throw reader.found("',', or identifier");
  }
  reader.take();
  if (values.size === 0) values.add('');
  return [...values].sort();
}

/** Runs what reads a requirement of the text form. */
function within(read: () => LabelRequirement): LabelRequirement {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new SelectorError(`unable to parse requirement: ${error.message.replace(/^key: /, '<nil>: ')}`);
  }
}

function checkKey(key: string): void {
  const problems = checkQualifiedName(key);
  if (problems.length > 0)
    throw new SelectorError(`key: Invalid value: ${goQuoted(key)}: ${problems.join('; ')}`);
}

function requirement(key: string, operator: LabelOperator, values: string[]): LabelRequirement {
  checkKey(key);
  if ((operator === 'gt' || operator === 'lt') && !/^-?\d+$/.test(values[0] ?? '')) {
    throw new SelectorError(
      `values[0]: Invalid value: ${goQuoted(values[0] ?? '')}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  for (const [i, value] of values.entries()) {
    const problems = checkLabelValue(value);
    if (problems.length > 0)
      throw new SelectorError(
        `values[${i}][${key}]: Invalid value: ${goQuoted(value)}: ${problems.join('; ')}`,
      );
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
    out.push(within(() => requirement(key, found, values ?? [])));
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
