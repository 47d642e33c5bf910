/**
 * Times and durations as the API writes them: `2026-01-02T03:04:05Z`, six more digits for micro times, `1h2m3.5s`,
 * and the short ages of listings. Nothing here reads a clock.
 */

export interface Instant {
  /** Seconds since 1970, may be negative. */
  readonly seconds: number;
  readonly nanos: number;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** Reads a time with any zone and fraction; undefined when it is not one. */
export function parseTime(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number) as [number, ...number[]];
  if (
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  ) {
    return undefined;
  }
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const zone = match[8] ?? 'Z';
  const offset =
    zone === 'Z'
      ? 0
      : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4)) * 60);
  return { seconds: date.getTime() / 1000 - offset, nanos: Number((match[7] ?? '0').padEnd(9, '0')) };
}

/** Days of each month of a year that is no leap year. */
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** True for a time that is written already as `formatTime` would write it. Objects are full of them: no Date is made. */
export function isCanonicalTime(text: string): boolean {
  if (text.length !== 20) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (
    year >= 0 &&
    month >= 1 &&
    day >= 1 &&
    day <= (month === 2 && isLeap ? 29 : (monthDays[month - 1] ?? 0)) &&
    isBelow(digits(text, 11, 13), 24) &&
    isBelow(digits(text, 14, 16), 60) &&
    isBelow(digits(text, 17, 19), 60) &&
    text[4] === '-' &&
    text[7] === '-' &&
    text[10] === 'T' &&
    text[13] === ':' &&
    text[16] === ':' &&
    text[19] === 'Z'
  );
}

function isBelow(value: number, bound: number): boolean {
  return value >= 0 && value < bound;
}

/** The number that stands there; -1 when that is not all digits. */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Whole seconds, UTC: the form of `creationTimestamp` and most times. */
export function formatTime(instant: Instant | Date): string {
  const seconds =
    instant instanceof Date ? Math.floor(instant.getTime() / 1000) : Math.floor(instant.seconds);
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Microseconds, UTC: the form of a lease's times. */
export function formatMicroTime(instant: Instant | Date): string {
  const nanos = instant instanceof Date ? (((instant.getTime() % 1000) + 1000) % 1000) * 1e6 : instant.nanos;
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return `${formatTime(instant).slice(0, -1)}.${micros}Z`;
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Reads a duration such as `1h2m3.5s` into nanoseconds; undefined when it is not one. */
export function parseDuration(text: string): bigint | undefined {
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (match === null) return /^[+-]?0$/.test(text) ? 0n : undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|µs|ms|s|m|h)/g,
  )) {
    const nanos = BigInt(UNITS[unit] ?? 1);
    total += BigInt(whole || '0') * nanos;
    if (fraction !== '') total += (BigInt(fraction) * nanos) / 10n ** BigInt(fraction.length);
  }
  return match[1] === '-' ? -total : total;
}

/** Writes nanoseconds as `1h2m3.5s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const withFraction = (unit: bigint): string => {
    const rest = (value % unit)
      .toString()
      .padStart(unit.toString().length - 1, '0')
      .replace(/0+$/, '');
    return `${value / unit}${rest === '' ? '' : `.${rest}`}`;
  };
  if (value < 1_000n) return `${sign}${value}ns`;
  if (value < 1_000_000n) return `${sign}${withFraction(1_000n)}µs`;
  if (value < 1_000_000_000n) return `${sign}${withFraction(1_000_000n)}ms`;
  const second = 1_000_000_000n;
  const hours = value / (3600n * second);
  const minutes = (value / (60n * second)) % 60n;
  const rest = (value % second).toString().padStart(9, '0').replace(/0+$/, '');
  const seconds = `${(value / second) % 60n}${rest === '' ? '' : `.${rest}`}s`;
  return `${sign}${hours > 0n ? `${hours}h` : ''}${hours > 0n || minutes > 0n ? `${minutes}m` : ''}${seconds}`;
}

/** The short age of listings: two units at most, coarser as it grows. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24)}d`;
  const years = Math.floor(hours / 24 / 365);
  if (hours < 24 * 365 * 8) return pair(years, 'y', Math.floor(hours / 24) % 365, 'd');
  return `${years}y`;
}

function pair(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first}${firstUnit}` : `${first}${firstUnit}${second}${secondUnit}`;
}
