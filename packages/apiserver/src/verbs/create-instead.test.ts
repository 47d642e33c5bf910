/** What becomes of an update and of an apply where nothing is there, on a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestServer, until } from '../testing/harness.ts';
import { sharedServer } from '../testing/shared-server.ts';

const core = '/api/v1/namespaces/default';
const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const shared = sharedServer(giveZoeHerRole);
const ask: typeof shared.ask = (...request) => shared.ask(...request);

const asZoe = { 'impersonate-user': 'zoe' };
const apply = { 'content-type': 'application/apply-patch+yaml' };
const map = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
  ...more,
});
const rule = (apiGroup: string, resource: string, ...verbs: string[]): object => ({
  apiGroups: [apiGroup],
  resources: [resource],
  verbs,
});

/** Zoe may change configmaps and leases, and create one map and one lease. */
async function giveZoeHerRole(server: TestServer): Promise<void> {
  const rules = [
    rule('', 'configmaps', 'patch', 'update'),
    rule('coordination.k8s.io', 'leases', 'update', 'get'),
    { ...rule('', 'configmaps', 'create'), resourceNames: ['hers'] },
    { ...rule('coordination.k8s.io', 'leases', 'create'), resourceNames: ['hers'] },
  ];
  await server.request('POST', `${rbac}/roles`, { metadata: { name: 'changer' }, rules });
  await server.request('POST', `${rbac}/rolebindings`, {
    metadata: { name: 'changer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'changer' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'zoe' }],
  });
  await until(
    async () => (await server.request('GET', `${leases}/none`, undefined, { headers: asZoe })).status === 404,
    'the role is in force',
  );
}

test('an apply of what is not there asks for the right to create it', async () => {
  const path = `${core}/configmaps/by-zoe?fieldManager=z`;
  const applied = { headers: { ...apply, ...asZoe } };
  const refused = await ask(403, 'PATCH', path, JSON.stringify(map('by-zoe')), applied);
  assert.equal(
    refused.message,
    'configmaps "by-zoe" is forbidden: User "zoe" cannot create resource "configmaps" in API group "" in the namespace "default"',
  );
  await ask(404, 'GET', `${core}/configmaps/by-zoe`);
  await ask(201, 'PATCH', `${core}/configmaps/hers?fieldManager=z`, JSON.stringify(map('hers')), applied);
  await ask(201, 'POST', `${core}/configmaps`, map('by-zoe'));
  const changed = JSON.stringify(map('by-zoe', { data: { c: 'd' } }));
  assert.deepEqual((await ask(200, 'PATCH', path, changed, applied)).data, { a: 'b', c: 'd' });
});

test('an update of what is not there asks for the right to create it', async () => {
  const lease = (name: string): object => ({ metadata: { name }, spec: { holderIdentity: 'z' } });
  const refused = await ask(403, 'PUT', `${leases}/by-zoe`, lease('by-zoe'), { headers: asZoe });
  assert.equal(
    refused.message,
    'leases.coordination.k8s.io "by-zoe" is forbidden: User "zoe" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "default"',
  );
  await ask(404, 'GET', `${leases}/by-zoe`);
  await ask(201, 'PUT', `${leases}/hers`, lease('hers'), { headers: asZoe });
});

test('what an update or an apply creates is judged as a creation of that name', async () => {
  const registration = '/apis/admissionregistration.k8s.io/v1';
  const expression = 'request.operation != "CREATE" || request.name != "banned" || has(request.oldObject)';
  await ask(201, 'POST', `${registration}/validatingadmissionpolicies`, {
    metadata: { name: 'banned' },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['', 'coordination.k8s.io'],
            apiVersions: ['v1'],
            operations: ['CREATE'],
            resources: ['configmaps', 'leases'],
          },
        ],
      },
      validations: [{ expression, message: 'no such name' }],
    },
  });
  await ask(201, 'POST', `${registration}/validatingadmissionpolicybindings`, {
    metadata: { name: 'banned' },
    spec: { policyName: 'banned', validationActions: ['Deny'] },
  });
  const applied = (): ReturnType<typeof shared.server.request> =>
    shared.server.request(
      'PATCH',
      `${core}/configmaps/banned?fieldManager=z&dryRun=All`,
      JSON.stringify(map('banned')),
      { headers: apply },
    );
  await until(async () => (await applied()).status === 422, 'the policy is in force');
  const put = await ask(422, 'PUT', `${leases}/banned`, { metadata: { name: 'banned' } });
  assert.match(put.message, /no such name/);
});

test('an update creates objects of the kinds whose updates may, whatever version it was made from', async () => {
  const ports = [{ port: 80 }];
  const subset = { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports }] };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
  const whole = '/apis/rbac.authorization.k8s.io/v1';
  const objects: [string, object][] = [
    [`${rbac}/roles/put`, { rules: [] }],
    [`${rbac}/rolebindings/put`, { roleRef, subjects: [] }],
    [`${whole}/clusterroles/put`, { rules: [] }],
    [`${whole}/clusterrolebindings/put`, { roleRef, subjects: [] }],
    [`${core}/services/put`, { spec: { ports } }],
    [`${core}/limitranges/put`, { spec: { limits: [] } }],
    [`${core}/endpoints/put`, subset],
    ['/apis/node.k8s.io/v1/runtimeclasses/put', { handler: 'put' }],
    [`${leases}/put`, { spec: { holderIdentity: 'z' } }],
  ];
  for (const [path, object] of objects) {
    const metadata = { name: 'put', resourceVersion: '5' };
    const made = await ask(201, 'PUT', path, { ...object, metadata });
    assert.notEqual(made.metadata.resourceVersion, '5', path);
    await ask(409, 'POST', path.slice(0, path.lastIndexOf('/')), { ...object, metadata: { name: 'put' } });
  }
  const { spec } = await ask(200, 'GET', `${core}/services/put`);
  assert.match(spec.clusterIP, /^10\./, 'a service gets its address');
  await ask(404, 'PUT', `${core}/configmaps/put`, map('put'));
});

test('an update or an apply of another object than is there creates none', async () => {
  const put = await ask(409, 'PUT', `${leases}/gone`, { metadata: { name: 'gone', uid: 'f00' } });
  assert.equal(
    put.message,
    'Operation cannot be fulfilled on leases.coordination.k8s.io "gone": StorageError: invalid object, Code: 4, Key: /registry/leases/default/gone, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: f00, UID in object meta: ',
  );
  await ask(404, 'GET', `${leases}/gone`);
  const named = JSON.stringify(map('gone', { metadata: { name: 'gone', uid: 'f00' } }));
  const applied = await ask(409, 'PATCH', `${core}/configmaps/gone?fieldManager=z`, named, {
    headers: apply,
  });
  assert.equal(
    applied.message,
    'Operation cannot be fulfilled on configmaps "gone": uid mismatch: the provided object specified uid f00, and no existing object was found',
  );
  await ask(404, 'GET', `${core}/configmaps/gone`);
});
