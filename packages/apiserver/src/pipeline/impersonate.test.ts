import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { wantedIdentity } from './impersonate.ts';

const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

test('an administrator acts as users, accounts and groups, and everybody else only as whom they may', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const whoami = async (headers: Record<string, string>, as = 'admin') => {
    const { status, json } = await server.request('POST', review, {}, { as, headers });
    return { status, user: json.status?.userInfo, message: json.message as string };
  };
  const jane = await whoami({
    'impersonate-user': 'jane',
    'impersonate-group': 'dev',
    'impersonate-extra-scopes': 'view',
  });
  assert.equal(jane.user.username, 'jane');
  assert.deepEqual(jane.user.groups, ['dev', 'system:authenticated']);
  assert.deepEqual(jane.user.extra, { scopes: ['view'] });
  const account = await whoami({ 'impersonate-user': 'system:serviceaccount:kube-system:default' });
  assert.deepEqual(account.user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:kube-system',
    'system:authenticated',
  ]);
  assert.equal((await whoami({ 'impersonate-group': 'dev' })).status, 400);
  const twice = [
    'Impersonate-User',
    'jane',
    'Impersonate-User',
    'joe',
    'Impersonate-Uid',
    '1',
    'Impersonate-Uid',
    '2',
  ];
  assert.deepEqual(wantedIdentity(twice), { name: 'jane', uid: '1', groups: [], extra: {} });
  const denied = await whoami({ 'impersonate-user': 'jane' }, 'scheduler');
  assert.equal(denied.status, 403);
  assert.equal(
    denied.message,
    'selfsubjectreviews.authentication.k8s.io is forbidden: User "system:kube-scheduler" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
  );
  // What jane may not, an administrator may not as jane.
  const secrets = await server.request('GET', '/api/v1/secrets', undefined, {
    headers: { 'impersonate-user': 'jane' },
  });
  assert.equal(secrets.status, 403);
  assert.match(secrets.json.message, /User "jane" cannot list resource "secrets"/);
});

test('a field may have the name of what every object has', () => {
  for (const key of ['constructor', '__proto__', 'toString']) {
    const header = `Impersonate-Extra-${key}`;
    const name = key.toLowerCase();
    const { extra = {} } = wantedIdentity(['Impersonate-User', 'jane', header, 'x', header, 'y']) ?? {};
    assert.deepEqual(Object.entries(extra), [[name, ['x', 'y']]]);
    assert.throws(() => wantedIdentity([header, 'x']), /without impersonating a user name/);
  }
});

test('who is to be acted as is named in UTF-8', () => {
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');
  const raw = [
    'Impersonate-User',
    bytes('jané'),
    'Impersonate-Group',
    bytes('日本'),
    'Impersonate-Extra-A',
    bytes('€'),
  ];
  assert.deepEqual(wantedIdentity(raw), {
    name: 'jané',
    uid: undefined,
    groups: ['日本'],
    extra: { a: ['€'] },
  });
});
