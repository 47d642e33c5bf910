import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import { missingRules } from './missing-rules.ts';
import { completed } from './reconcile.ts';
import { ruleAllows } from './rules.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

test('a rule allows what its stars, subresources and names say and nothing else', () => {
  const ask = (resource: string, subresource = '', name = 'a') => ({
    verb: 'get',
    group: '',
    resource,
    subresource,
    name,
    path: '',
  });
  const rule = (resources: string[], resourceNames?: string[]) => ({
    verbs: ['get'],
    apiGroups: [''],
    resources,
    ...(resourceNames === undefined ? {} : { resourceNames }),
  });
  assert.equal(ruleAllows(rule(['pods']), ask('pods')), true);
  assert.equal(ruleAllows(rule(['pods']), ask('pods', 'log')), false);
  assert.equal(ruleAllows(rule(['pods/log']), ask('pods', 'log')), true);
  assert.equal(ruleAllows(rule(['*/scale']), ask('deployments', 'scale')), true);
  assert.equal(ruleAllows(rule(['*']), ask('pods', 'log')), true);
  assert.equal(ruleAllows(rule(['pods'], ['b']), ask('pods')), false);
  const path = { ...ask(''), resource: undefined, path: '/metrics/slis' };
  assert.equal(ruleAllows({ verbs: ['get'], nonResourceURLs: ['/metrics/*'] }, path), true);
  assert.equal(ruleAllows({ verbs: ['get'], nonResourceURLs: ['/metrics**'] }, path), true);
  assert.deepEqual(missingRules([rule(['pods'])], [rule(['pods', 'secrets'])]), [rule(['secrets'])]);
});

test('default roles are completed with what they lack, unless they say that they must not be', () => {
  const wanted = bootstrapPolicy.clusterRoles.find(({ metadata }) => metadata?.name === 'system:basic-user');
  assert.ok(wanted);
  assert.equal(completed(wanted, wanted), undefined);
  const less = { ...wanted, rules: (wanted.rules ?? []).slice(1) };
  assert.equal(missingRules(completed(less, wanted)?.rules ?? [], wanted.rules ?? []).length, 0);
  const kept = { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } };
  assert.equal(completed({ ...less, metadata: kept }, wanted), undefined);
});

test('users hold what roles and bindings give them, and cannot give away more', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const as = (who: string) => ({ as: who });
  const code = async (method: string, path: string, body?: unknown, who = 'dns') =>
    (await server.request(method, path, body, as(who))).status;
  assert.equal(await code('GET', `${rbac}/clusterroles/view`, undefined, 'admin'), 200);
  const denied = await server.request('GET', configMaps, undefined, as('dns'));
  assert.equal(
    denied.json.message,
    'configmaps is forbidden: User "system:kube-dns" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
  const role = (name: string, verbs: string[]) => ({
    metadata: { name },
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs }],
  });
  const binding = (name: string) => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-dns' }],
  });
  const own = `${rbac}/namespaces/default`;
  assert.equal(await code('POST', `${own}/roles`, role('reader', ['list']), 'admin'), 201);
  assert.equal(await code('POST', `${own}/rolebindings`, binding('reader'), 'admin'), 201);
  const roleWriter = {
    metadata: { name: 'writer' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['*'] }],
  };
  roleWriter.rules[0]!.verbs = ['create', 'update'];
  assert.equal(await code('POST', `${own}/roles`, roleWriter, 'admin'), 201);
  assert.equal(await code('POST', `${own}/rolebindings`, binding('writer'), 'admin'), 201);
  await server.caughtUp();
  assert.equal(await code('GET', configMaps), 200);
  assert.equal(await code('GET', '/api/v1/namespaces/kube-system/configmaps'), 403);
  assert.equal(await code('POST', `${own}/roles`, role('same', ['list'])), 201);
  const escalation = await server.request(
    'POST',
    `${own}/roles`,
    role('more', ['list', 'delete']),
    as('dns'),
  );
  assert.equal(escalation.status, 403);
  assert.match(
    escalation.json.message,
    /not currently held:\n\{APIGroups:\[""\], Resources:\["configmaps"\], Verbs:\["delete"\]\}/,
  );
  assert.equal(
    await code('POST', `${own}/rolebindings`, {
      ...binding('x'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
    }),
    403,
  );
});

test('a node touches itself, its own lease and its own pods, and reads what its pods use', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const node = { as: 'kubelet-master-1' };
  const code = async (method: string, path: string, body?: unknown) =>
    (await server.request(method, path, body, node)).status;
  const merge = { ...node, headers: { 'content-type': 'application/merge-patch+json' } };
  const patch = async (path: string, change: object = { metadata: { labels: { a: 'b' } } }) =>
    (await server.request('PATCH', path, change, merge)).status;
  assert.equal(await code('POST', '/api/v1/nodes', { metadata: { name: 'master-1' } }), 201);
  assert.equal(await code('POST', '/api/v1/nodes', { metadata: { name: 'other' } }), 403);
  await server.request('POST', '/api/v1/nodes', { metadata: { name: 'other' } });
  assert.equal(await patch('/api/v1/nodes/master-1'), 200);
  assert.equal(await patch('/api/v1/nodes/other'), 403);
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  assert.equal(await code('POST', leases, { metadata: { name: 'master-1' } }), 201);
  assert.equal(await code('POST', leases, { metadata: { name: 'other' } }), 403);
  const pods = '/api/v1/namespaces/default/pods';
  for (const [name, nodeName] of [
    ['mine', 'master-1'],
    ['theirs', 'other'],
  ] as const) {
    const volumes = [{ name: 'v', configMap: { name } }];
    const spec = { nodeName, volumes, containers: [{ name: 'c', image: 'i' }] };
    await server.request('POST', pods, { metadata: { name }, spec });
    await server.request('POST', configMaps, { metadata: { name } });
  }
  await server.caughtUp();
  assert.equal(await code('GET', pods), 403);
  assert.equal(await code('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dmaster-1'), 200);
  assert.equal(await code('GET', '/api/v1/pods?fieldSelector=spec.nodeName!%3Dmaster-1'), 403);
  assert.equal(await code('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dother'), 403);
  assert.equal(await code('GET', `${pods}/mine`), 200);
  assert.equal(await code('GET', `${pods}/theirs`), 403);
  assert.equal(await code('GET', '/api/v1/nodes'), 403);
  assert.equal(await code('GET', '/api/v1/nodes/master-1'), 200);
  const status = { status: { phase: 'Running' } };
  assert.equal(await patch(`${pods}/mine/status`, status), 200);
  assert.equal(await patch(`${pods}/theirs/status`, status), 403);
  assert.equal(await code('GET', `${configMaps}/mine`), 200);
  assert.equal(await code('GET', `${configMaps}/theirs`), 403);
  assert.equal(await code('GET', `${configMaps}?fieldSelector=metadata.name%3Dmine`), 200);
  assert.equal(await code('GET', configMaps), 403);
});
