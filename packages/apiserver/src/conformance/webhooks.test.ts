/** Admission webhooks, asked for as upstream's conformance tests do: one program answers for all tests by its path. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type Answer, until } from '../testing/harness.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

interface Reviewed {
  readonly uid: string;
  readonly operation: string;
  readonly kind: { readonly kind: string };
  readonly subResource?: string;
  // What is reviewed is for the answering path to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly object: any;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly oldObject: any;
}

const patched = (operations: object[]): object => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const refused = (message: string): object => ({ allowed: false, status: { message } });

/** What the program answers at each of its paths; nothing at all where there is no answer. */
const answers: Readonly<Record<string, (reviewed: Reviewed) => object | undefined>> = {
  '/allow': () => ({ allowed: true }),
  '/deny': () => refused('this is not allowed here'),
  '/deny-marked': ({ object, oldObject }) =>
    (object ?? oldObject)?.data?.['webhook-e2e-test'] === 'webhook-disallow'
      ? refused('the object contains unwanted data')
      : { allowed: true },
  '/deny-named': ({ object }) =>
    object.spec?.containers?.some(({ name }: { name: string }) => name.includes('webhook-disallow'))
      ? refused('the pod contains unwanted container name')
      : { allowed: true },
  '/deny-connection': ({ kind, subResource, object }) =>
    kind.kind === 'PodAttachOptions' && subResource === 'attach'
      ? refused("attaching to pod 'to-be-attached-pod' is not allowed")
      : kind.kind === 'ServiceProxyOptions' && object.path === '/refused/'
        ? refused('nobody is proxied there')
        : { allowed: true },
  '/mark': ({ object }) => {
    const stage = object.data?.['mutation-stage-1'] === 'yes' ? '2' : '1';
    if (object.data?.['mutation-start'] !== 'yes') return { allowed: true };
    return patched([{ op: 'add', path: `/data/mutation-stage-${stage}`, value: 'yes' }]);
  },
  '/stray': () => patched([{ op: 'add', path: '/data/unknown', value: 'yes' }]),
  '/initContainer': () =>
    patched([{ op: 'add', path: '/spec/initContainers', value: [{ name: 'added', image: 'init:1' }] }]),
  '/label': () => patched([{ op: 'add', path: '/metadata/labels', value: { 'webhook-added': 'yes' } }]),
  '/never': () => undefined,
};

let url = '';
let caBundle = '';
const shared = sharedServer(async (server, onEnd) => {
  const { certificateFile, keyFile } = server.pki.files('apiserver');
  const program = createServer({ cert: await readFile(certificateFile), key: await readFile(keyFile) });
  program.on('request', (request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      const { request: reviewed } = JSON.parse(Buffer.concat(chunks).toString()) as { request: Reviewed };
      const given = answers[new URL(request.url ?? '', 'https://hook').pathname]?.(reviewed);
      if (given === undefined) return;
      const answer = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
      response.end(JSON.stringify({ ...answer, response: { uid: reviewed.uid, ...given } }));
    });
  });
  await once(program.listen(0, '127.0.0.1'), 'listening');
  onEnd(() => {
    program.close();
    program.closeAllConnections();
  });
  url = `https://127.0.0.1:${(program.address() as AddressInfo).port}`;
  caBundle = (await readFile(server.pki.caFile)).toString('base64');
});

const registration = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const json = patchAs('json-patch+json');
const merge = patchAs('merge-patch+json');

type Kind = 'validating' | 'mutating';
const pathOf = (kind: Kind, name = ''): string =>
  `${registration}/${kind}webhookconfigurations/${name}`.replace(/\/$/, '');

interface Hook {
  readonly path: string;
  readonly resource: string;
  readonly operations?: readonly string[];
  readonly extra?: object;
}

/** A webhook for a resource, `group/plural`; it is asked about objects with the configuration's name as a label only. */
function hookOf(name: string, { path, resource, operations = ['CREATE'], extra = {} }: Hook, i = 0): object {
  const [apiGroup = '', ...plural] = resource.split('/');
  return {
    name: `${name}-${i}.k8s.io`,
    clientConfig: { url: `${url}${path}`, caBundle },
    rules: [{ operations, apiGroups: [apiGroup], apiVersions: ['*'], resources: [plural.join('/')] }],
    objectSelector: { matchLabels: { about: name } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 10,
    ...extra,
  };
}

async function configure(kind: Kind, name: string, ...hooks: readonly Hook[]): Promise<void> {
  await shared.ask(201, 'POST', pathOf(kind), {
    metadata: { name, labels: { about: name } },
    webhooks: hooks.map((hook, i) => hookOf(name, hook, i)),
  });
}

const map = (name: string, about: string, data: object = {}): object => ({
  metadata: { name, labels: { about } },
  data,
});

/** Tries without writing until the answer is as wanted: a configuration takes a moment to be known. */
async function tried(path: string, body: object, isSo: (answer: Answer) => boolean): Promise<Answer> {
  let last: Answer | undefined;
  await until(async () => {
    last = await shared.server.request('POST', `${path}?dryRun=All`, body);
    return isSo(last);
  }, 'the webhooks are as configured').catch((error: unknown) => {
    throw new Error(`last answer: ${last?.body.toString()}`, { cause: error });
  });
  assert.ok(last);
  return last;
}

const isRefused = ({ status }: Answer): boolean => status >= 400;
const isMade = ({ status }: Answer): boolean => status === 201;

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation
test('webhooks refuse pods and ConfigMaps, at creation and whatever way they change', async () => {
  await configure(
    'validating',
    'deny',
    { path: '/deny-marked', resource: '/configmaps', operations: ['CREATE', 'UPDATE', 'DELETE'] },
    { path: '/deny-named', resource: '/pods' },
  );
  const bad = { 'webhook-e2e-test': 'webhook-disallow' };
  const { json: status } = await tried(configMaps, map('bad', 'deny', bad), isRefused);
  assert.equal(
    status.message,
    'admission webhook "deny-0.k8s.io" denied the request: the object contains unwanted data',
  );
  const pod = (name: string): object => ({
    metadata: { name: 'p', labels: { about: 'deny' } },
    spec: { containers: [{ name, image: 'i' }] },
  });
  const { message } = await shared.ask(400, 'POST', pods, pod('webhook-disallow'));
  assert.match(message, /denied the request: the pod contains unwanted container name/);
  await shared.ask(201, 'POST', `${pods}?dryRun=All`, pod('fine'));
  await shared.ask(201, 'POST', configMaps, map('good', 'deny'));
  await shared.ask(400, 'PUT', `${configMaps}/good`, map('good', 'deny', bad));
  await shared.ask(400, 'PATCH', `${configMaps}/good`, { data: bad }, merge);
  // Objects that the selector does not take are nobody's business.
  await shared.ask(201, 'POST', configMaps, map('other', 'nothing', bad));
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod
test('a webhook refuses to let a client attach to a pod', async () => {
  await shared.ask(201, 'POST', pods, {
    metadata: { name: 'to-be-attached-pod' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  const attach = async (): Promise<{ status: number; text: string }> => {
    const files = shared.server.pki.files('admin');
    const asked = httpsRequest({
      port: shared.server.port,
      path: `${pods}/to-be-attached-pod/attach?stdout=true&container=c`,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' },
      ca: await readFile(shared.server.pki.caFile),
      cert: await readFile(files.certificateFile),
      key: await readFile(files.keyFile),
      servername: 'localhost',
      agent: false,
    });
    asked.end();
    const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
    const chunks = (await response.toArray()) as Buffer[];
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
  };
  // No node runs it, which is what is told without the webhook.
  assert.equal((await attach()).status, 400);
  await configure('validating', 'attach', {
    path: '/deny-connection',
    resource: '/pods/attach',
    operations: ['CONNECT'],
    extra: { objectSelector: {} },
  });
  const isDenied = async (): Promise<boolean> => {
    const { status, text } = await attach();
    assert.equal(status, 400);
    return text.includes("attaching to pod 'to-be-attached-pod' is not allowed");
  };
  await until(isDenied, 'attaching is refused by the webhook');
});

test('a webhook refuses to let a client be proxied', async () => {
  const service = `${configMaps.slice(0, configMaps.lastIndexOf('/'))}/services`;
  await shared.ask(201, 'POST', service, { metadata: { name: 'proxied' }, spec: { ports: [{ port: 80 }] } });
  await configure('validating', 'proxied', {
    path: '/deny-connection',
    resource: '/services/proxy',
    operations: ['CONNECT'],
    extra: { objectSelector: {} },
  });
  await until(
    async () => (await shared.server.request('GET', `${service}/proxied/proxy/refused/`)).status === 400,
    'being proxied is refused',
  );
  const { message } = await shared.ask(400, 'GET', `${service}/proxied/proxy/refused/`);
  assert.match(message, /nobody is proxied there/);
  // Nothing listens behind it.
  await shared.ask(503, 'GET', `${service}/proxied/proxy/other`);
});

/** Defines a kind with the given versions; the first is stored. */
async function define(
  plural: string,
  versions: readonly string[],
  schema: object = { 'x-kubernetes-preserve-unknown-fields': true },
): Promise<string> {
  const group = 'webhook.example.com';
  await shared.ask(201, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind: `Kind${plural}` },
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: { type: 'object', ...schema } },
      })),
    },
  });
  const path = `/apis/${group}/${versions.at(-1)}/namespaces/default/${plural}`;
  await until(async () => (await shared.server.request('GET', path)).status === 200, 'the kind is served');
  return path;
}

const custom = (plural: string, version: string, name: string, data: object): object => ({
  apiVersion: `webhook.example.com/${version}`,
  kind: `Kind${plural}`,
  ...map(name, plural, data),
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion
test('a webhook refuses to create, change and delete custom resources', async () => {
  const path = await define('denied', ['v1']);
  const bad = { 'webhook-e2e-test': 'webhook-disallow' };
  await configure('validating', 'denied', {
    path: '/deny-marked',
    resource: 'webhook.example.com/denied',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
  });
  await tried(path, custom('denied', 'v1', 'one', bad), isRefused);
  await shared.ask(201, 'POST', path, custom('denied', 'v1', 'one', { key: 'fine' }));
  await shared.ask(400, 'PATCH', `${path}/one`, { data: bad }, merge);
  // Marked while the webhook is away, so that its deletion is refused.
  await shared.ask(200, 'DELETE', pathOf('validating', 'denied'));
  await until(
    async () => (await shared.server.request('PATCH', `${path}/one`, { data: bad }, merge)).status === 200,
    'the webhook is away',
  );
  await configure('validating', 'denied', {
    path: '/deny-marked',
    resource: 'webhook.example.com/denied',
    operations: ['DELETE'],
  });
  await until(
    async () => (await shared.server.request('DELETE', `${path}/one?dryRun=All`)).status === 400,
    'deletion is refused',
  );
  await shared.ask(400, 'DELETE', `${path}/one`);
  await shared.ask(200, 'GET', `${path}/one`);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning
test('webhooks complete custom resources one after the other, and what the schema does not know goes', async () => {
  const path = await define('open', ['v1']);
  const stages = (plural: string): readonly Hook[] => {
    const resource = `webhook.example.com/${plural}`;
    return [
      { path: '/mark', resource },
      { path: '/mark', resource },
    ];
  };
  await configure('mutating', 'open', ...stages('open'));
  const start = { 'mutation-start': 'yes' };
  const done = { ...start, 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' };
  const marked = await tried(
    path,
    custom('open', 'v1', 'one', start),
    (answer) => answer.json.data?.['mutation-stage-2'] === 'yes',
  );
  assert.deepEqual(marked.json.data, done);
  const pruned = await define('pruned', ['v1'], {
    properties: {
      data: {
        type: 'object',
        properties: { 'mutation-start': { type: 'string' }, 'mutation-stage-1': { type: 'string' } },
      },
    },
  });
  await configure('mutating', 'pruned', ...stages('pruned'));
  const known = await tried(
    pruned,
    custom('pruned', 'v1', 'one', start),
    (answer) => answer.json.data?.['mutation-stage-1'] === 'yes',
  );
  assert.deepEqual(
    known.json.data,
    { ...start, 'mutation-stage-1': 'yes' },
    'the second stage is not in the schema',
  );
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version
test('a webhook completes a custom resource that lies in the store in another version', async () => {
  const path = await define('moved', ['v1', 'v2']);
  await configure('mutating', 'moved', {
    path: '/mark',
    resource: 'webhook.example.com/moved',
    operations: ['CREATE', 'UPDATE'],
  });
  const old = path.replace('/v2/', '/v1/');
  const start = { 'mutation-start': 'yes' };
  await tried(
    old,
    custom('moved', 'v1', 'one', start),
    (answer) => answer.json.data?.['mutation-stage-1'] === 'yes',
  );
  await shared.ask(201, 'POST', old, custom('moved', 'v1', 'one', start));
  const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/moved.webhook.example.com';
  const swap = [
    { op: 'replace', path: '/spec/versions/0/storage', value: false },
    { op: 'replace', path: '/spec/versions/1/storage', value: true },
  ];
  await shared.ask(200, 'PATCH', definition, swap, json);
  const after = await shared.ask(200, 'PATCH', `${path}/one`, { data: { more: 'yes' } }, merge);
  assert.equal(after.apiVersion, 'webhook.example.com/v2');
  assert.deepEqual(after.data, {
    ...start,
    'mutation-stage-1': 'yes',
    'mutation-stage-2': 'yes',
    more: 'yes',
  });
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation
test('a webhook refuses definitions of kinds', async () => {
  await configure('validating', 'definitions', {
    path: '/deny',
    resource: 'apiextensions.k8s.io/customresourcedefinitions',
  });
  const definition = {
    metadata: { name: 'never.webhook.example.com', labels: { about: 'definitions' } },
    spec: {
      group: 'webhook.example.com',
      scope: 'Namespaced',
      names: { plural: 'never', kind: 'Never' },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  };
  const { json: status } = await tried(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    definition,
    isRefused,
  );
  assert.match(status.message, /"definitions-0\.k8s\.io" denied the request: this is not allowed here/);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook
test('a webhook that cannot be reached refuses everything where it closes when it fails', async () => {
  await configure('validating', 'closed', {
    path: '/allow',
    resource: '/configmaps',
    // A server that nobody can reach, since the authority is not its own.
    extra: { clientConfig: { url: 'https://127.0.0.1:1/allow' }, failurePolicy: 'Fail' },
  });
  const { json: status } = await tried(configMaps, map('closed', 'closed'), isRefused);
  assert.equal(status.code, 500);
  assert.match(status.message, /failed calling webhook "closed-0\.k8s\.io"/);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps
test('webhooks complete ConfigMaps one after the other, but not those that a condition leaves out', async () => {
  const extra = { matchConditions: [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }] };
  await configure(
    'mutating',
    'maps',
    { path: '/mark', resource: '/configmaps', extra },
    { path: '/mark', resource: '/configmaps', extra },
  );
  const start = { 'mutation-start': 'yes' };
  const marked = await tried(
    configMaps,
    map('marked', 'maps', start),
    (answer) => answer.json.data['mutation-stage-2'] === 'yes',
  );
  assert.deepEqual(marked.json.data, { ...start, 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
  const skipped = await shared.ask(201, 'POST', configMaps, map('skip-me', 'maps', start));
  assert.deepEqual(skipped.data, start);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation
test('what a webhook adds to a pod gets its defaults', async () => {
  await configure('mutating', 'pods', { path: '/initContainer', resource: '/pods' });
  const pod = {
    metadata: { name: 'completed', labels: { about: 'pods' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const { json: made } = await tried(pods, pod, (answer) => answer.json.spec?.initContainers?.length === 1);
  const [added] = made.spec.initContainers;
  assert.equal(added.name, 'added');
  assert.equal(added.terminationMessagePolicy, 'File');
  assert.equal(added.terminationMessagePath, '/dev/termination-log');
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects
test('no webhook changes or keeps the configurations of webhooks', async () => {
  const resource = 'admissionregistration.k8s.io/*';
  await configure('validating', 'guard', {
    path: '/deny',
    resource,
    operations: ['DELETE'],
    extra: { objectSelector: {} },
  });
  await configure('mutating', 'guard', { path: '/label', resource, extra: { objectSelector: {} } });
  // That both are known shows at what they may touch.
  await configure('validating', 'guarded', { path: '/deny', resource: '/configmaps' });
  await tried(configMaps, map('guarded', 'guarded'), isRefused);
  for (const kind of ['validating', 'mutating'] as const) {
    await shared.ask(201, 'POST', pathOf(kind), {
      metadata: { name: 'dummy' },
      webhooks: [hookOf('dummy', { path: '/allow', resource: '/configmaps' })],
    });
    const made = await shared.ask(200, 'GET', pathOf(kind, 'dummy'));
    assert.equal(made.metadata.labels, undefined);
    await shared.ask(200, 'DELETE', pathOf(kind, 'dummy'));
    await shared.ask(200, 'DELETE', pathOf(kind, 'guard'));
  }
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout
test('a webhook that is slow is waited for as long as its timeout says', async () => {
  const slow = (extra: object): Hook => ({ path: '/never', resource: '/configmaps', extra });
  await configure('validating', 'slow', slow({ timeoutSeconds: 1, failurePolicy: 'Fail' }));
  const { json: status } = await tried(configMaps, map('slow', 'slow'), isRefused);
  assert.match(status.message, /failed calling webhook "slow-0\.k8s\.io".*context deadline exceeded/);
  const ignore = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
  await shared.ask(200, 'PATCH', pathOf('validating', 'slow'), ignore, json);
  await tried(configMaps, map('slow', 'slow'), isMade);
  // Without a number the default of ten seconds holds.
  const unset = [{ op: 'remove', path: '/webhooks/0/timeoutSeconds' }];
  const { webhooks } = await shared.ask(200, 'PATCH', pathOf('validating', 'slow'), unset, json);
  assert.equal(webhooks[0].timeoutSeconds, 10);
  const counted = await shared.server.metrics.metrics();
  const told = (name: string, ...labels: string[]): number => {
    const line = counted
      .split('\n')
      .find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const hook = 'apiserver_admission_webhook';
  assert.ok(
    told(`${hook}_rejection_count`, 'name="slow-0.k8s.io"', 'error_type="calling_webhook_error"') >= 1,
  );
  assert.ok(told(`${hook}_fail_open_count`, 'name="slow-0.k8s.io"') >= 1);
  // Two times a second and more, and neither is the server's own.
  const creations = ['verb="POST"', 'resource="configmaps"'];
  const whole = told('apiserver_request_duration_seconds_sum', ...creations);
  const own = told('apiserver_request_sli_duration_seconds_sum', ...creations);
  assert.ok(whole - own >= 1.9, `${own} s of ${whole} s are the server's`);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work
test('a webhook is asked about other operations as soon as its configuration says so', async () => {
  const bad = { 'webhook-e2e-test': 'webhook-disallow' };
  await configure('validating', 'rules', { path: '/deny-marked', resource: '/configmaps' });
  await tried(configMaps, map('rules', 'rules', bad), isRefused);
  const configuration = await shared.ask(200, 'GET', pathOf('validating', 'rules'));
  configuration.webhooks[0].rules[0].operations = ['UPDATE'];
  await shared.ask(200, 'PUT', pathOf('validating', 'rules'), configuration);
  await tried(configMaps, map('rules', 'rules', bad), isMade);
  const back = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
  await shared.ask(200, 'PATCH', pathOf('validating', 'rules'), back, json);
  await tried(configMaps, map('rules', 'rules', bad), isRefused);
  const start = { 'mutation-start': 'yes' };
  const isMarked = (answer: Answer): boolean => answer.json.data?.['mutation-stage-1'] === 'yes';
  await configure('mutating', 'marks', { path: '/mark', resource: '/configmaps' });
  await tried(configMaps, map('marks', 'marks', start), isMarked);
  const mutating = await shared.ask(200, 'GET', pathOf('mutating', 'marks'));
  mutating.webhooks[0].rules[0].operations = ['UPDATE'];
  await shared.ask(200, 'PUT', pathOf('mutating', 'marks'), mutating);
  await tried(configMaps, map('marks', 'marks', start), (answer) => !isMarked(answer));
  await shared.ask(200, 'PATCH', pathOf('mutating', 'marks'), back, json);
  await tried(configMaps, map('marks', 'marks', start), isMarked);
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work
test('configurations are listed by label and deleted together, after which nobody is asked', async () => {
  const bad = { 'webhook-e2e-test': 'webhook-disallow' };
  const start = { 'mutation-start': 'yes' };
  const labels = { listed: 'yes' };
  for (const [kind, path] of [
    ['validating', '/deny-marked'],
    ['mutating', '/mark'],
  ] as const) {
    for (const i of [0, 1])
      await shared.ask(201, 'POST', pathOf(kind), {
        metadata: { name: `listed-${i}`, labels },
        webhooks: [hookOf('listed', { path, resource: '/configmaps' }, i)],
      });
    const { items } = await shared.ask(200, 'GET', `${pathOf(kind)}?labelSelector=listed%3Dyes`);
    assert.equal(items.length, 2);
    const body = map('listed', 'listed', kind === 'validating' ? bad : start);
    const acts = (answer: Answer): boolean =>
      kind === 'validating' ? isRefused(answer) : answer.json.data?.['mutation-stage-2'] === 'yes';
    await tried(configMaps, body, acts);
    await shared.ask(200, 'DELETE', `${pathOf(kind)}?labelSelector=listed%3Dyes`);
    await tried(configMaps, body, (answer) => isMade(answer) && Object.keys(answer.json.data).length === 1);
  }
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions
// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions
test('match conditions are kept when they are made and changed, and refused when they do not compile', async () => {
  const condition = { name: 'expression-1', expression: "object.metadata.namespace == 'production'" };
  for (const kind of ['validating', 'mutating'] as const) {
    const hook = { path: '/allow', resource: '/configmaps', extra: { matchConditions: [condition] } };
    await configure(kind, 'conditions', hook);
    const made = await shared.ask(200, 'GET', pathOf(kind, 'conditions'));
    assert.deepEqual(made.webhooks[0].matchConditions, [condition]);
    const second = { name: 'expression-2', expression: "object.metadata.namespace == 'staging'" };
    const add = [{ op: 'add', path: '/webhooks/0/matchConditions/-', value: second }];
    const changed = await shared.ask(200, 'PATCH', pathOf(kind, 'conditions'), add, json);
    assert.deepEqual(changed.webhooks[0].matchConditions, [condition, second]);
    const broken = { name: 'invalid', expression: '... [] bad expression' };
    const extra = { matchConditions: [condition, broken] };
    const status = await shared.ask(422, 'POST', pathOf(kind), {
      metadata: { name: 'broken' },
      webhooks: [hookOf('broken', { ...hook, extra })],
    });
    assert.match(status.message, /compilation failed/);
    assert.equal(status.details.causes[0].field, 'webhooks[0].matchConditions[1].expression');
    await shared.ask(422, 'PATCH', pathOf(kind, 'conditions'), [{ ...add[0], value: broken }], json);
  }
});
