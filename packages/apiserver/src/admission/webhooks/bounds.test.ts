/** What webhooks cannot do, whatever they answer, and how often they are asked. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type AdmissionHook, type Review, startAdmissionHook } from '../../testing/admission-hook.ts';
import { startApiServer, type TestServer, until } from '../../testing/harness.ts';
import { startEtcd } from '../../testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const registration = '/apis/admissionregistration.k8s.io/v1';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

const patch = (...steps: readonly object[]): object => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(steps)).toString('base64'),
});

/** Has ConfigMaps that are labelled `hook` judged by a hook, and waits until it is asked. */
async function judge(
  server: TestServer,
  kind: 'mutating' | 'validating',
  hook: AdmissionHook,
  more: object = {},
): Promise<void> {
  const { status, json } = await server.request('POST', `${registration}/${kind}webhookconfigurations`, {
    metadata: { name: 'test' },
    webhooks: [
      {
        name: 'check.example.com',
        clientConfig: { url: hook.url, caBundle: hook.caBundle },
        rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  });
  assert.equal(status, 201, JSON.stringify(json));
  await until(async () => {
    await server.request('POST', `${configMaps}?dryRun=All`, { metadata: { name: 'probe' } });
    return hook.reviews.some(({ request }) => request.object?.metadata.name === 'probe');
  }, 'the webhook is asked');
}

test('a webhook says neither where an object is nor who owns it in a form that nobody can read', async (t) => {
  const server = await serverFor(t);
  await server.request('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
  const steps: Readonly<Record<string, object>> = {
    moved: { op: 'replace', path: '/metadata/namespace', value: 'other' },
    bare: { op: 'remove', path: '/metadata/namespace' },
    garbled: { op: 'add', path: '/metadata/managedFields', value: [{ manager: 'x', operation: 'Nope' }] },
  };
  const hook = await startAdmissionHook(t, server, ({ request }: Review) => {
    const step = steps[request.object.metadata.name];
    return step === undefined ? { allowed: true } : patch(step);
  });
  await judge(server, 'mutating', hook);
  const moved = await server.request('POST', configMaps, { metadata: { name: 'moved' } });
  assert.equal(moved.status, 400);
  assert.equal(
    moved.json.message,
    'the namespace of the provided object does not match the namespace sent on the request',
  );
  const { json } = await server.request('GET', '/api/v1/namespaces/other/configmaps');
  assert.deepEqual(json.items, []);
  const bare = await server.request('POST', configMaps, { metadata: { name: 'bare' } });
  assert.equal(bare.status, 201, JSON.stringify(bare.json));
  assert.equal(bare.json.metadata.namespace, 'default');
  const garbled = await server.request('POST', configMaps, {
    metadata: { name: 'garbled' },
    data: { a: 'b' },
  });
  assert.equal(garbled.status, 201, JSON.stringify(garbled.json));
  assert.equal(garbled.json.metadata.managedFields[0].operation, 'Update');
  assert.match(String(garbled.headers['warning']), /managedFields was in an invalid state after admission/);
  const again = await server.request('PATCH', `${configMaps}/bare`, { data: { a: 'b' } }, merge);
  assert.equal(again.status, 200, JSON.stringify(again.json));
  assert.equal(again.json.metadata.namespace, 'default');
});

test('webhooks together have the time that the client waits, and what is too late is not written', async (t) => {
  const server = await serverFor(t);
  // It never answers but to the probe.
  const hook = await startAdmissionHook(t, server, ({ request }: Review) =>
    request.object.metadata.name === 'probe' ? { allowed: true } : undefined,
  );
  await judge(server, 'validating', hook, { failurePolicy: 'Ignore', timeoutSeconds: 30 });
  const { status, json } = await server.request('POST', `${configMaps}?timeout=1s`, {
    metadata: { name: 'late' },
  });
  assert.equal(status, 504);
  assert.equal(json.message, 'Timeout: request did not complete within the allotted timeout');
  assert.equal((await server.request('GET', `${configMaps}/late`)).status, 404);
});

test('a webhook is asked once about a change that it refuses, and about one that changes nothing', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, ({ request }: Review) =>
    request.object?.data?.['a'] === 'bad' ? { allowed: false, status: { message: 'no' } } : { allowed: true },
  );
  await judge(server, 'validating', hook);
  await server.request('POST', configMaps, { metadata: { name: 'one' } });
  const asked = async (change: object, status: number): Promise<number> => {
    hook.reviews.length = 0;
    const answer = await server.request('PATCH', `${configMaps}/one`, change, merge);
    assert.equal(answer.status, status, JSON.stringify(answer.json));
    return hook.reviews.length;
  };
  assert.equal(await asked({ data: { a: 'bad' } }, 400), 1);
  assert.equal(await asked({ metadata: { name: 'one' } }, 200), 1);
  assert.equal(await asked({ data: { a: 'good' } }, 200), 1);
});

test('a patch that is none fails the call, which the failure policy is about', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, ({ request }: Review) =>
    request.object.metadata.name === 'probe'
      ? { allowed: true }
      : { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[1]').toString('base64') },
  );
  await judge(server, 'mutating', hook, { failurePolicy: 'Ignore' });
  const ignored = await server.request('POST', configMaps, { metadata: { name: 'a' } });
  assert.equal(ignored.status, 201, JSON.stringify(ignored.json));
});
