/** Parts of times and durations. Time zones are names of the tz database or offsets such as `+02:00`. */
import { EvaluationError } from '../errors.ts';
import { type Library, memberFunction, type Overload } from '../overload.ts';
import { duration, int, string, timestamp } from '../types.ts';
import type { Duration, Timestamp } from '../values.ts';

const second = 1_000_000_000n;

/** The clock on the wall at a place: a date whose UTC parts are the local ones. */
function local({ nanos }: Timestamp, zone = 'UTC'): Date {
  const floor = (nanos - (((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n;
  const milliseconds = Number(floor);
  if (zone === 'UTC' || zone === '') return new Date(milliseconds);
  const offset = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (offset !== null) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(milliseconds + (offset[1] === '-' ? -minutes : minutes) * 60_000);
  }
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const parts = new Map(format.formatToParts(milliseconds).map(({ type, value }) => [type, Number(value)]));
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
    const whole = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return new Date(whole + (((milliseconds % 1_000) + 1_000) % 1_000));
  } catch {
    throw new EvaluationError(`unknown time zone ${zone}`);
  }
}

function part(read: (date: Date) => number): Overload[] {
  return [
    memberFunction([timestamp], int, (time: Timestamp) => BigInt(read(local(time)))),
    memberFunction([timestamp, string], int, (time: Timestamp, zone: string) =>
      BigInt(read(local(time, zone))),
    ),
  ];
}

function dayOfYear(date: Date): number {
  return Math.floor(
    (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) -
      Date.UTC(date.getUTCFullYear(), 0, 1)) /
      86_400_000,
  );
}

function whole(unit: bigint): Overload {
  return memberFunction([duration], int, (length: Duration) => length.nanos / unit);
}

export const times: Library = {
  getFullYear: part((date) => date.getUTCFullYear()),
  getMonth: part((date) => date.getUTCMonth()),
  getDate: part((date) => date.getUTCDate()),
  getDayOfMonth: part((date) => date.getUTCDate() - 1),
  getDayOfWeek: part((date) => date.getUTCDay()),
  getDayOfYear: part(dayOfYear),
  getHours: [...part((date) => date.getUTCHours()), whole(3_600n * second)],
  getMinutes: [...part((date) => date.getUTCMinutes()), whole(60n * second)],
  getSeconds: [...part((date) => date.getUTCSeconds()), whole(second)],
  getMilliseconds: [
    ...part((date) => date.getUTCMilliseconds()),
    memberFunction([duration], int, (length: Duration) => (length.nanos / 1_000_000n) % 1_000n),
  ],
};
