import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isPercent, scaledIntOrPercent } from './int-or-string.ts';
import {
  formatDuration,
  formatMicroTime,
  formatTime,
  humanDuration,
  isCanonicalTime,
  parseDuration,
  parseTime,
} from './time.ts';

describe('times', () => {
  it('are known to be canonical exactly when writing them anew changes nothing', () => {
    const part = (max: number, length: number): fc.Arbitrary<string> =>
      fc.integer({ min: 0, max }).map((n) => String(n).padStart(length, '0'));
    // Days from 25 on, so that months end; now and then a letter that does not belong.
    const written = fc
      .tuple(
        part(9_999, 4),
        part(13, 2),
        fc.integer({ min: 25, max: 32 }),
        part(25, 2),
        part(61, 2),
        part(61, 2),
      )
      .map(([year, month, day, ...clock]) => `${year}-${month}-${day}T${clock.join(':')}Z`);
    const spoilt = fc
      .tuple(written, fc.nat({ max: 19 }), fc.constantFrom('-', ':', 'T', 'Z', ' ', '0', '9', '/', ''))
      .map(([text, at, letter]) => text.slice(0, at) + letter + text.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(written, spoilt), (text) => {
        const instant = parseTime(text);
        assert.equal(isCanonicalTime(text), instant !== undefined && formatTime(instant) === text);
      }),
      { numRuns: 5_000 },
    );
  });

  it('are read in any zone and with any fraction, and written in UTC', () => {
    const instant = parseTime('2026-01-02T03:04:05.123456789+02:00');
    assert.ok(instant);
    assert.equal(formatTime(instant), '2026-01-02T01:04:05Z');
    assert.equal(formatMicroTime(instant), '2026-01-02T01:04:05.123456Z');
  });

  for (const bad of [
    '',
    '2026',
    '2026-02-30T00:00:00Z',
    '2026-01-02T25:00:00Z',
    '2026-01-02T00:00:00',
    '2026-13-01T00:00:00Z',
  ]) {
    it(`are refused when they read ${JSON.stringify(bad)}`, () => assert.equal(parseTime(bad), undefined));
  }

  it('come back from both texts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -62_000_000_000, max: 250_000_000_000 }),
        fc.nat(999_999),
        (seconds, micros) => {
          const instant = { seconds, nanos: micros * 1000 };
          assert.deepEqual(parseTime(formatMicroTime(instant)), instant);
          assert.equal(parseTime(formatTime(instant))?.seconds, seconds);
        },
      ),
    );
  });

  it('of microseconds come from dates before 1970 too', () => {
    assert.equal(formatMicroTime(new Date(-1)), '1969-12-31T23:59:59.999000Z');
  });
});

describe('durations', () => {
  const pairs: readonly (readonly [string, string])[] = [
    ['90s', '1m30s'],
    ['1h', '1h0m0s'],
    ['1.5h', '1h30m0s'],
    ['250ms', '250ms'],
    ['1500us', '1.5ms'],
    ['0', '0s'],
    ['-2m', '-2m0s'],
    ['1ns', '1ns'],
  ];
  for (const [input, output] of pairs) {
    it(`are written as ${output} when read as ${input}`, () =>
      assert.equal(formatDuration(parseDuration(input) ?? -1n), output));
  }
  it('come back from their text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (n) => {
        assert.equal(parseDuration(formatDuration(n)), n);
      }),
    );
  });
  for (const bad of ['', 's', '1', '1d', '1h-2m', '1h 2m']) {
    it(`are refused when they read ${JSON.stringify(bad)}`, () =>
      assert.equal(parseDuration(bad), undefined));
  }
});

describe('ages', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const shown: readonly (readonly [number, string])[] = [
    [-5 * second, '<invalid>'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + second, '2m1s'],
    [10 * minute + second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 59 * minute, '8h'],
    [47 * hour, '47h'],
    [48 * hour, '2d'],
    [3 * day + 5 * hour, '3d5h'],
    [8 * day + 5 * hour, '8d'],
    [400 * day, '400d'],
    [2 * 365 * day, '2y'],
    [3 * 365 * day + 4 * day, '3y4d'],
    [9 * 365 * day + 4 * day, '9y'],
  ];
  for (const [milliseconds, text] of shown) {
    it(`of ${milliseconds} ms read ${text}`, () => assert.equal(humanDuration(milliseconds), text));
  }
});

describe('a number or percentage', () => {
  it('scales percentages and rounds as told', () => {
    assert.equal(scaledIntOrPercent('25%', 5, true), 2);
    assert.equal(scaledIntOrPercent('25%', 5, false), 1);
    assert.equal(scaledIntOrPercent(3, 5, false), 3);
    assert.equal(isPercent('25%'), true);
    assert.equal(isPercent('x%'), false);
    assert.throws(() => scaledIntOrPercent('five', 5, true));
  });
});
