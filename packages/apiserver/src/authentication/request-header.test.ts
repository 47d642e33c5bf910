import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userOfHeaders } from './request-header.ts';

test('a field that a proxy names may have the name of what every object has', () => {
  const names = {
    allowedNames: [],
    usernameHeaders: ['x-remote-user'],
    uidHeaders: [],
    groupHeaders: ['x-remote-group'],
    extraHeaderPrefixes: ['x-remote-extra-'],
  };
  for (const key of ['constructor', '__proto__']) {
    const raw = ['X-Remote-Extra-' + key, 'x', 'X-Remote-Extra-' + key, 'y', 'X-Remote-Group', 'dev'];
    const user = userOfHeaders({ 'x-remote-user': 'jane' }, raw, names);
    assert.deepEqual(Object.entries(user?.extra ?? {}), [[key, ['x', 'y']]]);
    assert.deepEqual(user?.groups, ['dev', 'system:authenticated']);
  }
});
