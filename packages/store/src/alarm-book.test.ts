import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlarmBook } from './alarm-book.ts';
import type { StoredRequest } from './codecs.ts';
import { type Alarm, alarmType } from './types.ts';

const corrupt = (member: string, apart = false): Alarm => ({ member, alarm: alarmType.corrupt, apart });
const noSpace = (member: string, disk = false): Alarm => ({ member, alarm: alarmType.noSpace, disk });
const voters = ['a', 'b', 'c'];

const nothing = Buffer.alloc(0);
const put: StoredRequest = {
  id: 1,
  put: { key: nothing, value: nothing, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
};
const remove: StoredRequest = { id: 2, deleteRange: { key: nothing, rangeEnd: nothing, prevKv: false } };

/** What a put and a deletion are told. */
function told(alarms: readonly Alarm[], apartCounts = true): string[] {
  const book = new AlarmBook();
  for (const alarm of alarms) book.apply({ activate: true, ...alarm }, apartCounts);
  return [put, remove].map((request) => {
    try {
      book.check(request, voters);
      return 'ok';
    } catch (error) {
      return (error as Error).message.replace(/^.*: /, '');
    }
  });
}

const full = 'database space exceeded';
const broken = 'corrupt cluster';
for (const [what, alarms, expected, apartCounts] of [
  ['no alarm', [], ['ok', 'ok']],
  ['a quota is used up', [noSpace('a')], [full, 'ok']],
  ['one full disk of three', [noSpace('a', true)], ['ok', 'ok']],
  ['two full disks of three', [noSpace('a', true), noSpace('b', true)], [full, 'ok']],
  ['members differ', [corrupt('0')], [broken, broken]],
  ['one member is alone with its data', [corrupt('a', true)], ['ok', 'ok']],
  ['the same before the version that knows of it', [corrupt('a', true)], [broken, broken], false],
  ['one is alone, and others differ, too', [corrupt('a', true), corrupt('0')], [broken, broken]],
] as const)
  test(`what alarms stop: ${what}`, () => assert.deepEqual(told(alarms, apartCounts), expected));

test('only the member that is alone with its data is told to stop, until the alarm is taken back', () => {
  const book = new AlarmBook();
  book.apply({ activate: true, ...corrupt('a', true) }, true);
  assert.deepEqual([book.isApart('a'), book.isApart('b')], [true, false]);
  book.apply({ activate: false, member: 'a', alarm: alarmType.corrupt }, true);
  assert.deepEqual([book.isApart('a'), book.raised.length], [false, 0]);
});
