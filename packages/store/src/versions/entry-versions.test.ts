import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkCarriesOut,
  etcdClusterVersion,
  spoken,
  type VersionRange,
  versionToPropose,
} from './entry-versions.ts';

/** Members by letters; a digit is the newest version that each speaks, `?` one that is not heard of. */
function group(text: string): (member: string) => VersionRange | undefined {
  const found = new Map<string, VersionRange | undefined>();
  for (const [, id = '', min = '', max = ''] of text.matchAll(/([a-z])(?:(\d)-)?([\d?])/g))
    found.set(id, max === '?' ? undefined : { min: Number(min || 1), max: Number(max) });
  return (member) => found.get(member);
}

const tables: readonly [what: string, decided: number | undefined, members: string, expected?: number][] = [
  ['one member decides for itself', undefined, 'a2', 2],
  ['all speak the new version', 1, 'a2 b2 c2', 2],
  ['one is not upgraded yet', 1, 'a2 b1 c2'],
  ['one is not upgraded yet and nothing was decided', undefined, 'a2 b1 c2', 1],
  ['one is away', 1, 'a2 b? c2'],
  ['one is away and nothing was decided', undefined, 'a2 b? c2', 1],
  ['all is decided', 2, 'a2 b2 c2'],
  ['somebody came back too old: a version is never taken back', 2, 'a2 b1 c2'],
  ['several versions at once', 1, 'a4 b3 c5', 3],
  ['nobody speaks what another does', 1, 'a3-4 b1-2'],
  ['nobody speaks what another does and nothing was decided', undefined, 'a3-4 b1-2', 1],
];

for (const [what, decided, members, expected] of tables)
  test(`version to propose: ${what}`, () => {
    const ids = [...members.matchAll(/[a-z]/g)].map(([id]) => id);
    assert.equal(versionToPropose(decided, ids, group(members)), expected);
  });

test('a member outside its range is told what to do', () => {
  checkCarriesOut({ min: 1, max: 2 }, 1);
  checkCarriesOut({ min: 1, max: 2 }, 2);
  assert.throws(() => checkCarriesOut({ min: 1, max: 2 }, 3), {
    name: 'IncompatibleVersionError',
    message:
      /at version 3 of its log, and this release speaks versions 1 to 2: it is too old; start the release/,
  });
  assert.throws(
    () => checkCarriesOut({ min: 3, max: 4 }, 2),
    /it is too new; bring all members to a release between/,
  );
});

test('every version that is spoken is shown as one of etcd, none as an earlier one than those before it, and none is as etcd says it', () => {
  const shown: string[] = [];
  for (let version = spoken.min; version <= spoken.max; version++) {
    assert.match(etcdClusterVersion(version), /^\d+\.\d+\.0$/);
    shown.push(etcdClusterVersion(version));
  }
  assert.deepEqual(shown.toSorted(), shown);
  assert.equal(etcdClusterVersion(undefined), 'not_decided');
});
