/** Updates that end what was only marked as deleted, on a real server: they are judged like every update. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const core = '/api/v1/namespaces/default';
const registration = '/apis/admissionregistration.k8s.io/v1';
const shared = sharedServer();
const ask: typeof shared.ask = (...request) => shared.ask(...request);
const merge = patchAs('merge-patch+json');

/** Refuses every update of a resource whose objects are labelled `guard`. */
async function guard(name: string, resource: string, inForce: () => Promise<number>): Promise<void> {
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: [resource] },
  ];
  await ask(201, 'POST', `${registration}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'false', message: 'guarded' }] },
  });
  await ask(201, 'POST', `${registration}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { objectSelector: { matchLabels: { guard: name } } },
    },
  });
  await until(async () => (await inForce()) === 422, 'the policy is in force');
}

test('whoever takes the last finalizer away changes nothing that an update may not change', async () => {
  const path = `${core}/configmaps/fixed`;
  const finalizers = ['example.com/keep'];
  await ask(201, 'POST', `${core}/configmaps`, {
    metadata: { name: 'fixed', finalizers },
    data: { a: '1' },
    immutable: true,
  });
  await ask(200, 'DELETE', path);
  const change = { metadata: { finalizers: null }, data: { a: '2' } };
  assert.match((await ask(422, 'PATCH', path, change, merge)).message, /field is immutable when `immutable`/);
  await ask(200, 'GET', path);
  await ask(200, 'PATCH', path, { metadata: { finalizers: null } }, merge);
  await ask(404, 'GET', path);
});

test('a policy that refuses updates also refuses the one that takes the last finalizer away', async () => {
  const path = `${core}/configmaps/guarded`;
  await ask(201, 'POST', `${core}/configmaps`, {
    metadata: { name: 'guarded', labels: { guard: 'maps' }, finalizers: ['example.com/keep'] },
  });
  const change = { metadata: { annotations: { x: 'y' } } };
  await guard(
    'maps',
    'configmaps',
    async () => (await shared.server.request('PATCH', `${path}?dryRun=All`, change, merge)).status,
  );
  await ask(200, 'DELETE', path);
  assert.match(
    (await ask(422, 'PATCH', path, { metadata: { finalizers: null } }, merge)).message,
    /guarded$/,
  );
  await ask(200, 'GET', path);
});

test('who wants a name that is being deleted is told so', async () => {
  const object = { metadata: { name: 'leaving', finalizers: ['example.com/keep'] } };
  await ask(201, 'POST', `${core}/configmaps`, object);
  assert.equal(
    (await ask(409, 'POST', `${core}/configmaps`, object)).message,
    'configmaps "leaving" already exists',
  );
  await ask(200, 'DELETE', `${core}/configmaps/leaving`);
  assert.equal(
    (await ask(409, 'POST', `${core}/configmaps`, object)).message,
    'object is being deleted: configmaps "leaving" already exists',
  );
});

test('no update ends the time of a pod', async () => {
  const path = `${core}/pods/ending`;
  await ask(201, 'POST', `${core}/pods`, {
    metadata: { name: 'ending' },
    spec: { nodeName: 'n1', terminationGracePeriodSeconds: 60, containers: [{ name: 'c', image: 'i' }] },
  });
  await ask(200, 'DELETE', path);
  for (const at of [path, `${path}/status`]) {
    const refused = await ask(422, 'PATCH', at, { metadata: { deletionGracePeriodSeconds: 0 } }, merge);
    assert.equal(
      refused.message,
      'Pod "ending" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 0: field is immutable',
    );
  }
  assert.equal((await ask(200, 'GET', path)).metadata.deletionGracePeriodSeconds, 60);
});

test('the end of a namespace is judged, and is an update of all but its status', async () => {
  const path = '/api/v1/namespaces/ending';
  const labels = { guard: 'ends' };
  const made = await ask(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'ending', labels } });
  const put = (object: object, query = ''): ReturnType<typeof shared.server.request> =>
    shared.server.request('PUT', `${path}/finalize${query}`, object);
  const changed = await put({
    ...made,
    metadata: { ...made.metadata, annotations: { a: 'b' } },
    spec: { finalizers: ['kubernetes', 'example.com/more'] },
    status: { phase: 'Terminating' },
  });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.json.spec.finalizers, ['kubernetes', 'example.com/more']);
  assert.equal(changed.json.metadata.annotations.a, 'b');
  assert.equal(changed.json.status.phase, 'Active');
  assert.equal((await put(made)).status, 409, 'of another version');
  const wrong = await put({ ...changed.json, spec: { finalizers: ['nobody'] } });
  assert.equal(
    wrong.json.message,
    'Namespace "ending" is invalid: spec.finalizers[0]: Invalid value: "nobody": name is neither a standard finalizer name nor is it fully qualified',
  );
  await guard('ends', 'namespaces/finalize', async () => (await put(changed.json, '?dryRun=All')).status);
  const marked = await ask(200, 'DELETE', path);
  const refused = await put({ ...marked, spec: { finalizers: [] } });
  assert.equal(refused.status, 422);
  assert.match(refused.json.message, /^namespaces "ending" is forbidden: .*guarded$/);
  await ask(200, 'GET', path);
  await ask(200, 'PATCH', path, { metadata: { labels: { guard: null } } }, merge);
  const open = await ask(200, 'GET', path);
  await ask(200, 'PUT', `${path}/finalize`, { ...open, spec: { finalizers: [] } });
  await ask(404, 'GET', path);
});
