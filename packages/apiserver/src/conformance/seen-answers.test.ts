/** What kube-apiserver 1.36 was seen to do with what clients send, on a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const ask: typeof shared.ask = (...request) => shared.ask(...request);
const core = '/api/v1/namespaces/default';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const deployment = (name: string): object => ({
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    },
  },
});

interface Entry {
  manager: string;
  operation: string;
  subresource?: string;
  fieldsV1: { 'f:spec'?: Record<string, unknown> };
}

const owners = (object: { metadata: { managedFields?: Entry[] } }): string[] =>
  (object.metadata.managedFields ?? [])
    .filter(({ fieldsV1 }) => fieldsV1['f:spec']?.['f:replicas'] !== undefined)
    .map(({ manager, operation, subresource = '' }) => `${operation} ${manager} ${subresource}`.trim());

void test('who scales a workload owns its replicas, and who applies others is told', async () => {
  await ask(201, 'POST', `${deployments}?fieldManager=maker`, deployment('scaled'));
  const path = `${deployments}/scaled`;
  await ask(
    200,
    'PATCH',
    `${path}/scale?fieldManager=scaler`,
    { spec: { replicas: 3 } },
    patchAs('merge-patch+json'),
  );
  assert.deepEqual(owners(await ask(200, 'GET', path)), ['Update scaler scale']);
  const wanted = { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 5 } };
  const apply = patchAs('apply-patch+yaml');
  const refused = await ask(409, 'PATCH', `${path}/scale?fieldManager=applier`, wanted, apply);
  assert.equal(
    refused.message,
    'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using autoscaling/v1: .spec.replicas',
  );
  const scale = await ask(200, 'PATCH', `${path}/scale?fieldManager=applier&force=true`, wanted, apply);
  assert.equal(scale.spec.replicas, 5);
  assert.deepEqual(owners(await ask(200, 'GET', path)), ['Apply applier scale']);
  await ask(422, 'PATCH', `${path}/scale`, wanted, apply);
});

void test('a Scale has a table, and subresources that have none say so', async () => {
  await ask(201, 'POST', deployments, deployment('shown'));
  const table = { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } };
  const shown = await ask(200, 'GET', `${deployments}/shown/scale`, undefined, table);
  assert.deepEqual(
    shown.columnDefinitions.map(({ name }: { name: string }) => name),
    ['Name', 'Desired', 'Available', 'Age'],
  );
  assert.equal(shown.rows[0].cells[0], 'shown');
  await ask(201, 'POST', `${core}/pods`, {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  });
  const refused = await ask(406, 'GET', `${core}/pods/p/resize`, undefined, table);
  assert.match(refused.message, /^only the following media types are accepted: application\/json, /);
});

void test('a configuration that says what its kind does not know is refused, with its place', async () => {
  const config = { apiVersion: 'apps/v1', kind: 'Deployment', ...deployment('typed') };
  const container = { name: 'c', image: 'x' };
  const twice = { template: { spec: { containers: [container, container] } }, what: 1 };
  const refused = await ask(
    400,
    'PATCH',
    `${deployments}/typed?fieldManager=me`,
    { ...config, spec: twice },
    patchAs('apply-patch+yaml'),
  );
  assert.equal(
    refused.message,
    'failed to create typed patch object (/typed; apps/v1, Kind=Deployment): errors:\n' +
      '  .spec.template.spec.containers: duplicate entries for key [name="c"]\n' +
      '  .spec.what: field not declared in schema',
  );
});

void test('what a new object says of a version counts only where it is one', async () => {
  const map = (resourceVersion: string): object => ({ metadata: { generateName: 'm-', resourceVersion } });
  await ask(201, 'POST', `${core}/configmaps`, map('x'));
  await ask(201, 'POST', `${core}/configmaps`, map('0'));
  await ask(201, 'POST', `${core}/configmaps?dryRun=All`, map('7'));
  await ask(400, 'POST', `${core}/configmaps`, map('7'));
});

void test('one owner twice is one owner', async () => {
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' };
  const made = await ask(201, 'POST', `${core}/configmaps`, {
    metadata: { name: 'owned', ownerReferences: [owner, owner] },
  });
  assert.deepEqual(made.metadata.ownerReferences, [owner]);
});

void test('sources of claims that mean nothing here are dropped', async () => {
  const claim = (name: string, more: object): object => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more },
  });
  const path = `${core}/persistentvolumeclaims`;
  const odd = await ask(201, 'POST', path, claim('odd', { dataSource: { kind: 'x', name: 'y' } }));
  assert.equal(odd.spec.dataSource, undefined);
  const source = { kind: 'PersistentVolumeClaim', name: 'y' };
  const copied = await ask(201, 'POST', path, claim('copied', { dataSource: source }));
  assert.deepEqual([copied.spec.dataSource, copied.spec.dataSourceRef], [source, source]);
});

void test('limits of a namespace need no name, and accounts keep the names of secrets alone', async () => {
  const limits = { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } };
  const made = await ask(201, 'POST', `${core}/limitranges?dryRun=All`, limits);
  assert.match(made.metadata.name, /^[0-9a-f-]{36}$/);
  const account = await ask(201, 'POST', `${core}/serviceaccounts`, {
    metadata: { name: 'named' },
    secrets: [{ name: 's', kind: 'Secret', uid: 'u' }],
  });
  assert.deepEqual(account.secrets, [{ name: 's' }]);
});

void test('a pod that is limited as a whole asks for what its containers ask for', async () => {
  const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
  const pod = await ask(201, 'POST', `${core}/pods?dryRun=All`, {
    metadata: { name: 'whole' },
    spec: {
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      containers: [{ name: 'c', image: 'Not A Name', resources }],
    },
  });
  assert.deepEqual(pod.spec.resources.requests, { cpu: '100m', memory: '1Gi' });
  // What is no image is not the newest of one.
  assert.equal(pod.spec.containers[0].imagePullPolicy, 'IfNotPresent');
});

void test('devices that others use are looked at only from where that is allowed', async () => {
  const claim = {
    metadata: { name: 'admin' },
    spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'c', adminAccess: true } }] } },
  };
  const path = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims';
  const refused = await ask(422, 'POST', path, claim);
  assert.match(
    refused.message,
    /requests\[0\]\.adminAccess: Forbidden: admin access to devices requires the /,
  );
  const label = { metadata: { labels: { 'resource.kubernetes.io/admin-access': 'true' } } };
  await ask(200, 'PATCH', '/api/v1/namespaces/default', label, patchAs('merge-patch+json'));
  await shared.server.caughtUp();
  await ask(201, 'POST', path, claim);
});

void test('what is allowed but hardly meant is told beside the answer, once', async () => {
  const answer = await shared.server.request('POST', `${core}/services?dryRun=All`, {
    metadata: { name: 'named' },
    spec: { ports: [{ port: 80 }], externalName: 'x.example.com' },
  });
  assert.equal(answer.status, 201);
  assert.equal(
    answer.headers['warning'],
    '299 - "spec.externalName is ignored when spec.type is not \\"ExternalName\\""',
  );
});

void test('nobody owns what a new object has by itself', async () => {
  const made = await ask(201, 'POST', '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', {
    metadata: { name: 'all' },
    spec: { podSelector: {} },
  });
  assert.deepEqual(made.metadata.managedFields[0].fieldsV1, { 'f:spec': { 'f:policyTypes': {} } });
});

void test('a patch may take away the namespace of an object, which stays, but not its name', async () => {
  const path = `${core}/configmaps/placed`;
  await ask(201, 'POST', `${core}/configmaps`, { metadata: { name: 'placed' } });
  const headers = { headers: { 'content-type': 'application/merge-patch+json' } };
  const moved = await ask(200, 'PATCH', path, { metadata: { namespace: null } }, headers);
  assert.equal(moved.metadata.namespace, 'default');
  for (const metadata of [{ name: null }, { name: '' }, null]) {
    const { message } = await ask(400, 'PATCH', path, { metadata }, headers);
    assert.equal(
      message,
      'the name of the object (placed based on URL) was undeterminable: name must be provided',
    );
  }
});

void test('nothing is an object that says nothing, and a version of what is not there yet is no matter', async () => {
  const nothing = await ask(422, 'POST', `${core}/configmaps`, 'null');
  assert.equal(
    nothing.message,
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  );
  await ask(405, 'DELETE', '/api/v1/configmaps');
  const config = {
    ...deployment('fresh'),
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'fresh', resourceVersion: '7' },
  };
  await ask(201, 'PATCH', `${deployments}/fresh?fieldManager=me`, config, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
});

void test('a topology that is dropped from an endpoint makes a new generation all the same', async () => {
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const slice = (endpoint: object): object => ({
    metadata: { name: 'dropped' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }],
  });
  await ask(201, 'POST', slices, slice({}));
  const changed = await ask(200, 'PUT', `${slices}/dropped`, slice({ deprecatedTopology: { a: 'b' } }));
  assert.equal(changed.metadata.generation, 2);
  assert.equal(changed.endpoints[0].deprecatedTopology, undefined);
});

void test('an Event owns nothing, and goes at once whatever is said of its dependents', async () => {
  for (const [root, name, options] of [
    ['/api/v1', 'first', { propagationPolicy: 'Foreground' }],
    ['/apis/events.k8s.io/v1', 'second', { propagationPolicy: 'Orphan' }],
    ['/api/v1', 'third', { orphanDependents: true }],
  ] as const) {
    await ask(201, 'POST', `${core}/events`, {
      metadata: { name },
      involvedObject: { namespace: 'default', kind: 'Pod', name: 'p' },
    });
    const path = `${root}/namespaces/default/events/${name}`;
    const gone = await ask(200, 'DELETE', path, { kind: 'DeleteOptions', apiVersion: 'v1', ...options });
    assert.equal(gone.status, 'Success');
    await ask(404, 'GET', path);
  }
});

void test('a kind that has no objects has no path for one, and its collection no other method', async () => {
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
    const refused = await ask(404, method, `${reviews}/x`, {});
    assert.equal(refused.message, 'the server could not find the requested resource');
  }
  await ask(405, 'PUT', reviews, {});
  await ask(405, 'POST', `${core}/configmaps/x`, {});
});
