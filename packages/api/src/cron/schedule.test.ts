import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextAfter, parseSchedule } from './schedule.ts';
import { utc, zoneOf } from './zone.ts';

function times(schedule: string, zone: string, from: string, count: number): string[] {
  const parsed = parseSchedule(schedule);
  const there = zoneOf(zone);
  assert.ok(typeof parsed !== 'string' && there !== undefined, `${String(parsed)} in ${zone}`);
  const found: string[] = [];
  for (let at: number | undefined = Date.parse(from); found.length < count;) {
    at = nextAfter(parsed, at, there);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().replace('.000Z', 'Z'));
  }
  return found;
}

/** What robfig/cron 3.0.1 answered for the same questions. */
const answered: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T00:00:00Z',
    ['2026-03-28T01:30:00Z', '2026-03-30T00:30:00Z', '2026-03-31T00:30:00Z'],
  ],
  [
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00:00Z',
    ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z'],
  ],
  [
    '0 */6 13 * 5',
    'America/New_York',
    '2026-02-12T00:00:00Z',
    ['2026-02-13T05:00:00Z', '2026-02-13T11:00:00Z', '2026-02-13T17:00:00Z', '2026-02-13T23:00:00Z'],
  ],
  ['0 0 */2 * 1', 'UTC', '2026-06-01T00:00:00Z', ['2026-06-03T00:00:00Z', '2026-06-05T00:00:00Z']],
  ['0 0 * * 1', 'Asia/Kolkata', '2026-06-01T00:00:00Z', ['2026-06-07T18:30:00Z', '2026-06-14T18:30:00Z']],
  ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z']],
  ['59 23 31 2 *', 'UTC', '2026-01-01T00:00:00Z', []],
  [', * * * *', 'UTC', '2026-01-01T00:00:00Z', []],
  ['@every 90s', 'UTC', '2026-01-01T00:00:00.5Z', ['2026-01-01T00:01:30Z', '2026-01-01T00:03:00Z']],
  ['@every -5ms', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-01T00:00:01Z']],
  ['@weekly', 'Pacific/Auckland', '2026-01-01T00:00:00Z', ['2026-01-03T11:00:00Z']],
  ['CRON_TZ=Asia/Tokyo  0 9 * * *', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-02T00:00:00Z']],
  ['*/15 9-17/4 * jan,JUL mon-FRI', 'UTC', '2026-01-02T17:45:00Z', ['2026-01-05T09:00:00Z']],
  ['5/20 * * * *', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-01T00:05:00Z', '2026-01-01T00:25:00Z']],
];

describe('the next time of a schedule', () => {
  for (const [schedule, zone, from, expected] of answered)
    it(`of ${schedule} in ${zone} after ${from}`, () =>
      assert.deepEqual(times(schedule, zone, from, Math.max(1, expected.length)), expected));

  it('comes also on days on which clocks change at midnight, and on no other day instead', () => {
    // Cairo had no midnight on the 24th.
    assert.deepEqual(times('0 12 * * 5', 'Africa/Cairo', '2026-04-18T00:00:00Z', 1), [
      '2026-04-24T09:00:00Z',
    ]);
    assert.deepEqual(times('0 1 23 * *', 'Africa/Cairo', '2026-04-23T00:00:00Z', 1), [
      '2026-05-22T22:00:00Z',
    ]);
    assert.deepEqual(times('10 0 * * *', 'Africa/Cairo', '2026-04-23T12:00:00Z', 1), [
      '2026-04-24T21:10:00Z',
    ]);
  });

  it('is what a walk over all minutes finds', () => {
    fc.assert(
      fc.property(fc.tuple(minutes, hours, dates, months, weekdays), zones, starts, (fields, zone, from) => {
        const parsed = parseSchedule(fields.map(textOf).join(' '));
        assert.ok(typeof parsed !== 'string', String(parsed));
        const there = zoneOf(zone);
        assert.ok(there !== undefined);
        const walked = walk(fields, zone, from);
        const found = nextAfter(parsed, from, there);
        if (walked === undefined) assert.ok(found === undefined || found > from + walkMs, String(found));
        else assert.equal(found, walked);
      }),
      { numRuns: 150 },
    );
  });
});

describe('what is wrong with a schedule', () => {
  /** As robfig/cron 3.0.1 says it. */
  const told = {
    '': 'empty spec string',
    '@often': 'unrecognized descriptor: @often',
    '* * * *': 'expected exactly 5 fields, found 4: [* * * *]',
    'x * * * *': 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
    '* 1-2-3 * * *': 'too many hyphens: 1-2-3',
    '1/2/3 * * * *': 'too many slashes: 1/2/3',
    '*/0 * * * *': 'step of range should be a positive number: */0',
    '* * 0 * *': 'beginning of range (0) below minimum (1): 0',
    '* * * * 7': 'end of range (7) above maximum (6): 7',
    '9-5 * * * *': 'beginning of range (9) beyond end of range (5): 9-5',
    '1/-5 * * * *': 'negative number (-5) not allowed: -5',
    '99999999999999999999 * * * *':
      'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
    '@every 5': 'failed to parse duration @every 5: time: missing unit in duration "5"',
    '@every 5d': 'failed to parse duration @every 5d: time: unknown unit "d" in duration "5d"',
    '@every soon': 'failed to parse duration @every soon: time: invalid duration "soon"',
    'TZ=Nowhere * * * * *': 'provided bad location Nowhere: unknown time zone Nowhere',
    'TZ=europe/berlin * * * * *': 'provided bad location europe/berlin: unknown time zone europe/berlin',
  };
  for (const [schedule, problem] of Object.entries(told))
    it(`${JSON.stringify(schedule)}: ${problem}`, () => assert.equal(parseSchedule(schedule), problem));

  it('nothing, where whatever stands behind a star and a hyphen is not read', () =>
    assert.ok(typeof parseSchedule('*-x * * * *') !== 'string'));
});

it('a zone is known by its name as the table writes it', () => {
  assert.equal(zoneOf('UTC'), utc);
  for (const name of ['Europe/Berlin', 'US/Pacific', 'Etc/GMT+5', 'Asia/Calcutta'])
    assert.equal(zoneOf(name)?.name, name);
  for (const name of ['Sea/North', 'europe/berlin', '+01:00', '+0100', ''])
    assert.equal(zoneOf(name), undefined, name);
  assert.equal(zoneOf('Australia/Lord_Howe')?.offsetAt(Date.parse('2026-01-01T00:00:00Z')), 11 * 3_600_000);
});

/** A part of a field: from, to, every so many, and whether it is written as a star. */
type Part = { readonly from: number; readonly to: number; readonly step: number; readonly star: boolean };

function field(min: number, max: number): fc.Arbitrary<readonly Part[]> {
  const star = fc.integer({ min: 1, max: 5 }).map((step): Part => ({ from: min, to: max, step, star: true }));
  const range = fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }), fc.integer({ min: 1, max: 4 }))
    .map(([a, b, step]): Part => ({ from: Math.min(a, b), to: Math.max(a, b), step, star: false }));
  return fc.array(fc.oneof(star, range), { minLength: 1, maxLength: 2 });
}

const minutes = field(0, 59);
const hours = field(0, 23);
const dates = field(1, 31);
const months = field(1, 12);
const weekdays = field(0, 6);
const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'America/Havana',
  'Asia/Kathmandu',
  'Pacific/Apia',
);
const dayMs = 86_400_000;
/** Weeks in which clocks change somewhere, and one in which Apia left out a day. */
const starts = fc
  .tuple(
    fc.constantFrom(
      '2026-03-28',
      '2026-10-24',
      '2026-03-07',
      '2026-10-31',
      '2026-04-04',
      '2026-04-23',
      '2011-12-29',
    ),
    fc.integer({ min: -dayMs, max: 2 * dayMs }),
  )
  .map(([day, shift]) => Date.parse(`${day}T00:00:00Z`) + shift);

function textOf(parts: readonly Part[]): string {
  return parts
    .map(({ from, to, step, star }) => `${star ? '*' : `${from}-${to}`}${step === 1 ? '' : `/${step}`}`)
    .join(',');
}

function names(parts: readonly Part[], value: number): boolean {
  return parts.some(({ from, to, step }) => value >= from && value <= to && (value - from) % step === 0);
}

const walkMs = 3 * dayMs;

function walk(
  [minute, hour, date, month, weekday]: readonly (readonly Part[])[],
  timeZone: string,
  from: number,
): number | undefined {
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  const anyDay = [date, weekday].some((parts) => parts?.some(({ star, step }) => star && step === 1));
  for (let at = Math.floor(from / 60_000 + 1) * 60_000; at <= from + walkMs; at += 60_000) {
    const shown = clock.format(at);
    const [, mon = '', d = '', h = '', m = ''] = /^\d+-(\d+)-(\d+) (\d+):(\d+)/.exec(shown) ?? [];
    const inMonth = names(date ?? [], Number(d));
    const inWeek = names(weekday ?? [], new Date(`${shown.slice(0, 10)}T00:00:00Z`).getUTCDay());
    if (!(anyDay ? inMonth && inWeek : inMonth || inWeek)) continue;
    if (names(month ?? [], Number(mon)) && names(hour ?? [], Number(h)) && names(minute ?? [], Number(m)))
      return at;
  }
  return undefined;
}
