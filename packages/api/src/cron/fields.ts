/** The five fields of a schedule: which minutes, hours, days and months they name, or what is wrong with them. Pure. */

/** The numbers that a field names; whether it has a star decides how the two fields of days go together. */
export interface FieldValues {
  readonly values: ReadonlySet<number>;
  readonly star: boolean;
}

export interface CronFields {
  readonly minute: FieldValues;
  readonly hour: FieldValues;
  readonly dayOfMonth: FieldValues;
  readonly month: FieldValues;
  readonly dayOfWeek: FieldValues;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

function numbered(names: readonly string[], first: number): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, i + first]));
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const bounds = {
  minute: { min: 0, max: 59 },
  hour: { min: 0, max: 23 },
  dayOfMonth: { min: 1, max: 31 },
  month: { min: 1, max: 12, names: numbered(months, 1) },
  dayOfWeek: { min: 0, max: 6, names: numbered(days, 0) },
} as const satisfies Readonly<Record<keyof CronFields, Bounds>>;

/** Go's white space, which is not quite JavaScript's. */
const space = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** The fields, or the problem. */
export function parseFields(text: string): CronFields | string {
  const fields = text.split(space).filter((field) => field !== '');
  if (fields.length !== 5) return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  const parsed: Partial<Record<keyof CronFields, FieldValues>> = {};
  for (const [i, name] of (Object.keys(bounds) as (keyof CronFields)[]).entries()) {
    const field = parseField(fields[i] ?? '', bounds[name]);
    if (typeof field === 'string') return field;
    parsed[name] = field;
  }
  return parsed as CronFields;
}

/** Parts with commas between them; empty ones name nothing. */
function parseField(text: string, limits: Bounds): FieldValues | string {
  const values = new Set<number>();
  let star = false;
  for (const part of text.split(',')) {
    if (part === '') continue;
    const range = parseRange(part, limits);
    if (typeof range === 'string') return range;
    for (let value = range.first; value <= range.last; value += range.step) values.add(value);
    star ||= range.star;
  }
  return { values, star };
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly star: boolean;
}

/** `N`, `N-M` or a star, each with a step or without; `N/STEP` goes to the end. */
function parseRange(part: string, limits: Bounds): Range | string {
  const [range = '', ...steps] = part.split('/');
  const [low = '', ...ends] = range.split('-');
  const all = low === '*' || low === '?';
  // Whatever stands behind a star and a hyphen is not read.
  const first = all ? limits.min : numberOf(low, limits);
  if (typeof first === 'string') return first;
  if (!all && ends.length > 1) return `too many hyphens: ${part}`;
  const [end] = ends;
  let last = all ? limits.max : end === undefined ? first : numberOf(end, limits);
  if (typeof last === 'string') return last;
  if (steps.length > 1) return `too many slashes: ${part}`;
  const [stepText] = steps;
  const step = stepText === undefined ? 1 : numberOf(stepText, undefined);
  if (typeof step === 'string') return step;
  if (stepText !== undefined && end === undefined) last = limits.max;
  if (first < limits.min) return `beginning of range (${first}) below minimum (${limits.min}): ${part}`;
  if (last > limits.max) return `end of range (${last}) above maximum (${limits.max}): ${part}`;
  if (first > last) return `beginning of range (${first}) beyond end of range (${last}): ${part}`;
  if (step === 0) return `step of range should be a positive number: ${part}`;
  // Every second day is not every day: with a step it restricts as numbers do.
  return { first, last, step, star: all && step === 1 };
}

function numberOf(text: string, limits: Bounds | undefined): number | string {
  const names = limits?.names;
  const name = text.toLowerCase();
  if (names !== undefined && Object.hasOwn(names, name)) return names[name] ?? 0;
  const problem = (what: string): string =>
    `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${what}`;
  const [, digits = '', more = ''] = /^[-+]?(\d*)(.*)$/s.exec(text) ?? [];
  // It is read digit by digit, and whatever comes first is told.
  const outOfRange = Number(digits) >= 2 ** (more === '' ? 63 : 64);
  if (outOfRange) return problem('value out of range');
  if (digits === '' || more !== '') return problem('invalid syntax');
  const number = Number(text);
  return number < 0 ? `negative number (${number}) not allowed: ${text}` : number;
}
