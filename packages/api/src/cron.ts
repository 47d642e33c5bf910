/**
 * Schedules of five fields, as cron jobs have them: what is wrong with one, in the words of the parser upstream uses.
 * Pure; when a schedule is due is for the controller.
 */

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

function numbered(names: readonly string[], first: number): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, i + first]));
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: numbered(MONTHS, 1) },
  { min: 0, max: 6, names: numbered(DAYS, 0) },
];
const DESCRIPTORS: ReadonlySet<string> = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
]);
const EVERY = '@every ';

/** What is wrong with a schedule, or undefined. A time zone in front must be taken off before. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule === '') return 'empty spec string';
  if (schedule.startsWith('@')) {
    if (DESCRIPTORS.has(schedule)) return undefined;
    if (!schedule.startsWith(EVERY)) return `unrecognized descriptor: ${schedule}`;
    const length = schedule.slice(EVERY.length);
    return /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(length)
      ? undefined
      : `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(length)}`;
  }
  const fields = schedule.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length)
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [i, field] of fields.entries()) {
    for (const part of field.split(',')) {
      const problem = part === '' ? undefined : partProblem(part, FIELDS[i] as Field);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function partProblem(part: string, field: Field): string | undefined {
  const [range = '', step, ...tooMany] = part.split('/');
  if (tooMany.length > 0) return `too many slashes: ${part}`;
  const [low = '', high, ...more] = range.split('-');
  if (more.length > 0) return `too many hyphens: ${part}`;
  const isAll = low === '*' || low === '?';
  const first = isAll ? field.min : numberOf(low, field);
  if (typeof first === 'string') return first;
  const last = high === undefined ? (isAll || step !== undefined ? field.max : first) : numberOf(high, field);
  if (typeof last === 'string') return last;
  if (step !== undefined) {
    const size = numberOf(step, { min: 0, max: 0 });
    if (typeof size === 'string') return size;
    if (size === 0) return `step of range should be a positive number: ${part}`;
  }
  if (first < field.min) return `beginning of range (${first}) below minimum (${field.min}): ${part}`;
  if (last > field.max) return `end of range (${last}) above maximum (${field.max}): ${part}`;
  if (first > last) return `beginning of range (${first}) beyond end of range (${last}): ${part}`;
  return undefined;
}

function numberOf(text: string, { names = {} }: Field): number | string {
  const named = Object.hasOwn(names, text.toLowerCase()) ? names[text.toLowerCase()] : undefined;
  if (named !== undefined) return named;
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}
