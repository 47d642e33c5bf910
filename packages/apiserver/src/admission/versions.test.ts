/** Who asks for one version of an object hears of it in whatever version it comes, and sees it as they know it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startAdmissionHook } from '../testing/admission-hook.ts';
import { type Answer, startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const group = 'example.com';
const at = (version: string): string => `/apis/${group}/${version}/namespaces/default/widgets`;
const widget = (version: string, name: string, spec: object): object => ({
  apiVersion: `${group}/${version}`,
  kind: 'Widget',
  metadata: { name },
  spec,
});
/** What the size of a widget is called in each version. */
const sizeIn: Readonly<Record<string, string>> = { v1: 'size', v1alpha1: 'count' };

interface Widget {
  readonly apiVersion: string;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A program that converts widgets. */
async function startConverter(t: TestContext, server: TestServer): Promise<object> {
  const { certificateFile, keyFile } = server.pki.files('apiserver');
  const program = createServer({ cert: await readFile(certificateFile), key: await readFile(keyFile) });
  program.on('request', (request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      const { request: asked } = JSON.parse(Buffer.concat(chunks).toString()) as {
        request: { uid: string; desiredAPIVersion: string; objects: Widget[] };
      };
      const convertedObjects = asked.objects.map((object) => {
        const [from = '', to = ''] = [object.apiVersion, asked.desiredAPIVersion].map(
          (version) => sizeIn[version.split('/')[1] ?? ''],
        );
        const { [from]: size, ...spec } = object.spec ?? {};
        const moved = size === undefined ? spec : { ...spec, [to]: size };
        return { ...object, apiVersion: asked.desiredAPIVersion, spec: moved };
      });
      const answer = { uid: asked.uid, result: { status: 'Success' }, convertedObjects };
      response.end(
        JSON.stringify({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response: answer }),
      );
    });
  });
  t.after(() => {
    program.close();
    program.closeAllConnections();
  });
  await once(program.listen(0, '127.0.0.1'), 'listening');
  const caBundle = (await readFile(server.pki.caFile)).toString('base64');
  const url = `https://127.0.0.1:${(program.address() as AddressInfo).port}/convert`;
  return { clientConfig: { url, caBundle }, conversionReviewVersions: ['v1'] };
}

async function made(server: TestServer, path: string, body: object): Promise<void> {
  const { status, json } = await server.request('POST', path, body);
  assert.equal(status, 201, JSON.stringify(json));
}

async function serverWithWidgets(t: TestContext, converts: boolean): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await made(server, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: ['v1', 'v1alpha1'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        schema: { openAPIV3Schema },
      })),
      ...(converts ? { conversion: { strategy: 'Webhook', webhook: await startConverter(t, server) } } : {}),
    },
  });
  await until(async () => (await server.request('GET', at('v1alpha1'))).status === 200, 'widgets are served');
  return server;
}

const rules = (resource: string, apiGroup: string, version: string): readonly object[] => [
  { apiGroups: [apiGroup], apiVersions: [version], operations: ['CREATE', 'UPDATE'], resources: [resource] },
];

async function validate(
  server: TestServer,
  matchConstraints: object,
  validation: Readonly<Record<string, string>>,
): Promise<void> {
  const name = 'guard';
  await made(server, `${registration}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints, validations: [validation] },
  });
  await made(server, `${registration}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
}

async function answered(server: TestServer, path: string, body: object, status: number): Promise<Answer> {
  let answer: Answer | undefined;
  await until(async () => {
    answer = await server.request('POST', `${path}?dryRun=All`, body);
    return answer.status === status;
  }, `the answer ${status}`);
  assert.ok(answer);
  return answer;
}

test('a policy on one version of a custom kind judges what comes in another, converted', async (t) => {
  const server = await serverWithWidgets(t, true);
  await validate(
    server,
    { resourceRules: rules('widgets', group, 'v1') },
    {
      expression: 'object.spec.size <= 3',
      messageExpression:
        "'too large in ' + string(request.kind.version) + ', sent in ' + string(request.requestKind.version)",
    },
  );
  const denied = await answered(server, at('v1alpha1'), widget('v1alpha1', 'a', { count: 4 }), 422);
  assert.match(denied.json.message, /too large in v1, sent in v1alpha1$/);
  await answered(server, at('v1alpha1'), widget('v1alpha1', 'a', { count: 3 }), 201);
  await answered(server, at('v1'), widget('v1', 'a', { size: 4 }), 422);
});

test('a policy that asks for exactly one version is not about the others', async (t) => {
  const server = await serverWithWidgets(t, false);
  await validate(
    server,
    { resourceRules: rules('widgets', group, 'v1'), matchPolicy: 'Exact' },
    { expression: 'false' },
  );
  await answered(server, at('v1'), widget('v1', 'a', {}), 422);
  await answered(server, at('v1alpha1'), widget('v1alpha1', 'a', {}), 201);
});

test('a rule for a version that is not served is about nothing', async (t) => {
  const server = await serverWithWidgets(t, false);
  await validate(
    server,
    { resourceRules: [...rules('widgets', group, 'v9'), ...rules('secrets', '', 'v1')] },
    { expression: 'false' },
  );
  await answered(server, '/api/v1/namespaces/default/secrets', { metadata: { name: 's' } }, 422);
  await answered(server, at('v1'), widget('v1', 'a', {}), 201);
});

test('a policy on events of one group, or on one version of autoscalers, judges those of the other', async (t) => {
  const server = await serverWithWidgets(t, false);
  await validate(
    server,
    {
      resourceRules: [
        ...rules('events', 'events.k8s.io', 'v1'),
        ...rules('horizontalpodautoscalers', 'autoscaling', 'v2'),
      ],
    },
    {
      expression:
        "has(object.note) ? object.note != 'bad' : !has(object.spec) || size(object.spec.metrics) == 0",
      messageExpression: "'seen as ' + string(object.apiVersion)",
    },
  );
  const event = {
    metadata: { name: 'e' },
    involvedObject: { namespace: 'default', name: 'x' },
    message: 'bad',
  };
  const denied = await answered(server, '/api/v1/namespaces/default/events', event, 422);
  assert.match(denied.json.message, /seen as events\.k8s\.io\/v1$/);
  const autoscaler = {
    metadata: { name: 'h' },
    spec: {
      maxReplicas: 2,
      scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
      targetCPUUtilizationPercentage: 50,
    },
  };
  const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
  const refused = await answered(server, path, autoscaler, 422);
  assert.match(refused.json.message, /seen as autoscaling\/v2$/);
});

test('a webhook sees the version that it asks for, and its patch is carried out in the version that was sent', async (t) => {
  const server = await serverWithWidgets(t, true);
  const hook = await startAdmissionHook(t, server, () => ({
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify([{ op: 'replace', path: '/spec/size', value: 7 }])).toString('base64'),
  }));
  await made(server, `${registration}/mutatingwebhookconfigurations`, {
    metadata: { name: 'sizes' },
    webhooks: [
      {
        name: 'sizes.example.com',
        clientConfig: { url: hook.url, caBundle: hook.caBundle },
        rules: rules('widgets', group, 'v1'),
        matchConditions: [{ name: 'sized', expression: 'has(object.spec.size)' }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  let answer: Answer | undefined;
  await until(async () => {
    const body = widget('v1alpha1', 'a', { count: 1 });
    answer = await server.request('POST', `${at('v1alpha1')}?dryRun=All`, body);
    return answer.json.spec?.count === 7;
  }, 'the webhook is asked');
  assert.equal(answer?.json.apiVersion, `${group}/v1alpha1`);
  const { kind, requestKind } = hook.reviews[0]?.request ?? {};
  assert.deepEqual([kind?.version, requestKind?.version], ['v1', 'v1alpha1']);
});

test('a mutating policy changes what comes in another version', async (t) => {
  const server = await serverWithWidgets(t, true);
  await made(server, `${registration}/mutatingadmissionpolicies`, {
    metadata: { name: 'sizes' },
    spec: {
      reinvocationPolicy: 'Never',
      matchConstraints: { resourceRules: rules('widgets', group, 'v1') },
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: "[JSONPatch{op: 'replace', path: '/spec/size', value: object.spec.size + 1}]",
          },
        },
      ],
    },
  });
  await made(server, `${registration}/mutatingadmissionpolicybindings`, {
    metadata: { name: 'sizes' },
    spec: { policyName: 'sizes' },
  });
  await until(async () => {
    const body = widget('v1alpha1', 'a', { count: 1 });
    const { json } = await server.request('POST', `${at('v1alpha1')}?dryRun=All`, body);
    return json.spec?.count === 2;
  }, 'the policy counts');
});
