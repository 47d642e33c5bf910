import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseAuditPolicy } from '../../audit/policy.ts';
import { type AdmissionHook, startAdmissionHook } from '../../testing/admission-hook.ts';
import { type Answer, startApiServer, type TestServer, until } from '../../testing/harness.ts';
import { startEtcd } from '../../testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function configure(
  server: TestServer,
  kind: string,
  hook: AdmissionHook,
  extra: object = {},
): Promise<void> {
  const plural = `${kind.toLowerCase()}webhookconfigurations`;
  const { status, json } = await server.request('POST', `/apis/admissionregistration.k8s.io/v1/${plural}`, {
    metadata: { name: 'test' },
    webhooks: [
      {
        name: 'check.example.com',
        clientConfig: { url: hook.url, caBundle: hook.caBundle },
        rules: [
          {
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['configmaps'],
          },
        ],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...extra,
      },
    ],
  });
  assert.equal(status, 201, JSON.stringify(json));
}

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

/** Creates under new names until the configuration, which takes a moment to be known, shows. */
async function createdUntil(server: TestServer, isSo: (answer: Answer) => boolean): Promise<Answer> {
  let answer: Answer | undefined;
  let turn = 0;
  await until(async () => {
    answer = await server.request('POST', configMaps, {
      metadata: { name: `map-${turn++}` },
      data: { a: '1' },
    });
    return isSo(answer);
  }, 'the webhook is asked');
  assert.ok(answer);
  return answer;
}

test('a mutating webhook completes what is written, and sees who writes what', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, () => ({
    allowed: true,
    warnings: ['completed'],
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify([{ op: 'add', path: '/data/added', value: 'yes' }])).toString('base64'),
  }));
  await configure(server, 'Mutating', hook);
  const answer = await createdUntil(server, ({ json }) => json.data?.added === 'yes');
  assert.equal(answer.status, 201);
  assert.match(String(answer.headers['warning']), /completed/);
  const review = hook.reviews.at(-1);
  assert.equal(review?.request.operation, 'CREATE');
  assert.equal(review?.request.userInfo.username, 'kubernetes-admin');
  assert.equal(review?.request.object.data?.['a'], '1');
  const updated = await server.request(
    'PATCH',
    `${configMaps}/${answer.json.metadata.name}`,
    { data: { added: null } },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  );
  assert.equal(updated.json.data.added, 'yes');
  assert.equal(hook.reviews.at(-1)?.request.oldObject?.metadata.name, answer.json.metadata.name);
});

test('a validating webhook refuses in its own words, and nothing is written', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, ({ request }) =>
    request.operation === 'DELETE' || request.object.data?.['a'] === '1'
      ? { allowed: false, status: { message: 'not like this', code: 418 } }
      : { allowed: true },
  );
  await configure(server, 'Validating', hook);
  const answer = await createdUntil(server, ({ status }) => status !== 201);
  assert.equal(answer.status, 418);
  assert.equal(
    answer.json.message,
    'admission webhook "check.example.com" denied the request: not like this',
  );
  const good = await server.request('POST', configMaps, { metadata: { name: 'good' }, data: { a: '2' } });
  assert.equal(good.status, 201);
  assert.equal((await server.request('DELETE', `${configMaps}/good`)).status, 418);
  assert.equal((await server.request('GET', `${configMaps}/good`)).status, 200);
});

test('a webhook that does not answer refuses or is passed over, as its failure policy says', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, () => undefined);
  await configure(server, 'Validating', hook, { timeoutSeconds: 1 });
  const refused = await createdUntil(server, ({ status }) => status !== 201);
  assert.equal(refused.status, 500);
  assert.match(
    refused.json.message,
    /failed calling webhook "check.example.com": .*context deadline exceeded/,
  );
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/test';
  const patch = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
  const { status } = await server.request('PATCH', path, patch, {
    headers: { 'content-type': 'application/json-patch+json' },
  });
  assert.equal(status, 200);
  await createdUntil(server, (answer) => answer.status === 201);
});

test('selectors and conditions say what a webhook is about, and side effects keep it from dry runs', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, () => ({ allowed: false }));
  await configure(server, 'Validating', hook, {
    objectSelector: { matchLabels: { checked: 'yes' } },
    matchConditions: [{ name: 'large', expression: 'size(object.data) > 1' }],
    sideEffects: 'NoneOnDryRun',
  });
  const create = (name: string, labels: object, data: object, query = ''): Promise<Answer> =>
    server.request('POST', `${configMaps}${query}`, { metadata: { name, labels }, data });
  await until(
    async () => (await create('p', { checked: 'yes' }, { a: '1', b: '2' }, '?dryRun=All')).status === 400,
    'the webhook is asked',
  );
  assert.match(
    (await create('p', { checked: 'yes' }, { a: '1', b: '2' })).json.message,
    /denied the request without explanation/,
  );
  assert.equal((await create('q', {}, { a: '1', b: '2' })).status, 201);
  assert.equal((await create('r', { checked: 'yes' }, { a: '1' })).status, 201);
});

test('a webhook that would change what is deleted refuses the deletion', async (t) => {
  const server = await serverFor(t);
  const hook = await startAdmissionHook(t, server, ({ request }) => ({
    allowed: true,
    ...(request.operation === 'DELETE' && {
      patchType: 'JSONPatch',
      patch: Buffer.from('[{"op":"add","path":"/data","value":{}}]').toString('base64'),
    }),
  }));
  await configure(server, 'Mutating', hook);
  const created = await createdUntil(server, () => hook.reviews.length > 0);
  const refused = await server.request('DELETE', `${configMaps}/${created.json.metadata.name}`);
  assert.equal(refused.status, 500);
  assert.equal(
    refused.json.message,
    'Internal error occurred: admission webhook "check.example.com" attempted to modify the object, which is not supported for this operation',
  );
});

test('the audit log tells the patches that were applied, and no others', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-webhooks-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'audit.log');
  const file = { path, maxBytes: 2 ** 30, maxBackups: 0, maxAgeDays: 0, bufferSize: 10_000 };
  const policy = parseAuditPolicy(
    "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Request, verbs: [create], resources: [{group: '', resources: [configmaps]}]}]}",
  );
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint, audit: { policy, file } });
  const hook = await startAdmissionHook(t, server, ({ request }) => ({
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(
      request.object.metadata.name === 'as-it-is' ? '[]' : '[{"op":"add","path":"/data/b","value":"2"}]',
    ).toString('base64'),
  }));
  await configure(server, 'Mutating', hook);
  await createdUntil(server, ({ json }) => json.data?.b === '2');
  for (const name of ['as-it-is', 'changed'])
    assert.equal(
      (await server.request('POST', configMaps, { metadata: { name }, data: { a: '1' } })).status,
      201,
    );
  const annotationsOf = async (name: string): Promise<Record<string, string> | undefined> =>
    (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .find(({ stage, objectRef }) => stage === 'ResponseComplete' && objectRef?.name === name)?.annotations;
  await until(async () => (await annotationsOf('changed')) !== undefined, 'it is recorded');
  const patch = 'patch.webhook.admission.k8s.io/round_0_index_0';
  const mutation = 'mutation.webhook.admission.k8s.io/round_0_index_0';
  const [left = {}, changed = {}] = [await annotationsOf('as-it-is'), await annotationsOf('changed')];
  assert.match(left[mutation] ?? '', /"mutated":false/);
  assert.equal(left[patch], undefined);
  assert.match(changed[mutation] ?? '', /"mutated":true/);
  assert.match(changed[patch] ?? '', /"path":"\/data\/b"/);
});
