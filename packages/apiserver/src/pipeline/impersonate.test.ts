import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { impersonated } from './impersonate.ts';

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
  const twice = impersonated(
    { name: 'kubernetes-admin', groups: ['system:masters'] },
    ['Impersonate-User', 'jane', 'Impersonate-User', 'joe', 'Impersonate-Uid', '1', 'Impersonate-Uid', '2'],
    { decide: () => ({ verdict: 'allow', reason: '' }) } as unknown as Authorizer,
  );
  assert.deepEqual(await twice, { name: 'jane', uid: '1', groups: ['system:authenticated'] });
  const denied = await whoami({ 'impersonate-user': 'jane' }, 'scheduler');
  assert.equal(denied.status, 403);
  assert.equal(
    denied.message,
    'users "jane" is forbidden: User "system:kube-scheduler" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  // What jane may not, an administrator may not as jane.
  const secrets = await server.request('GET', '/api/v1/secrets', undefined, {
    headers: { 'impersonate-user': 'jane' },
  });
  assert.equal(secrets.status, 403);
  assert.match(secrets.json.message, /User "jane" cannot list resource "secrets"/);
});
