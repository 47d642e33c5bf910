import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startApiServer, type TestServer, type TestServerOptions } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const ending = '/api/v1/namespaces/ending';
const token = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
const binding = {
  apiVersion: 'v1',
  kind: 'Binding',
  metadata: { name: 'p' },
  target: { kind: 'Node', name: 'n' },
};

async function serverFor(
  t: TestContext,
  options: Pick<TestServerOptions, 'withoutAdmission' | 'admission'> = {},
): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint, ...options });
}

/** A namespace that ends, which without controllers it goes on doing, with a pod and an account. */
async function prepare(server: TestServer): Promise<void> {
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  for (const [path, body] of [
    ['/api/v1/namespaces', { metadata: { name: 'ending' } }],
    [`${ending}/serviceaccounts`, { metadata: { name: 'default' } }],
    [`${ending}/pods`, pod],
  ] as const)
    assert.equal((await server.request('POST', path, body)).status, 201);
  assert.equal((await server.request('DELETE', ending)).json.status.phase, 'Terminating');
}

test('nothing comes into a namespace that ends, be it by way of what is there', async (t) => {
  const server = await serverFor(t);
  await prepare(server);
  const ends = 'unable to create new content in namespace ending because it is being terminated';
  for (const [path, body, what] of [
    [`${ending}/configmaps`, { metadata: { name: 'c' } }, 'configmaps "c"'],
    [`${ending}/pods/p/eviction`, eviction, 'pods "p"'],
    [`${ending}/pods/p/binding`, binding, 'pods "p"'],
    [`${ending}/serviceaccounts/default/token`, token, 'serviceaccounts "default"'],
  ] as const) {
    const { status, json } = await server.request('POST', path, body);
    assert.equal(status, 403, path);
    assert.equal(json.message, `${what} is forbidden: ${ends}`);
  }
  const missing = await server.request('POST', '/api/v1/namespaces/never/pods/p/eviction', eviction);
  assert.equal(missing.json.message, 'namespaces "never" not found');
  const review = await server.request(
    'POST',
    '/apis/authorization.k8s.io/v1/namespaces/ending/localsubjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'LocalSubjectAccessReview',
      metadata: { namespace: 'ending' },
      spec: { user: 'x', resourceAttributes: { namespace: 'ending', verb: 'get', resource: 'pods' } },
    },
  );
  assert.equal(review.status, 201);
  const kept = await server.request('DELETE', '/api/v1/namespaces/default');
  assert.equal(kept.json.message, 'namespaces "default" is forbidden: this namespace may not be deleted');
});

test('without the plugin things come into namespaces that end, or are not there', async (t) => {
  const server = await serverFor(t, { withoutAdmission: ['NamespaceLifecycle'] });
  await prepare(server);
  for (const name of ['ending', 'never']) {
    const path = `/api/v1/namespaces/${name}/configmaps`;
    assert.equal((await server.request('POST', path, { metadata: { name: 'c' } })).status, 201, name);
  }
});

test('NamespaceExists alone refuses what is in no namespace that there is', async (t) => {
  const server = await serverFor(t, {
    withoutAdmission: ['NamespaceLifecycle'],
    admission: ['NamespaceExists'],
  });
  await prepare(server);
  assert.equal(
    (await server.request('POST', `${ending}/configmaps`, { metadata: { name: 'c' } })).status,
    201,
  );
  const { status, json } = await server.request('POST', '/api/v1/namespaces/never/configmaps', {
    metadata: { name: 'c' },
  });
  assert.equal(status, 404);
  assert.equal(json.message, 'namespaces "never" not found');
});

test('NamespaceAutoProvision makes the namespace of what is created, and none for a dry run', async (t) => {
  const server = await serverFor(t, { admission: ['NamespaceAutoProvision'] });
  const body = { metadata: { name: 'c' } };
  const rehearsed = await server.request('POST', '/api/v1/namespaces/first/configmaps?dryRun=All', body);
  assert.equal(rehearsed.status, 404);
  assert.equal((await server.request('POST', '/api/v1/namespaces/first/configmaps', body)).status, 201);
  assert.equal((await server.request('GET', '/api/v1/namespaces/first')).json.status.phase, 'Active');
  const applied = await server.request(
    'PATCH',
    '/api/v1/namespaces/second/configmaps/c?fieldManager=test',
    { apiVersion: 'v1', kind: 'ConfigMap', ...body },
    { headers: { 'content-type': 'application/apply-patch+yaml' } },
  );
  assert.equal(applied.status, 201, JSON.stringify(applied.json));
});
