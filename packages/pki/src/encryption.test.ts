import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  firstKeyName,
  newEncryptionConfiguration,
  rotationStateOf,
  withFirstOnly,
  withNewestFirst,
  withNewKey,
} from './encryption.ts';

test('a rotation goes from one key to the next, and each step tells where it is', () => {
  const one = newEncryptionConfiguration();
  const added = withNewKey(one);
  const first = withNewestFirst(added);
  const next = withFirstOnly(first);
  assert.deepEqual(
    [one, added, first, next].map((text) => [rotationStateOf(text), firstKeyName(text)]),
    [
      ['one', 'key1'],
      ['added', 'key1'],
      ['first', 'key2'],
      ['one', 'key2'],
    ],
  );
  const secrets = (text: string): string[] =>
    [...text.matchAll(/secret: (\S+)/g)].map(([, secret]) => secret ?? '');
  const [old = '', fresh = ''] = secrets(added);
  assert.notEqual(old, fresh);
  assert.equal(Buffer.from(fresh, 'base64').length, 32);
  assert.deepEqual([secrets(first), secrets(next)], [[fresh, old], [fresh]]);
});

test('a file of somebody else is left alone', () => {
  assert.throws(() => withNewKey('kind: EncryptionConfiguration'), /by hand/);
  assert.throws(() => rotationStateOf(newEncryptionConfiguration().replace('key1', 'mine')), /by hand/);
});
