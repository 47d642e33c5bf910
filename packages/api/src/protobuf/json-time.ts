/** Times as the API writes them, read where they stand. Pure. */
import { quote } from './json-bytes.ts';

export interface JsonTime {
  /** Since 1970. */
  days: number;
  /** Of the day. */
  seconds: number;
  micros: number;
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Days before a month of a year that is no leap year. */
const daysBefore = monthDays.map((_, month) =>
  monthDays.slice(0, month).reduce((sum, days) => sum + days, 0),
);
/** From the year 1 until 1970. */
const leapDaysBefore1970 = 477;

/**
 * Reads `2026-01-02T03:04:05Z`, or the same with six digits more, from behind its quote into `out`. Returns where the quote is that ends it;
 * -1 for any other form, times before 1970, and those that no calendar has.
 */
export function readTime(bytes: Uint8Array, at: number, out: JsonTime): number {
  const year = digits(bytes, at, 4);
  const month = digits(bytes, at + 5, 2);
  const day = digits(bytes, at + 8, 2);
  const hour = digits(bytes, at + 11, 2);
  const minute = digits(bytes, at + 14, 2);
  const second = digits(bytes, at + 17, 2);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (
    bytes[at + 4] !== 0x2d ||
    bytes[at + 7] !== 0x2d ||
    bytes[at + 10] !== 0x54 ||
    bytes[at + 13] !== 0x3a ||
    bytes[at + 16] !== 0x3a ||
    year < 1970 ||
    month < 1 ||
    month > 12 ||
    day < 1 ||
    day > (month === 2 && isLeap ? 29 : (monthDays[month - 1] ?? 0)) ||
    !(hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60)
  )
    return -1;
  let end = at + 19;
  out.micros = 0;
  if (bytes[end] === 0x2e) {
    out.micros = digits(bytes, end + 1, 6);
    if (out.micros < 0) return -1;
    end += 7;
  }
  if (bytes[end] !== 0x5a || bytes[end + 1] !== quote) return -1;
  const past = year - 1;
  const leapDays =
    Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - leapDaysBefore1970;
  const isAfterLeapDay = isLeap && month > 2;
  out.days =
    365 * (year - 1970) + leapDays + (daysBefore[month - 1] ?? 0) + (isAfterLeapDay ? 1 : 0) + day - 1;
  out.seconds = hour * 3600 + minute * 60 + second;
  return end + 1;
}

/** The number that stands there; -1 when that is not all digits. */
function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let i = start; i < start + count; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
