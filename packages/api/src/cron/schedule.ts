/**
 * Schedules of cron jobs: five fields, or a descriptor such as `@hourly` or `@every 90s`, with `TZ=ZONE` before them
 * where that is let pass. What is wrong with one is told in the words of the parser that upstream uses. Pure.
 */
import { goDuration } from './duration.ts';
import { type CronFields, parseFields } from './fields.ts';
import { type Zone, zoneOf } from './zone.ts';

export type Schedule =
  | { readonly type: 'every'; readonly delayMs: number }
  | {
      readonly type: 'fields';
      readonly fields: CronFields;
      /** The one in the schedule itself. */
      readonly zone: Zone | undefined;
    };

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const every = '@every ';
const secondMs = 1_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
/** A schedule that does not come in so many years never does. */
const yearsAhead = 5;

/** The schedule, or what is wrong with it. */
export function parseSchedule(text: string): Schedule | string {
  if (text === '') return 'empty spec string';
  const [prefix = '', name = ''] = /^(?:CRON_)?TZ=([^ ]*)/.exec(text) ?? [];
  if (prefix === '') return parseBare(text, undefined);
  const zone = zoneOf(name === '' ? 'UTC' : name);
  if (zone === undefined) return `provided bad location ${name}: unknown time zone ${name}`;
  return parseBare(text.slice(prefix.length).trim(), zone);
}

function parseBare(text: string, zone: Zone | undefined): Schedule | string {
  if (text.startsWith(every)) {
    const duration = goDuration(text.slice(every.length));
    if (typeof duration === 'string') return `failed to parse duration ${text}: ${duration}`;
    return { type: 'every', delayMs: Math.max(1, Number(duration / 1_000_000_000n)) * secondMs };
  }
  const described = Object.hasOwn(descriptors, text) ? descriptors[text] : undefined;
  if (described === undefined && text.startsWith('@')) return `unrecognized descriptor: ${text}`;
  const fields = parseFields(described ?? text);
  return typeof fields === 'string' ? fields : { type: 'fields', fields, zone };
}

/**
 * The first time after an instant, both in milliseconds; undefined when there is none. Fields are about the clocks of
 * the schedule's zone, or `zone`: a time that they skip does not come, and one that they show twice comes twice.
 */
export function nextAfter(schedule: Schedule, afterMs: number, zone: Zone): number | undefined {
  const second = Math.floor(afterMs / secondMs) * secondMs;
  if (schedule.type === 'every') return second + schedule.delayMs;
  const from = Math.ceil((second + secondMs) / minuteMs) * minuteMs;
  return firstFrom(schedule.fields, from, schedule.zone ?? zone);
}

function firstFrom(fields: CronFields, from: number, zone: Zone): number | undefined {
  const start = new Date(from + zone.offsetAt(from));
  const lastYear = start.getUTCFullYear() + yearsAhead;
  // Dates of the zone's calendar, as midnights of UTC.
  let date = start.getTime() - (start.getTime() % dayMs);
  for (;;) {
    const day = new Date(date);
    if (day.getUTCFullYear() > lastYear) return undefined;
    if (!fields.month.values.has(day.getUTCMonth() + 1)) {
      date = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1);
      continue;
    }
    const found = isDay(fields, day) ? firstOnDay(fields, date, from, zone) : undefined;
    if (found !== undefined) return found;
    date += dayMs;
  }
}

/** Where both fields of days restrict, one of them is enough. */
function isDay({ dayOfMonth, dayOfWeek }: CronFields, day: Date): boolean {
  const inMonth = dayOfMonth.values.has(day.getUTCDate());
  const inWeek = dayOfWeek.values.has(day.getUTCDay());
  return dayOfMonth.star || dayOfWeek.star ? inMonth && inWeek : inMonth || inWeek;
}

/**
 * Clocks that change on a day have two differences to UTC, one after the other; a time counts under each that holds when
 * it is shown.
 */
function firstOnDay(
  { hour, minute }: CronFields,
  date: number,
  from: number,
  zone: Zone,
): number | undefined {
  const offsets = offsetsAround(date, zone);
  for (const offset of offsets)
    for (const h of sorted(hour.values))
      for (const m of sorted(minute.values)) {
        const instant = date + (h * 60 + m) * minuteMs - offset;
        if (instant < from) continue;
        if (offsets.length === 1 || zone.offsetAt(instant) === offset) return instant;
      }
  return undefined;
}

/** All that hold at some time of a date, in their order: no zone is further than 14 hours from UTC or changes twice in half a day. */
function offsetsAround(date: number, zone: Zone): readonly number[] {
  const halfDays = [-1, 0, 1, 2, 3, 4];
  return [...new Set(halfDays.map((i) => zone.offsetAt(date + (i * dayMs) / 2 - dayMs / 4)))];
}

function sorted(values: ReadonlySet<number>): readonly number[] {
  return [...values].toSorted((a, b) => a - b);
}
