import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userOfHeaders } from './request-header.ts';

const names = {
  allowedNames: [],
  usernameHeaders: ['x-remote-user'],
  uidHeaders: [],
  groupHeaders: ['x-remote-group'],
  extraHeaderPrefixes: ['x-remote-extra-'],
};

test('a field that a proxy names may have the name of what every object has', () => {
  for (const key of ['constructor', '__proto__']) {
    const raw = [
      'X-Remote-User',
      'jane',
      'X-Remote-Extra-' + key,
      'x',
      'X-Remote-Extra-' + key,
      'y',
      'X-Remote-Group',
      'dev',
    ];
    const user = userOfHeaders(raw, names);
    assert.deepEqual(Object.entries(user?.extra ?? {}), [[key, ['x', 'y']]]);
    assert.deepEqual(user?.groups, ['dev', 'system:authenticated']);
  }
});

test('what a proxy names is UTF-8, also in the names of headers', () => {
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');
  const raw = [
    'X-Remote-User',
    bytes('jané'),
    'X-Remote-Group',
    bytes('équipe'),
    'X-Remote-Extra-%C3%89',
    bytes('€'),
  ];
  assert.deepEqual(userOfHeaders(raw, names), {
    name: 'jané',
    groups: ['équipe', 'system:authenticated'],
    extra: { É: ['€'] },
  });
});

test('of two names of users the first one counts', () => {
  assert.equal(userOfHeaders(['X-Remote-User', 'a', 'x-remote-user', 'b'], names)?.name, 'a');
});
