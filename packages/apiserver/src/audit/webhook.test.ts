/** Audit events at a service outside: batches, bounds, and what admission tells; on a real server over HTTPS. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClusterPki } from '@timonier/pki';
import { startApiServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { startWebhookService } from '../testing/webhook-service.ts';
import { parseAuditPolicy } from './policy.ts';
import { AuditWebhook, type AuditWebhookOptions, truncated } from './webhook.ts';

const options: AuditWebhookOptions = {
  bufferSize: 100,
  maxBatchSize: 10,
  maxBatchWaitMs: 1,
  throttle: undefined,
  initialBackoffMs: 1,
  truncate: undefined,
};

interface Posted {
  readonly items: readonly { readonly id: number }[];
}

/** A service whose answers a test releases one by one. */
function scripted(fails: () => boolean = () => false) {
  const posted: Posted[] = [];
  const lost: [string, number][] = [];
  let release: (() => void)[] = [];
  const state = { isHeld: false };
  return {
    posted,
    lost,
    state,
    release: () => {
      for (const one of release) one();
      release = [];
    },
    parts: {
      client: {
        post: async (text: string) => {
          if (state.isHeld) await new Promise<void>((resolve) => release.push(resolve));
          if (fails()) throw new Error('down');
          posted.push(JSON.parse(text) as Posted);
        },
        close: () => undefined,
      },
      onLost: (plugin: string, events: number) => void lost.push([plugin, events]),
    },
  };
}

const line = (id: number): string => JSON.stringify({ id });

test('events go in batches that are neither too large nor too late, and none is lost while there is room', async () => {
  const service = scripted();
  const webhook = new AuditWebhook(options, service.parts);
  for (let i = 0; i < 25; i++) webhook.write(line(i));
  await until(() => service.posted.flatMap(({ items }) => items).length === 25, 'all have come');
  assert.ok(service.posted.every(({ items }) => items.length <= 10));
  assert.deepEqual(
    service.posted.flatMap(({ items }) => items.map(({ id }) => id)).toSorted((a, b) => a - b),
    Array.from({ length: 25 }, (_, i) => i),
  );
  await webhook.close();
  assert.deepEqual(service.lost, []);
});

test('a service that answers nothing costs no more memory than the buffer, and the rest is counted', async () => {
  const service = scripted();
  service.state.isHeld = true;
  const webhook = new AuditWebhook({ ...options, bufferSize: 20, maxBatchSize: 5 }, service.parts);
  for (let i = 0; i < 100; i++) webhook.write(line(i));
  assert.equal(service.lost.length, 80);
  assert.ok(service.lost.every(([plugin]) => plugin === 'buffered'));
  service.state.isHeld = false;
  service.release();
  await webhook.close();
  assert.equal(service.posted.flatMap(({ items }) => items).length, 20);
});

test('a batch is tried again, and given up after a few times', async () => {
  let failures = 0;
  const passing = scripted(() => failures++ < 3);
  const webhook = new AuditWebhook(options, passing.parts);
  webhook.write(line(1));
  await until(() => passing.posted.length === 1, 'it has come after all');
  assert.deepEqual(passing.lost, []);
  await webhook.close();
  const down = scripted(() => true);
  const hopeless = new AuditWebhook(options, down.parts);
  hopeless.write(line(1));
  hopeless.write(line(2));
  await until(() => down.lost.length > 0, 'it is given up');
  assert.deepEqual(down.lost, [['webhook', 2]]);
  await hopeless.close();
});

test('batches are throttled by the clock', async () => {
  let now = 0;
  const service = scripted();
  const throttle = { qps: 0.001, burst: 2 };
  const webhook = new AuditWebhook(
    { ...options, maxBatchSize: 1, throttle },
    { ...service.parts, now: () => now },
  );
  for (let i = 0; i < 5; i++) webhook.write(line(i));
  await until(() => service.posted.length === 2, 'the burst has gone');
  webhook.write(line(5));
  now += 1_000_000;
  webhook.write(line(6));
  await until(() => service.posted.length === 3, 'one more may go');
  // The end waits for no token.
  await webhook.close();
  assert.equal(service.posted.flatMap(({ items }) => items).length, 7);
});

test('an event that is too large goes without its objects, or not at all', () => {
  const large = JSON.stringify({ level: 'Request', requestObject: { data: 'x'.repeat(500) } });
  assert.equal(truncated(large, 1_000), large);
  assert.deepEqual(JSON.parse(truncated(large, 200) ?? ''), {
    level: 'Request',
    annotations: { 'audit.k8s.io/truncated': 'true' },
  });
  assert.equal(truncated(large, 20), undefined);
});

const policy = parseAuditPolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [system:apiserver]}
- level: Request
  resources: [{group: '', resources: [pods]}]
- {level: Metadata, resources: [{group: '', resources: [secrets]}]}
- {level: None}
`);

test('a service outside learns who failed to say who they are, and what admission did', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-audit-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
  const service = await startWebhookService(t, { pki, directory, name: 'audit' });
  const hook = await startWebhookService(t, { pki, directory, name: 'hook' });
  service.answer = () => ({});
  const server = await startApiServer(t, {
    endpoint: (await startEtcd(t)).endpoint,
    pki,
    directory,
    audit: { policy, webhook: { ...options, kubeconfig: service.kubeconfig } },
  });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  hook.answer = ({ request }) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from('[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]').toString('base64'),
      auditAnnotations: { seen: 'yes' },
    },
  });
  const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
  const webhook = (name: string, url: string, failurePolicy: string) => ({
    name,
    rules,
    failurePolicy,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    clientConfig: { url, caBundle: Buffer.from(ca).toString('base64') },
  });
  const ca = await readFile(pki.caFile, 'utf8');
  const admission = '/apis/admissionregistration.k8s.io/v1';
  const made = await server.request('POST', `${admission}/mutatingwebhookconfigurations`, {
    metadata: { name: 'labels' },
    webhooks: [
      webhook('away.example.com', 'https://127.0.0.1:1/', 'Ignore'),
      webhook('labels.example.com', hook.url.replace('/ask', '/review'), 'Fail'),
    ],
  });
  assert.equal(made.status, 201, made.body.toString());
  const judged = await server.request('POST', `${admission}/validatingadmissionpolicies`, {
    metadata: { name: 'few' },
    spec: {
      matchConstraints: { resourceRules: rules },
      validations: [{ expression: "object.metadata.name != 'p'", message: 'not p' }],
      auditAnnotations: [{ key: 'image', valueExpression: 'string(object.spec.containers[0].image)' }],
    },
  });
  assert.equal(judged.status, 201, judged.body.toString());
  const binding = await server.request('POST', `${admission}/validatingadmissionpolicybindings`, {
    metadata: { name: 'everywhere' },
    spec: { policyName: 'few', validationActions: ['Audit'] },
  });
  assert.equal(binding.status, 201, binding.body.toString());
  const labels = { 'pod-security.kubernetes.io/audit': 'restricted' };
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  await server.request('PATCH', '/api/v1/namespaces/default', { metadata: { labels } }, merge);
  await server.caughtUp();
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const created = await server.request('POST', '/api/v1/namespaces/default/pods', pod);
  assert.equal(created.status, 201, created.body.toString());
  const stranger = await server.requestWithout('GET', '/api/v1/secrets', { authorization: 'Bearer x' });
  assert.equal(stranger.status, 401);
  // oxlint-disable-next-line typescript/no-explicit-any
  const events = (): any[] => service.asked.flatMap(({ items }) => items);
  // oxlint-disable-next-line typescript/no-explicit-any
  const of = (answer: { headers: Readonly<Record<string, unknown>> }): any =>
    events().find(({ auditID }) => auditID === answer.headers['audit-id']);
  await until(() => of(created) !== undefined && of(stranger) !== undefined, 'the events have come');
  assert.equal(service.asked[0].kind, 'EventList');
  const refused = of(stranger);
  assert.deepEqual(
    { user: refused.user, stage: refused.stage, status: refused.responseStatus },
    {
      user: {},
      stage: 'ResponseStarted',
      status: {
        metadata: {},
        status: 'Failure',
        message: 'Authentication failed, attempted: bearer',
        code: 401,
      },
    },
  );
  const { annotations, objectRef, requestObject } = of(created);
  assert.equal(objectRef.name, 'p');
  assert.equal(requestObject.spec.containers[0].image, 'i');
  const who = { configuration: 'labels', webhook: 'labels.example.com' };
  assert.deepEqual(JSON.parse(annotations['mutation.webhook.admission.k8s.io/round_0_index_1']), {
    ...who,
    mutated: true,
  });
  const patch = JSON.parse(annotations['patch.webhook.admission.k8s.io/round_0_index_1']);
  assert.deepEqual(patch.patch, [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]);
  assert.equal(annotations['labels.example.com/seen'], 'yes');
  assert.equal(
    annotations['failed-open.mutation.webhook.admission.k8s.io/round_0_index_0'],
    'away.example.com',
  );
  assert.equal(annotations['pod-security.kubernetes.io/enforce-policy'], 'privileged:latest');
  assert.match(
    annotations['pod-security.kubernetes.io/audit-violations'],
    /^would violate PodSecurity "restricted:latest": /,
  );
  assert.equal(annotations['few/image'], 'i');
  assert.deepEqual(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure']), [
    {
      message: 'not p',
      policy: 'few',
      binding: 'everywhere',
      expressionIndex: 0,
      validationActions: ['Audit'],
    },
  ]);
});
