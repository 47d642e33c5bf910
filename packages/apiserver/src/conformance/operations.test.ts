/** The whole life of kinds whose operations the conformance tests walk through one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '@timonier/api/decode';
import { examples } from '../../../api/src/testing/examples.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const merge = patchAs('merge-patch+json');
const strategic = patchAs('strategic-merge-patch+json');

/** Replaces an object as clients do: read again whenever a controller of the server was faster. */
async function replace(path: string, change: (current: ApiObject) => ApiObject): Promise<ApiObject> {
  for (let attempt = 1; ; attempt++) {
    const current = (await shared.ask(200, 'GET', path)) as ApiObject;
    const answer = await shared.server.request('PUT', path, change(current));
    if (answer.status === 409 && attempt < 10) continue;
    assert.equal(answer.status, 200, answer.body.toString());
    return answer.json as ApiObject;
  }
}

/** Kinds whose status changes without their metadata, as kube-apiserver 1.36.3 was seen to do. */
const frozen: ReadonlySet<string> = new Set([
  'FlowSchema',
  'PriorityLevelConfiguration',
  'ValidatingAdmissionPolicy',
]);

/** Discovery, create, get, list, watch, patch, update, status where there is one, delete and deletecollection. */
async function operations(group: string, kind: string): Promise<void> {
  const example = examples().find(({ info }) => info.group === group && info.kind === kind);
  assert.ok(example, `no example of ${kind}`);
  const { info, object } = example;
  const root = `/apis/${group}/${info.version}`;
  const { resources } = await shared.ask(200, 'GET', root);
  const found = resources.find(({ name }: { name: string }) => name === info.resource);
  assert.equal(found?.kind, kind);
  const path = `${root}/${info.namespaced ? 'namespaces/default/' : ''}${info.resource}`;
  const named = (name: string): object => {
    const made = object();
    return {
      ...made,
      metadata: { ...made.metadata, name, labels: { ...made.metadata?.labels, walk: kind } },
    };
  };
  const first = await shared.ask(201, 'POST', path, named('walk-1'));
  await shared.ask(201, 'POST', path, named('walk-2'));
  await shared.ask(201, 'POST', path, named('walk-3'));
  const stop = new AbortController();
  const since = first.metadata.resourceVersion as string;
  const events = shared.server.watch(
    `${path}?watch=true&labelSelector=walk%3D${kind}&resourceVersion=${since}`,
    stop.signal,
  );
  assert.equal((await shared.ask(200, 'GET', `${path}/walk-1`)).metadata.uid, first.metadata.uid);
  const list = `${path}?labelSelector=walk%3D${kind}`;
  assert.equal((await shared.ask(200, 'GET', list)).items.length, 3);
  const annotate = (value: string): object => ({ metadata: { annotations: { walked: value } } });
  const patched = await shared.ask(200, 'PATCH', `${path}/walk-1`, annotate('patch'), merge);
  assert.equal(patched.metadata.annotations.walked, 'patch');
  const updated = await replace(`${path}/walk-1`, (current) => ({
    ...current,
    metadata: { ...current.metadata, annotations: { walked: 'update' } },
  }));
  assert.equal(updated.metadata?.annotations?.['walked'], 'update');
  if (info.subresources.some(({ name }) => name === 'status')) {
    const status = await shared.ask(200, 'PATCH', `${path}/walk-1/status`, annotate('status'), merge);
    assert.equal(status.metadata.annotations.walked, frozen.has(kind) ? 'update' : 'status');
    assert.deepEqual(status.spec, updated.spec);
    await replace(`${path}/walk-1/status`, (current) => current);
  }
  await shared.ask(200, 'DELETE', `${path}/walk-1`);
  await shared.ask(404, 'GET', `${path}/walk-1`);
  await shared.ask(200, 'DELETE', list);
  assert.deepEqual((await shared.ask(200, 'GET', list)).items, []);
  const seen: string[] = [];
  for await (const { type, object: state } of events) {
    if (state.metadata.name !== 'walk-1') continue;
    seen.push(type);
    if (type === 'DELETED') break;
  }
  stop.abort();
  assert.equal(seen[0], 'MODIFIED');
}

// Conformance: API priority and fairness should support FlowSchema API operations
test('flow schemas', () => operations('flowcontrol.apiserver.k8s.io', 'FlowSchema'));

// Conformance: API priority and fairness should support PriorityLevelConfiguration API operations
test('priority levels', () => operations('flowcontrol.apiserver.k8s.io', 'PriorityLevelConfiguration'));

// Conformance: ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations
test('validating policies', () => operations('admissionregistration.k8s.io', 'ValidatingAdmissionPolicy'));

// Conformance: ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations
test('bindings of validating policies', () =>
  operations('admissionregistration.k8s.io', 'ValidatingAdmissionPolicyBinding'));

// Conformance: MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations
test('mutating policies', () => operations('admissionregistration.k8s.io', 'MutatingAdmissionPolicy'));

// Conformance: MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations
test('bindings of mutating policies', () =>
  operations('admissionregistration.k8s.io', 'MutatingAdmissionPolicyBinding'));

// Conformance: Certificates API [Privileged:ClusterAdmin] should support CSR API operations
test('signing requests, and what their approval says', async () => {
  await operations('certificates.k8s.io', 'CertificateSigningRequest');
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const example = examples().find(({ info }) => info.kind === 'CertificateSigningRequest');
  await shared.ask(201, 'POST', path, example?.object());
  const denied = {
    status: { conditions: [{ type: 'Denied', status: 'True', reason: 'No', message: 'no' }] },
  };
  const answer = await shared.ask(200, 'PATCH', `${path}/anne/approval`, denied, merge);
  assert.equal(answer.status.conditions[0].type, 'Denied');
  await shared.ask(200, 'GET', `${path}/anne/approval`);
});

const namespaces = '/api/v1/namespaces';

// Conformance: Namespaces [Serial] should patch a Namespace
// Conformance: Namespaces [Serial] should apply an update to a Namespace
test('a namespace takes patches and updates of its metadata', async () => {
  await shared.ask(201, 'POST', namespaces, { metadata: { name: 'changing' } });
  const label = (value: string): object => ({ metadata: { labels: { testLabel: value } } });
  const patched = await shared.ask(200, 'PATCH', `${namespaces}/changing`, label('a'), strategic);
  assert.equal(patched.metadata.labels.testLabel, 'a');
  const labels = { ...patched.metadata.labels, changing: 'updated' };
  const put = { ...patched, metadata: { ...patched.metadata, labels } };
  const updated = await shared.ask(200, 'PUT', `${namespaces}/changing`, put);
  assert.equal(updated.metadata.labels.changing, 'updated');
});

// Conformance: Namespaces [Serial] should apply changes to a namespace status
test('the status of a namespace is read, patched and replaced apart', async () => {
  await shared.ask(201, 'POST', namespaces, { metadata: { name: 'telling' } });
  const path = `${namespaces}/telling/status`;
  const condition = (reason: string): object => ({
    status: { conditions: [{ type: 'StatusPatch', status: 'True', reason, message: 'told by a test' }] },
  });
  const patched = await shared.ask(200, 'PATCH', path, condition('Patched'), merge);
  assert.equal(patched.status.conditions[0].reason, 'Patched');
  const read = await shared.ask(200, 'GET', path);
  read.status.conditions.push({ type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'again' });
  const updated = await shared.ask(200, 'PUT', path, read);
  assert.equal(updated.status.conditions.length, 2);
  assert.equal(updated.status.phase, 'Active');
});

// Conformance: Namespaces [Serial] should apply a finalizer to a Namespace
test('finalizers of a namespace are changed by finalize only', async () => {
  await shared.ask(201, 'POST', namespaces, { metadata: { name: 'held' } });
  const namespace = await shared.ask(200, 'GET', `${namespaces}/held`);
  const finalizers = ['kubernetes', 'e2e.example.com/fake'];
  const held = await shared.ask(200, 'PUT', `${namespaces}/held/finalize`, {
    ...namespace,
    spec: { finalizers },
  });
  assert.deepEqual(held.spec.finalizers, finalizers);
  const freed = await shared.ask(200, 'PUT', `${namespaces}/held/finalize`, {
    ...held,
    spec: { finalizers: ['kubernetes'] },
  });
  assert.deepEqual(freed.spec.finalizers, ['kubernetes']);
});

const quotas = '/api/v1/namespaces/default/resourcequotas';

// Conformance: ResourceQuota should be able to update and delete ResourceQuota.
// Conformance: ResourceQuota should manage the lifecycle of a ResourceQuota
test('a quota is made, read, changed, listed by label over namespaces and deleted', async () => {
  const hard = { cpu: '1', memory: '500Mi' };
  await shared.ask(201, 'POST', quotas, { metadata: { name: 'q', labels: { quota: 'q' } }, spec: { hard } });
  const read = await shared.ask(200, 'GET', `${quotas}/q`);
  assert.deepEqual(read.spec.hard, hard);
  const put = await shared.ask(200, 'PUT', `${quotas}/q`, { ...read, spec: { hard: { ...hard, cpu: '2' } } });
  assert.equal(put.spec.hard.cpu, '2');
  const patched = await shared.ask(
    200,
    'PATCH',
    `${quotas}/q`,
    { spec: { hard: { memory: '1Gi' } } },
    strategic,
  );
  assert.equal(patched.spec.hard.memory, '1Gi');
  const all = await shared.ask(200, 'GET', '/api/v1/resourcequotas?labelSelector=quota%3Dq');
  assert.equal(all.items.length, 1);
  await shared.ask(200, 'DELETE', `${quotas}?labelSelector=quota%3Dq`);
  await shared.ask(404, 'GET', `${quotas}/q`);
});

// Conformance: ResourceQuota should apply changes to a resourcequota status
test('the status of a quota is written apart, and only there', async () => {
  const hard = { cpu: '1' };
  const made = await shared.ask(201, 'POST', quotas, { metadata: { name: 's' }, spec: { hard } });
  const status = await shared.ask(200, 'PUT', `${quotas}/s/status`, {
    ...made,
    spec: { hard: { cpu: '9' } },
    status: { hard },
  });
  assert.deepEqual([status.spec.hard, status.status.hard], [hard, hard]);
  const patched = await shared.ask(
    200,
    'PATCH',
    `${quotas}/s/status`,
    { status: { hard: { cpu: '5' } } },
    merge,
  );
  assert.equal(patched.status.hard.cpu, '5');
  const spec = await shared.ask(200, 'PATCH', `${quotas}/s`, { status: { hard: { cpu: '7' } } }, merge);
  assert.equal(spec.status.hard.cpu, '5');
});

const accounts = '/api/v1/namespaces/default/serviceaccounts';

// Conformance: ServiceAccounts should run through the lifecycle of a ServiceAccount
// Conformance: ServiceAccounts should update a ServiceAccount
test('a service account is made, watched, patched, updated and deleted', async () => {
  const made = await shared.ask(201, 'POST', accounts, {
    metadata: { name: 'mate', labels: { kind: 'static' } },
    automountServiceAccountToken: false,
  });
  const patched = await shared.ask(
    200,
    'PATCH',
    `${accounts}/mate`,
    { automountServiceAccountToken: true },
    strategic,
  );
  assert.equal(patched.automountServiceAccountToken, true);
  const updated = await shared.ask(200, 'PUT', `${accounts}/mate`, {
    ...patched,
    automountServiceAccountToken: false,
  });
  assert.equal(updated.automountServiceAccountToken, false);
  const { items } = await shared.ask(200, 'GET', '/api/v1/serviceaccounts?labelSelector=kind%3Dstatic');
  assert.equal(items.length, 1);
  await shared.ask(200, 'DELETE', `${accounts}?labelSelector=kind%3Dstatic`);
  const stop = new AbortController();
  const types: string[] = [];
  const path = `${accounts}?watch=1&resourceVersion=${made.metadata.resourceVersion}&labelSelector=kind%3Dstatic`;
  for await (const { type } of shared.server.watch(path, stop.signal)) {
    types.push(type);
    if (type === 'DELETED') break;
  }
  stop.abort();
  assert.deepEqual(types, ['MODIFIED', 'MODIFIED', 'DELETED']);
});

// Conformance: SubjectReview should support SubjectReview API operations
test('who may do what is answered for oneself, for others, and for one namespace', async () => {
  const root = '/apis/authorization.k8s.io/v1';
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace: 'default' };
  const own = await shared.ask(201, 'POST', `${root}/selfsubjectaccessreviews`, {
    spec: { resourceAttributes },
  });
  assert.equal(own.status.allowed, true);
  const spec = {
    user: 'system:serviceaccount:default:nobody',
    groups: ['system:serviceaccounts'],
    resourceAttributes,
  };
  const other = await shared.ask(201, 'POST', `${root}/subjectaccessreviews`, { spec });
  assert.equal(other.status.allowed, false);
  const local = `${root}/namespaces/default/localsubjectaccessreviews`;
  const here = await shared.ask(201, 'POST', local, { metadata: { namespace: 'default' }, spec });
  assert.equal(here.status.allowed, false);
  const unsaid = await shared.ask(201, 'POST', local, { spec });
  assert.equal(unsaid.metadata.namespace, 'default');
});

test('a review says why, and what it could not take into account', async () => {
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace: 'default' };
  const ask = async (spec: object) => (await shared.ask(201, 'POST', path, { spec })).status;
  const dns = await ask({
    user: 'system:kube-dns',
    resourceAttributes: { ...resourceAttributes, resource: 'services' },
  });
  assert.equal(dns.allowed, true);
  assert.match(
    dns.reason,
    /^RBAC: allowed by ClusterRoleBinding ".+" of ClusterRole ".+" to User "system:kube-dns"$/,
  );
  await shared.ask(201, 'POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    metadata: { name: 'dangling' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'view-it' },
    subjects: [{ kind: 'User', name: 'zoe', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  await shared.server.caughtUp();
  assert.deepEqual(await ask({ user: 'zoe', resourceAttributes }), {
    allowed: false,
    reason: 'RBAC: role.rbac.authorization.k8s.io "view-it" not found',
  });
  const selected = { ...resourceAttributes, labelSelector: { rawSelector: 'a=b,((' } };
  assert.deepEqual(await ask({ user: 'jim', resourceAttributes: selected }), {
    allowed: false,
    evaluationError: 'spec.resourceAttributes.labelSelector ignored due to parse error',
  });
  const refused = async (spec: object): Promise<string> =>
    (await shared.ask(422, 'POST', path, { spec })).message;
  assert.match(
    await refused({ resourceAttributes }),
    /spec\.user: Invalid value: "": at least one of user or group/,
  );
  assert.match(await refused({ user: 'a' }), /exactly one of nonResourceAttributes or resourceAttributes/);
  const both = { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] };
  assert.match(
    await refused({ user: 'a', resourceAttributes: { ...resourceAttributes, labelSelector: both } }),
    /labelSelector\.rawSelector: Invalid value/,
  );
});

// Conformance: ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview
test('a token of a service account is reviewed as its own', async () => {
  await shared.ask(201, 'POST', accounts, { metadata: { name: 'signed' } });
  const issued = await shared.ask(201, 'POST', `${accounts}/signed/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  const review = await shared.ask(201, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token: issued.status.token },
  });
  assert.equal(review.status.authenticated, true);
  assert.equal(review.status.user.username, 'system:serviceaccount:default:signed');
});

// Conformance: FieldValidation should detect unknown and duplicate fields of a typed object
// Conformance: FieldValidation should detect unknown metadata fields of a typed object
test('strict field validation refuses unknown and doubled fields, also of metadata; otherwise they are warned about', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const text = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"strict","unknownMeta":"x"},
    "spec":{"unknown":1,"paused":true,"paused":true,"selector":{"matchLabels":{"app":"s"}},
    "template":{"metadata":{"labels":{"app":"s"}},"spec":{"containers":[{"name":"a","image":"b"}]}}}}`;
  const refused = await shared.ask(400, 'POST', `${path}?fieldValidation=Strict`, text);
  assert.match(refused.message, /unknown field "spec.unknown"/);
  assert.match(refused.message, /unknown field "metadata.unknownMeta"/);
  assert.match(refused.message, /duplicate field "spec.paused"/);
  const warned = await shared.server.request('POST', `${path}?fieldValidation=Warn`, text);
  assert.equal(warned.status, 201);
  assert.match(String(warned.headers['warning']), /unknown field \\"spec.unknown\\"/);
});
