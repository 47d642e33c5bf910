import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { StoreClient } from './storage/store-client.ts';
import { startApiServer, type TestServer, until } from './testing/harness.ts';
import { startEtcd } from './testing/real-etcd.ts';

const pods = '/api/v1/namespaces/default/pods';
const services = '/api/v1/namespaces/default/services';
const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const mergePatch = { headers: { 'content-type': 'application/merge-patch+json' } };

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'demo' }] },
  };
}

function service(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80 }], selector: { app: 'x' }, ...spec },
  };
}

test('objects live through create, stale update, dry run, generateName and delete', async (t) => {
  const server = await serverFor(t);
  const created = await server.request('POST', configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    data: { x: '1' },
  });
  assert.equal(created.status, 201);
  const again = await server.request(
    'POST',
    configMaps,
    created.body.toString().replace(/"resourceVersion":"\d+",/, ''),
  );
  assert.equal(again.json.message, 'configmaps "a" already exists');
  const changed = await server.request('PUT', `${configMaps}/a`, { ...created.json, data: { x: '2' } });
  assert.equal(changed.status, 200);
  const stale = await server.request('PUT', `${configMaps}/a`, { ...created.json, data: { x: '3' } });
  assert.equal(stale.status, 409);
  assert.match(stale.json.message, /the object has been modified/);
  const same = await server.request('PUT', `${configMaps}/a`, changed.json);
  assert.equal(same.json.metadata.resourceVersion, changed.json.metadata.resourceVersion);
  const rehearsed = await server.request(
    'PATCH',
    `${configMaps}/a?dryRun=All`,
    '{"data":{"x":"9"}}',
    mergePatch,
  );
  assert.equal(rehearsed.json.data.x, '9');
  assert.equal((await server.request('GET', `${configMaps}/a`)).json.data.x, '2');
  const generated = await server.request('POST', configMaps, { metadata: { generateName: 'web-' } });
  assert.match(generated.json.metadata.name, /^web-[a-z0-9]{5}$/);
  const missing = await server.request('DELETE', `${configMaps}/none`);
  assert.equal(missing.json.message, 'configmaps "none" not found');
  const wrong = await server.request('DELETE', `${configMaps}/a`, { preconditions: { uid: 'other' } });
  assert.equal(wrong.status, 409);
  assert.equal((await server.request('DELETE', `${configMaps}/a`)).json.status, 'Success');
  assert.equal((await server.request('GET', `${configMaps}/a`)).status, 404);
});

test('bad requests are refused with the code that says why', async (t) => {
  const server = await serverFor(t);
  const status = async (method: string, path: string, body?: unknown, headers = {}): Promise<number> =>
    (await server.request(method, path, body, { headers })).status;
  assert.equal(await status('GET', `${pods}?colour=red`), 200, 'what is not known is ignored');
  assert.equal(await status('GET', '/api/v1/namespaces/default/gizmos'), 404);
  assert.equal(await status('POST', configMaps, 'no json'), 400);
  assert.equal(await status('POST', configMaps, '{}', { 'content-type': 'text/html' }), 415);
  assert.equal(await status('GET', pods, undefined, { accept: 'text/html' }), 406);
  assert.equal(await status('POST', configMaps, { metadata: { name: 'Not A Name' } }), 422);
  assert.equal(
    await status('POST', configMaps, { metadata: { name: 'big' }, data: { x: 'y'.repeat(3 * 1024 * 1024) } }),
    413,
  );
  assert.equal(await status('PATCH', `${configMaps}/a`, '{}'), 415);
  assert.equal(await status('POST', '/api/v1/namespaces/none/configmaps', { metadata: { name: 'a' } }), 404);
  assert.equal(await status('DELETE', '/api/v1/namespaces/default'), 403);
  assert.equal(await status('GET', `${configMaps}?fieldSelector=data.x%3D1`), 400);
  assert.equal(await status('GET', `${configMaps}?continue=nonsense`), 400);
  const strict = await server.request('POST', `${configMaps}?fieldValidation=Strict`, {
    metadata: { name: 'a' },
    dta: {},
  });
  assert.match(strict.json.message, /unknown field "dta"/);
  const warned = await server.request('POST', configMaps, { metadata: { name: 'a' }, dta: {} });
  assert.match(String(warned.headers['warning']), /unknown field \\"dta\\"/);
  const denied = await server.request('DELETE', `${configMaps}/a`, undefined, { as: 'proxy' });
  assert.equal(denied.status, 403);
  assert.match(
    denied.json.message,
    /User "system:kube-proxy" cannot delete resource "configmaps" in API group "" in the namespace "default"/,
  );
});

test('services get addresses and node ports of their own, keep them over updates and give them back', async (t) => {
  const server = await serverFor(t);
  const first = (await server.request('POST', services, service('a', { type: 'NodePort' }))).json;
  assert.match(first.spec.clusterIP, /^10\.96\./);
  const [port] = first.spec.ports;
  assert(port.nodePort >= 30_000 && port.nodePort <= 32_767);
  const taken = await server.request('POST', services, service('b', { clusterIP: first.spec.clusterIP }));
  assert.equal(taken.status, 422);
  assert.match(taken.json.message, /provided IP is already allocated/);
  const outside = await server.request('POST', services, service('b', { clusterIP: '192.0.2.1' }));
  assert.match(outside.json.message, /the provided network does not match the current range/);
  const clash = await server.request(
    'POST',
    services,
    service('b', { type: 'NodePort', ports: [{ port: 80, nodePort: port.nodePort }] }),
  );
  assert.match(clash.json.message, /provided port is already allocated/);
  const { clusterIP: _1, clusterIPs: _2, ...spec } = first.spec;
  const kept = await server.request('PUT', `${services}/a`, {
    ...first,
    spec: { ...spec, ports: [{ port: 80, targetPort: 8080 }] },
  });
  assert.equal(kept.json.spec.clusterIP, first.spec.clusterIP);
  assert.equal(kept.json.spec.ports[0].nodePort, port.nodePort);
  assert.equal((await server.request('DELETE', `${services}/a`)).status, 200);
  const reused = await server.request('POST', services, service('b', { clusterIP: first.spec.clusterIP }));
  assert.equal(reused.status, 201);
  const headless = await server.request('POST', services, service('c', { clusterIP: 'None' }));
  assert.equal(headless.json.spec.clusterIP, 'None');
});

test('a bound pod is marked first and goes when its kubelet says so; an unbound one goes at once', async (t) => {
  const server = await serverFor(t);
  const created = (await server.request('POST', pods, pod('a'))).json;
  assert.equal(created.status.phase, 'Pending');
  assert.equal(created.status.qosClass, 'BestEffort');
  const binding = { metadata: { name: 'a' }, target: { kind: 'Node', name: 'n1' } };
  assert.equal((await server.request('POST', `${pods}/a/binding`, binding)).status, 201);
  const second = await server.request('POST', `${pods}/a/binding`, binding);
  assert.match(second.json.message, /pod a is already assigned to node "n1"/);
  const bound = (await server.request('GET', `${pods}/a`)).json;
  assert.equal(bound.spec.nodeName, 'n1');
  assert.equal(bound.status.conditions[0].type, 'PodScheduled');
  const marked = (await server.request('DELETE', `${pods}/a`)).json;
  assert.equal(marked.metadata.deletionGracePeriodSeconds, 30);
  assert.equal((await server.request('GET', `${pods}/a`)).status, 200);
  const now = await server.request('DELETE', `${pods}/a`, { gracePeriodSeconds: 0 });
  assert.equal(now.json.kind, 'Pod');
  assert.equal(now.json.metadata.deletionGracePeriodSeconds, 0);
  assert.equal((await server.request('GET', `${pods}/a`)).status, 404);
  await server.request('POST', pods, pod('b'));
  assert.equal((await server.request('DELETE', `${pods}/b`)).json.kind, 'Pod');
});

test('finalizers hold a deleted object until the last one is taken off', async (t) => {
  const server = await serverFor(t);
  await server.request('POST', configMaps, { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
  const marked = (await server.request('DELETE', `${configMaps}/a`)).json;
  assert.notEqual(marked.metadata.deletionTimestamp, undefined);
  const added = await server.request(
    'PATCH',
    `${configMaps}/a`,
    '{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}',
    mergePatch,
  );
  assert.equal(added.status, 422);
  assert.equal(
    added.json.message,
    'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/more"}',
  );
  assert.equal(
    (await server.request('PATCH', `${configMaps}/a`, '{"metadata":{"finalizers":null}}', mergePatch)).status,
    200,
  );
  assert.equal((await server.request('GET', `${configMaps}/a`)).status, 404);
});

test('a priority class of the system cannot be deleted', async (t) => {
  const server = await serverFor(t);
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical';
  const kept = await server.request('DELETE', path);
  assert.equal(kept.status, 403);
  assert.equal(
    kept.json.message,
    'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
  );
  assert.equal((await server.request('GET', path)).status, 200);
});

test('a namespace refuses new content while it ends, and ends when it is finalized', async (t) => {
  const server = await serverFor(t);
  await server.request('POST', '/api/v1/namespaces', { metadata: { name: 'gone' } });
  const marked = (await server.request('DELETE', '/api/v1/namespaces/gone')).json;
  assert.equal(marked.status.phase, 'Terminating');
  const refused = await server.request('POST', '/api/v1/namespaces/gone/configmaps', {
    metadata: { name: 'a' },
  });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.details.causes[0].reason, 'NamespaceTerminating');
  await server.request('PUT', '/api/v1/namespaces/gone/finalize', { ...marked, spec: { finalizers: [] } });
  assert.equal((await server.request('GET', '/api/v1/namespaces/gone')).status, 404);
});

test('status, scale and the spec are written apart, and only the spec counts as a generation', async (t) => {
  const server = await serverFor(t);
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const created = await server.request('POST', deployments, {
    metadata: { name: 'd' },
    spec: { replicas: 1, selector: { matchLabels: { app: 'x' } }, template },
  });
  assert.equal(created.status, 201);
  const status = await server.request(
    'PATCH',
    `${deployments}/d/status`,
    '{"status":{"replicas":5,"observedGeneration":1},"spec":{"replicas":7}}',
    mergePatch,
  );
  assert.equal(status.json.status.replicas, 5);
  assert.equal(status.json.spec.replicas, 1);
  assert.equal(status.json.metadata.generation, 1);
  const scaled = await server.request(
    'PATCH',
    `${deployments}/d/scale`,
    '{"spec":{"replicas":3}}',
    mergePatch,
  );
  assert.equal(scaled.json.kind, 'Scale');
  assert.equal(scaled.json.status.selector, 'app=x');
  const after = (await server.request('GET', `${deployments}/d`)).json;
  assert.equal(after.spec.replicas, 3);
  assert.equal(after.status.replicas, 5);
  assert.equal(after.metadata.generation, 2);
});

test('concurrent patches of one object all take effect', async (t) => {
  const server = await serverFor(t);
  await server.request('POST', configMaps, { metadata: { name: 'a' } });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      server.request('PATCH', `${configMaps}/a`, JSON.stringify({ data: { [`k${n}`]: 'v' } }), mergePatch),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  await until(
    async () => Object.keys((await server.request('GET', `${configMaps}/a`)).json.data).length === 8,
    'every key is there',
  );
});

test('server-side apply creates, owns, conflicts and gives up fields', async (t) => {
  const server = await serverFor(t);
  const apply = (manager: string, data: object, force = false): ReturnType<TestServer['request']> =>
    server.request(
      'PATCH',
      `${configMaps}/a?fieldManager=${manager}&force=${force}`,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
      { headers: { 'content-type': 'application/apply-patch+yaml' } },
    );
  assert.equal((await apply('one', { x: '1', y: '1' })).status, 201);
  const conflict = await apply('two', { x: '2' });
  assert.equal(conflict.status, 409);
  assert.equal(conflict.json.details.causes[0].reason, 'FieldManagerConflict');
  assert.equal((await apply('two', { x: '2' }, true)).json.data.x, '2');
  const dropped = await apply('one', {});
  assert.deepEqual(dropped.json.data, { x: '2' });
});

test('the store forgets an Event by itself, and nothing else', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const event = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Started',
    message: 'it runs',
  };
  const created = await server.request('POST', '/api/v1/namespaces/default/events', event);
  assert.equal(created.status, 201, created.body.toString());
  await server.request('POST', configMaps, { metadata: { name: 'a' } });
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  const leaseOf = async (key: string): Promise<number | undefined> =>
    (await store.range({ key })).kvs[0]?.lease;
  assert.notEqual(await leaseOf('/registry/events/default/e'), 0);
  assert.equal(await leaseOf('/registry/configmaps/default/a'), 0);
});

test('two hundred simultaneous patches of one object all succeed, and none is lost', async (t) => {
  const server = await serverFor(t);
  await server.request('POST', configMaps, { metadata: { name: 'busy' } });
  const names = Array.from({ length: 200 }, (_, i) => `k${i}`);
  const answers = await Promise.all(
    names.map((name) =>
      server.request('PATCH', `${configMaps}/busy`, JSON.stringify({ data: { [name]: name } }), mergePatch),
    ),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const { data } = (await server.request('GET', `${configMaps}/busy`)).json;
  assert.deepEqual(Object.keys(data).sort(), names.sort());
});
