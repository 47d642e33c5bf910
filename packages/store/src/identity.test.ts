import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseInitialCluster } from './cluster.ts';
import { claimDataDir, readIdentity, rememberMembers } from './identity.ts';

const three = 'm1=http://127.0.0.1:1001,m2=http://127.0.0.1:1002,m3=http://127.0.0.1:1003';

test('a data directory is taken by its member, wherever the group is by now, and by nobody else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'identity-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const founded = parseInitialCluster(three, 'm1', 'token');
  claimDataDir(folder, founded);
  const read = (flags: string, name = 'm1', token = 'token', joins = false): string | undefined =>
    readIdentity(folder, parseInitialCluster(flags, name, token), { joins, witness: false })?.id;

  await t.test('its own flags', () => assert.equal(read(three), founded.id));
  await t.test('flags of today, when others moved or came', () => {
    rememberMembers(folder, [{ name: 'm4', peerUrls: ['http://127.0.0.1:2004'] }]);
    assert.equal(read('m1=http://127.0.0.1:2001,m4=http://127.0.0.1:2004'), founded.id);
  });
  await t.test('its own address alone, which it moved to and has not heard of itself', () => {
    assert.equal(read('m1=http://127.0.0.1:3001'), founded.id);
  });
  await t.test('not with another token', () => {
    assert.throws(() => read(three, 'm1', 'another'), /belongs to cluster .*, not to/);
  });
  await t.test('not for a group that it never met', () => {
    assert.throws(
      () => read('m1=http://127.0.0.1:4001,m2=http://127.0.0.1:4002'),
      /belongs to cluster .*, not to/,
    );
  });
  await t.test('unless that is meant, and names tell that it is the same one, all of which has moved', () => {
    assert.equal(read('m1=http://127.0.0.1:4001,m2=http://127.0.0.1:4002', 'm1', 'token', true), founded.id);
    assert.equal(read('m1=http://127.0.0.1:4001,m4=http://127.0.0.1:4004', 'm1', 'token', true), founded.id);
    assert.throws(
      () => read('m1=http://127.0.0.1:4001,x=http://127.0.0.1:4002', 'm1', 'token', true),
      /belongs to cluster .*, not to/,
    );
  });
  await t.test('what the flags say of others is passed on', () => {
    const flagged = parseInitialCluster(three.replace('1002', '5002'), 'm1', 'token');
    const found = readIdentity(folder, flagged, { joins: false, witness: false });
    assert.deepEqual(
      found?.flagged?.map(({ name, peerUrls }) => [name, ...peerUrls]),
      [
        ['m2', 'http://127.0.0.1:5002'],
        ['m3', 'http://127.0.0.1:1003'],
      ],
    );
  });
  await t.test('not for another member', () => {
    assert.throws(() => read(three, 'm2'), /belongs to member m1 .*, not to m2/);
  });
});

test('the directory of a group of one is not taken at another address: that may be another group', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'identity-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  claimDataDir(folder, parseInitialCluster('m1=http://127.0.0.1:1001', 'm1', 'token'));
  assert.throws(
    () =>
      readIdentity(folder, parseInitialCluster('m1=http://127.0.0.1:2001', 'm1', 'token'), {
        joins: false,
        witness: false,
      }),
    /belongs to cluster .*, not to/,
  );
});
