/** What kube-apiserver 1.36.3 was seen to answer to what operators, deployers, autoscalers and kubectl ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeProtobuf } from '@timonier/api/protobuf';
import { patchAs, sharedServer } from '../testing/shared-server.ts';
import { pemRequest } from '../testing/signing-request.ts';

const shared = sharedServer();
const ask: typeof shared.ask = (...request) => shared.ask(...request);
const core = '/api/v1/namespaces/default';
const maps = `${core}/configmaps`;
const pods = `${core}/pods`;
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const merge = patchAs('merge-patch+json');
const metadataIn = (media: string, kind = 'PartialObjectMetadata') => ({
  headers: { accept: `application/${media};as=${kind};g=meta.k8s.io;v=v1` },
});

async function pod(name: string, spec: object = {}, metadata: object = {}): Promise<void> {
  const containers = [{ name: 'c', image: 'x' }];
  await ask(201, 'POST', pods, { metadata: { name, ...metadata }, spec: { containers, ...spec } });
}

void test('metadata of a list are asked for as those of a list, and of one object as those of one', async () => {
  await ask(201, 'POST', maps, { metadata: { name: 'shown' } });
  const list = await ask(406, 'GET', maps, undefined, metadataIn('json'));
  assert.equal(
    list.message,
    'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
  );
  const one = await ask(
    406,
    'GET',
    `${maps}/shown`,
    undefined,
    metadataIn('json', 'PartialObjectMetadataList'),
  );
  assert.equal(
    one.message,
    'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
  );
  await ask(200, 'GET', maps, undefined, metadataIn('json', 'PartialObjectMetadataList'));
});

void test('a failure is told in JSON to who takes nothing but other forms', async () => {
  const answer = await shared.server.request(
    'GET',
    `${maps}/none-such`,
    undefined,
    metadataIn('vnd.kubernetes.protobuf'),
  );
  assert.equal(answer.status, 404);
  assert.equal(answer.json.reason, 'NotFound');
});

void test('metadata of definitions come in protobuf, as informers of metadata ask for them', async () => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const answer = await shared.server.request(
    'GET',
    path,
    undefined,
    metadataIn('vnd.kubernetes.protobuf', 'PartialObjectMetadataList'),
  );
  assert.equal(answer.status, 200);
  assert.equal(decodeProtobuf(answer.body).kind, 'PartialObjectMetadataList');
});

void test('who hands fields over writes the owners itself', async () => {
  const path = `${maps}/migrated`;
  await ask(201, 'POST', `${maps}?fieldManager=kubectl-client-side-apply`, {
    metadata: { name: 'migrated' },
    data: { a: 'b' },
  });
  const handed = await ask(
    200,
    'PATCH',
    path,
    [
      { op: 'replace', path: '/metadata/managedFields/0/manager', value: 'kubectl' },
      { op: 'replace', path: '/metadata/managedFields/0/operation', value: 'Apply' },
    ],
    patchAs('json-patch+json'),
  );
  assert.deepEqual(
    handed.metadata.managedFields.map(
      ({ operation, manager }: Record<string, string>) => `${operation} ${manager}`,
    ),
    ['Apply kubectl'],
  );
  const without = await ask(200, 'PATCH', path, { metadata: { managedFields: [] } }, merge);
  assert.equal(without.metadata.managedFields, undefined);
  const refused = await ask(
    400,
    'PATCH',
    `${path}?fieldManager=x`,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'migrated', managedFields: [] } },
    patchAs('apply-patch+yaml'),
  );
  assert.equal(refused.message, 'metadata.managedFields must be nil');
});

void test('what is about to go keeps its time, and says so to who makes it again', async () => {
  const path = `${maps}/going`;
  await ask(201, 'POST', maps, { metadata: { name: 'going', finalizers: ['example.com/x'] } });
  const marked = await ask(202, 'DELETE', path, { orphanDependents: false });
  const changed = await ask(
    200,
    'PATCH',
    path,
    { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } },
    merge,
  );
  assert.equal(changed.metadata.deletionTimestamp, marked.metadata.deletionTimestamp);
  const again = await ask(409, 'POST', maps, { metadata: { name: 'going' } });
  assert.equal(again.message, 'object is being deleted: configmaps "going" already exists');
});

void test('a deletion takes conditions as parameters, and many at once are listed by what a list may say', async () => {
  await ask(201, 'POST', maps, { metadata: { name: 'conditional', labels: { c: 'd' } } });
  await shared.server.caughtUp();
  await ask(409, 'DELETE', `${maps}/conditional?uid=other`);
  await ask(409, 'DELETE', `${maps}/conditional?resourceVersion=1`);
  await ask(409, 'DELETE', `${maps}?labelSelector=c&resourceVersion=0`);
  await ask(422, 'DELETE', `${maps}?labelSelector=c&sendInitialEvents=true`);
  const both = await ask(422, 'GET', `${maps}?resourceVersion=0&resourceVersionMatch=Exact&continue=x`);
  assert.equal(both.details.causes.length, 2);
});

void test('a pod that is given less than no time has a second, and less time counts from when it began', async () => {
  await pod('hasty', { nodeName: 'n', terminationGracePeriodSeconds: 60 });
  const first = await ask(200, 'DELETE', `${pods}/hasty`);
  const sooner = await ask(200, 'DELETE', `${pods}/hasty?gracePeriodSeconds=20`);
  assert.equal(
    Date.parse(first.metadata.deletionTimestamp) - Date.parse(sooner.metadata.deletionTimestamp),
    40_000,
  );
  await pod('hastier', { nodeName: 'n' });
  const { metadata } = await ask(200, 'DELETE', `${pods}/hastier?gracePeriodSeconds=-7`);
  assert.equal(metadata.deletionGracePeriodSeconds, 1);
});

void test('a binding is of one state of a pod that may be bound', async () => {
  const target = { kind: 'Node', name: 'n' };
  await pod('gated', { schedulingGates: [{ name: 'example.com/g' }] });
  const gated = await ask(409, 'POST', `${pods}/gated/binding`, { metadata: { name: 'gated' }, target });
  assert.match(gated.message, /pod gated has non-empty \.spec\.schedulingGates$/);
  await pod('bound');
  const path = `${pods}/bound/binding`;
  for (const given of [{ uid: 'other' }, { resourceVersion: '1' }]) {
    const refused = await ask(409, 'POST', path, { metadata: { name: 'bound', ...given }, target });
    assert.match(
      refused.message,
      /Precondition failed: (?:UID|ResourceVersion) in precondition: (?:other|1), /,
    );
  }
  const unnamed = await ask(400, 'POST', path, { metadata: {}, target });
  assert.equal(unnamed.message, 'name in URL does not match name in Binding object');
  await ask(400, 'POST', `${path}?fieldValidation=Strict`, { metadata: { name: 'bound' }, target, what: 1 });
  await ask(201, 'POST', path, { metadata: { name: 'bound' }, target });
});

void test('an eviction says why there is no room, and owns nothing of what it writes', async () => {
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const evict = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'kept' } };
  await pod('kept', { nodeName: 'n' }, { labels: { kept: 'yes' } });
  await ask(
    200,
    'PATCH',
    `${pods}/kept/status?fieldManager=kubelet`,
    {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    },
    merge,
  );
  await ask(201, 'POST', budgets, {
    metadata: { name: 'b' },
    spec: { minAvailable: 1, selector: { matchLabels: { kept: 'yes' } } },
  });
  const early = await ask(429, 'POST', `${pods}/kept/eviction`, evict);
  assert.equal(early.details.retryAfterSeconds, 10);
  const status = async (more: object): Promise<unknown> =>
    ask(
      200,
      'PATCH',
      `${budgets}/b/status?fieldManager=controller`,
      { status: { observedGeneration: 1, ...more } },
      merge,
    );
  await status({ currentHealthy: 3, desiredHealthy: 1, disruptionsAllowed: 0 });
  const full = await ask(429, 'POST', `${pods}/kept/eviction`, evict);
  assert.equal(
    full.details.causes[0].message,
    'The disruption budget b does not allow evicting pods currently',
  );
  await status({ disruptionsAllowed: 1 });
  await ask(201, 'POST', `${pods}/kept/eviction?fieldManager=drain`, evict);
  for (const path of [`${budgets}/b`, `${pods}/kept`]) {
    const { metadata } = await ask(200, 'GET', path);
    const managers = metadata.managedFields.map(({ manager }: { manager: string }) => manager);
    assert.ok(!managers.includes('drain'), `${path}: ${managers}`);
  }
});

void test('containers are neither added nor moved by a change of their size, and those that begin may have another', async () => {
  const size = (cpu: string): object => ({ requests: { cpu }, limits: { cpu } });
  const amounts = { cpu: '8', memory: '8Gi' };
  await ask(201, 'POST', '/api/v1/nodes', {
    metadata: { name: 'sizes', labels: { 'kubernetes.io/os': 'linux' } },
    status: { allocatable: amounts, capacity: amounts },
  });
  await pod('sized', {
    nodeName: 'sizes',
    containers: [{ name: 'c', image: 'x', resources: size('1') }],
    initContainers: [{ name: 'first', image: 'x', resources: size('1') }],
  });
  await shared.server.caughtUp();
  const path = `${pods}/sized/resize?dryRun=All`;
  const strategic = patchAs('strategic-merge-patch+json');
  const added = await ask(
    422,
    'PATCH',
    path,
    { spec: { containers: [{ name: 'd', image: 'x' }] } },
    strategic,
  );
  assert.equal(
    added.details.causes[0].message,
    'Forbidden: containers may not be added or removed on resize',
  );
  const policy = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] };
  await ask(422, 'PATCH', path, { spec: { containers: [{ name: 'c', ...policy }] } }, strategic);
  const sized = await ask(
    200,
    'PATCH',
    path,
    { spec: { initContainers: [{ name: 'first', resources: size('2') }] } },
    strategic,
  );
  assert.equal(sized.spec.initContainers[0].resources.limits.cpu, '2');
});

void test('an eviction that finds another pod than it was meant for leaves no mark, and verdicts on requests have their own way', async () => {
  await pod('meant', { nodeName: 'n' });
  const body = { metadata: { name: 'meant' }, deleteOptions: { preconditions: { uid: 'other' } } };
  await ask(409, 'POST', `${pods}/meant/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', ...body });
  const { status } = await ask(200, 'GET', `${pods}/meant`);
  assert.ok(!(status.conditions ?? []).some(({ type }: { type: string }) => type === 'DisruptionTarget'));
  const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  await ask(201, 'POST', requests, {
    metadata: { name: 'judged' },
    spec: {
      request: Buffer.from(pemRequest('/CN=judged')).toString('base64'),
      signerName: 'example.com/x',
      usages: ['client auth'],
    },
  });
  const approved = { status: { conditions: [{ type: 'Approved', status: 'True', reason: 'R' }] } };
  const refused = await ask(422, 'PATCH', `${requests}/judged/status`, approved, merge);
  assert.equal(
    refused.details.causes[0].message,
    'Forbidden: updates may not add a condition of type "Approved"',
  );
  await ask(200, 'PATCH', `${requests}/judged/approval`, approved, merge);
  // A signer need not repeat a verdict word by word: what it sends of one that is there changes nothing.
  const reworded = { status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Other' }] } };
  const kept = await ask(200, 'PATCH', `${requests}/judged/status`, reworded, merge);
  assert.equal(kept.status.conditions[0].reason, 'R');
});

void test('a Scale is of what its path says, and has no other fields', async () => {
  await ask(201, 'POST', deployments, {
    metadata: { name: 'scaled' },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  const path = `${deployments}/scaled/scale?dryRun=All`;
  const scale = (metadata: object, more: object = {}): object => ({
    metadata,
    spec: { replicas: 2, ...more },
  });
  await ask(400, 'PUT', path, scale({}));
  await ask(400, 'PUT', path, scale({ name: 'scaled', namespace: 'other' }));
  await ask(409, 'PUT', path, scale({ name: 'scaled', uid: 'other' }));
  await ask(422, 'PUT', path, scale({ name: 'scaled', resourceVersion: 'x' }));
  await ask(400, 'PUT', `${path}&fieldValidation=Strict`, scale({ name: 'scaled' }, { what: 1 }));
  const other = await ask(400, 'PUT', path, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'scaled' },
  });
  assert.equal(
    other.message,
    'Deployment in version "v1" cannot be handled as a Scale: converting (v1.Deployment) to (autoscaling.Scale): unknown conversion',
  );
  // Whoever writes the status of a Deployment changes no labels.
  const { metadata } = await ask(
    200,
    'PATCH',
    `${deployments}/scaled/status`,
    { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } },
    merge,
  );
  assert.deepEqual([metadata.labels, metadata.annotations], [undefined, { c: 'd' }]);
});

void test('a token may be for a node, and says whom it cannot be for', async () => {
  const accounts = `${core}/serviceaccounts`;
  await ask(201, 'POST', accounts, { metadata: { name: 'asker' } });
  const node = await ask(201, 'POST', '/api/v1/nodes', { metadata: { name: 'asked' } });
  const path = `${accounts}/asker/token`;
  const boundTo = (ref: object): object => ({ spec: { boundObjectRef: { apiVersion: 'v1', ...ref } } });
  const { status } = await ask(201, 'POST', path, boundTo({ kind: 'Node', name: 'asked' }));
  const review = async (spec: object) =>
    (
      await ask(201, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        spec: { token: status.token, ...spec },
      })
    ).status;
  const known = await review({});
  assert.equal(known.authenticated, true);
  assert.deepEqual(known.user.extra['authentication.kubernetes.io/node-uid'], [node.metadata.uid]);
  const { error } = await review({ audiences: ['vault'] });
  assert.equal(
    error,
    '[invalid bearer token, token audiences ["https://kubernetes.default.svc.cluster.local"] is invalid for the target audiences ["vault"]]',
  );
  await ask(404, 'POST', path, boundTo({ kind: 'Node', name: 'none-such' }));
  await ask(409, 'POST', path, boundTo({ kind: 'Node', name: 'asked', uid: 'other' }));
  await ask(400, 'POST', path, boundTo({ kind: 'Node' }));
  await ask(400, 'POST', path, boundTo({ name: 'asked' }));
  await ask(422, 'POST', path, { metadata: { name: 'other' }, spec: {} });
  await ask(400, 'POST', path, { metadata: { namespace: 'other' }, spec: {} });
  await ask(409, 'POST', path, { metadata: { uid: 'other' }, spec: {} });
  await ask(200, 'DELETE', '/api/v1/nodes/asked');
  await shared.server.caughtUp();
  assert.equal((await review({})).authenticated, undefined, 'it went with its node');
});

void test('whoever takes bookmarks is told where the state ends without asking for that', async () => {
  const stop = new AbortController();
  const types: string[] = [];
  for await (const { type, object } of shared.server.watch(
    `${maps}?watch=1&allowWatchBookmarks=true`,
    stop.signal,
  )) {
    types.push(type);
    if (type !== 'BOOKMARK') continue;
    assert.deepEqual(object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
    break;
  }
  assert.equal(types.at(-1), 'BOOKMARK');
});

void test('discovery of groups comes in the form that is asked for', async () => {
  const answer = await shared.server.request('GET', '/apis/apps/v1', undefined, {
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
  });
  assert.equal(decodeProtobuf(answer.body).kind, 'APIResourceList');
  await ask(406, 'GET', '/apis/apps/v1', undefined, { headers: { accept: 'application/xml' } });
});

void test('a JSON patch that is no list is told as who carries it out sees it, where fields are not looked at', async () => {
  await ask(201, 'POST', maps, { metadata: { name: 'patched' } });
  const json = patchAs('json-patch+json');
  const { message } = await ask(400, 'PATCH', `${maps}/patched?fieldValidation=Ignore`, {}, json);
  assert.equal(message, 'json: cannot unmarshal object into Go value of type jsonpatch.Patch');
});

void test('whoever may change objects may not make them by that', async () => {
  const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  await ask(201, 'POST', `${roles}/roles`, {
    metadata: { name: 'changer' },
    rules: [{ apiGroups: ['', 'coordination.k8s.io'], resources: ['*'], verbs: ['get', 'update', 'patch'] }],
  });
  await ask(201, 'POST', `${roles}/rolebindings`, {
    metadata: { name: 'changer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'changer' },
    subjects: [{ kind: 'User', name: 'changer', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  await shared.server.caughtUp();
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'made' } };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'made' } };
  for (const [method, path, body, type] of [
    ['PUT', `${leases}/made`, lease, 'application/json'],
    ['PATCH', `${maps}/made?fieldManager=x`, map, 'application/apply-patch+yaml'],
  ] as const) {
    const headers = { 'impersonate-user': 'changer', 'content-type': type };
    const refused = await ask(403, method, path, body, { headers });
    assert.match(refused.message, /^\S+ "made" is forbidden: User "changer" cannot create resource /);
    assert.equal((await shared.server.request('GET', path.replace(/\?.*/, ''))).status, 404);
  }
  await ask(201, 'PUT', `${leases}/made`, lease);
  const service = { metadata: { name: 'put' }, spec: { ports: [{ port: 80 }] } };
  await ask(201, 'PUT', `${core}/services/put`, service);
});

test('nobody owns the end that an object was created with', async () => {
  const made = await ask(201, 'POST', '/api/v1/namespaces/default/configmaps', {
    metadata: { name: 'ended', deletionTimestamp: '2026-01-02T03:04:05Z', deletionGracePeriodSeconds: 1 },
    data: { a: 'b' },
  });
  assert.deepEqual(made.metadata.managedFields[0].fieldsV1, { 'f:data': { '.': {}, 'f:a': {} } });
});
