import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { StoreClient } from '../storage/store-client.ts';
import { startWebhookService } from '../testing/webhook-service.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const patch = { headers: { 'content-type': 'application/merge-patch+json' } };

const version = (name: string, storage = true, served = true): object => ({
  name,
  served,
  storage,
  schema: { openAPIV3Schema: open },
});

function definition(plural: string, { group = 'x.io', ...spec }: Record<string, unknown> = {}): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${String(group)}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, of a test' },
    },
    spec: {
      group,
      scope: 'Cluster',
      names: { plural, kind: `Kind${plural}`, singular: plural },
      versions: [version('v1')],
      ...spec,
    },
  };
}

async function define(server: TestServer, wanted: object): Promise<void> {
  const created = await server.request('POST', definitions, wanted);
  assert.equal(created.status, 201, created.body.toString());
  const { name } = created.json.metadata;
  await until(async () => {
    const { json } = await server.request('GET', `${definitions}/${name}`);
    return json.status?.conditions?.some(
      (one: { type: string; status: string }) => one.type === 'Established' && one.status === 'True',
    );
  }, `${name} is established`);
}

async function gone(server: TestServer, name: string): Promise<void> {
  await until(
    async () => (await server.request('GET', `${definitions}/${name}`)).status === 404,
    `${name} is gone`,
  );
}

const object = (plural: string, name: string, apiVersion = 'x.io/v1'): object => ({
  apiVersion,
  kind: `Kind${plural}`,
  metadata: { name },
});

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

test('a definition none of whose versions is served takes its objects with it', async (t) => {
  const server = await serverFor(t);
  await define(server, definition('things'));
  await server.request('POST', '/apis/x.io/v1/things', object('things', 'left'));
  const { json } = await server.request('GET', `${definitions}/things.x.io`);
  json.spec.versions[0].served = false;
  assert.equal((await server.request('PUT', `${definitions}/things.x.io`, json)).status, 200);
  await server.request('DELETE', `${definitions}/things.x.io`);
  await gone(server, 'things.x.io');
  await define(server, definition('things'));
  const { json: found } = await server.request('GET', '/apis/x.io/v1/things');
  assert.deepEqual(found.items, []);
});

test('a definition goes although the webhooks that convert and judge its objects went before it', async (t) => {
  const server = await serverFor(t);
  const nobody = 'https://localhost:1/';
  const conversion = {
    strategy: 'Webhook',
    webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: nobody } },
  };
  const versions = [version('v1', false), version('v2')];
  await define(server, definition('things', { versions, conversion }));
  const made = await server.request('POST', '/apis/x.io/v2/things', object('things', 'one', 'x.io/v2'));
  assert.equal(made.status, 201, made.body.toString());
  assert.equal((await server.request('GET', '/apis/x.io/v1/things/one')).status, 500, 'nobody converts it');
  const hook = {
    name: 'deletions.x.io',
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    clientConfig: { url: nobody },
    rules: [{ apiGroups: ['x.io'], apiVersions: ['*'], operations: ['DELETE'], resources: ['things'] }],
  };
  await server.request('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
    metadata: { name: 'things' },
    webhooks: [hook],
  });
  await until(
    async () => (await server.request('DELETE', '/apis/x.io/v2/things/one?dryRun=All')).status === 500,
    'the webhook counts',
  );
  await server.request('DELETE', `${definitions}/things.x.io`);
  await gone(server, 'things.x.io');
});

test('a definition is held by an object that nobody can read, and says for how many it waits', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  await define(server, definition('things'));
  const key = '/registry/x.io/things/broken';
  await store.txn([], [{ requestPut: { key, value: Buffer.from('nothing that was ever written') } }], []);
  await server.request('DELETE', `${definitions}/things.x.io`);
  await until(async () => {
    const { json } = await server.request('GET', `${definitions}/things.x.io`);
    const end = json.status.conditions.find((one: { type: string }) => one.type === 'Terminating');
    return end?.message === 'CustomResource deletion is in progress: 1 left';
  }, 'the definition waits');
  await store.txn([], [{ requestDeleteRange: { key } }], []);
  await gone(server, 'things.x.io');
});

test('where a definition meets a built-in kind in the store, it serves nothing and takes nothing with it', async (t) => {
  const server = await serverFor(t);
  const services = '/apis/apiregistration.k8s.io/v1/apiservices';
  const own = {
    metadata: { name: 'v1.kept.example.com' },
    spec: {
      group: 'kept.example.com',
      version: 'v1',
      groupPriorityMinimum: 1,
      versionPriority: 1,
      service: { namespace: 'default', name: 'none' },
    },
  };
  assert.equal((await server.request('POST', services, own)).status, 201);
  const kept = (await server.request('GET', `${services}/v1.kept.example.com`)).json.metadata;
  const group = 'apiregistration.k8s.io';
  await define(server, definition('apiservices', { group, versions: [version('v2')] }));
  const other = 'apiextensions.k8s.io';
  await define(server, definition('customresourcedefinitions', { group: other, versions: [version('v2')] }));
  for (const path of [`${group}/v2/apiservices`, `${other}/v2/customresourcedefinitions`])
    assert.equal((await server.request('GET', `/apis/${path}`)).status, 404, path);
  for (const name of [`apiservices.${group}`, `customresourcedefinitions.${other}`]) {
    await server.request('DELETE', `${definitions}/${name}`);
    await gone(server, name);
  }
  const { json } = await server.request('GET', `${services}/v1.kept.example.com`);
  assert.equal(json.metadata?.uid, kept.uid);
  // Definitions are still followed.
  await define(server, definition('others'));
  assert.equal((await server.request('GET', '/apis/x.io/v1/others')).status, 200);
});

/** A creation that waits for a webhook's answer until `answer` is called. */
async function creationUnderWay(
  t: TestContext,
  server: TestServer,
): Promise<{ readonly answer: () => void; readonly creating: ReturnType<TestServer['request']> }> {
  const { pki, directory } = server;
  const hook = await startWebhookService(t, { pki, directory, name: 'slow' });
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  hook.answer = async ({ request }) => {
    if (request.dryRun !== true) {
      asked.resolve();
      await answered.promise;
    }
    return {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: request.uid, allowed: true },
    };
  };
  await define(server, definition('things'));
  const caBundle = (await readFile(pki.caFile)).toString('base64');
  await server.request('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
    metadata: { name: 'slow' },
    webhooks: [
      {
        name: 'slow.x.io',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        timeoutSeconds: 30,
        clientConfig: { url: hook.url.replace('/ask', '/hook'), caBundle },
        rules: [{ apiGroups: ['x.io'], apiVersions: ['*'], operations: ['CREATE'], resources: ['things'] }],
      },
    ],
  });
  await until(async () => {
    await server.request('POST', '/apis/x.io/v1/things?dryRun=All', object('things', 'rehearsed'));
    return hook.asked.length > 0;
  }, 'the webhook is asked');
  const creating = server.request('POST', '/apis/x.io/v1/things', object('things', 'late'));
  await asked.promise;
  return { answer: () => answered.resolve(), creating };
}

test('what is still asked about when its definition goes is not created behind it', async (t) => {
  const server = await serverFor(t);
  const { answer, creating } = await creationUnderWay(t, server);
  await server.request('DELETE', `${definitions}/things.x.io`);
  await gone(server, 'things.x.io');
  answer();
  const late = await creating;
  assert.equal(late.status, 404, late.body.toString());
  await server.request(
    'DELETE',
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/slow',
  );
  await define(server, definition('things'));
  assert.deepEqual((await server.request('GET', '/apis/x.io/v1/things')).json.items, []);
});

test('of definitions that want the same kind one gets it', async (t) => {
  const server = await serverFor(t);
  const plurals = Array.from({ length: 8 }, (_, i) => `things${i}`);
  const names = { kind: 'Thing', listKind: 'ThingList' };
  await Promise.all(
    plurals.map((plural) =>
      server.request(
        'POST',
        definitions,
        definition(plural, { names: { plural, singular: plural, ...names } }),
      ),
    ),
  );
  const verdicts = async (): Promise<(string | undefined)[]> =>
    Promise.all(
      plurals.map(async (plural) => {
        const { json } = await server.request('GET', `${definitions}/${plural}.x.io`);
        return json.status?.conditions?.find((one: { type: string }) => one.type === 'Established')?.status;
      }),
    );
  await until(async () => (await verdicts()).every((status) => status !== undefined), 'all are judged');
  assert.equal((await verdicts()).filter((status) => status === 'True').length, 1);
});

test('a watch ends when its kind is defined anew, and goes on over every other change of its definition', async (t) => {
  const server = await serverFor(t);
  const schema = (properties: object): object => ({
    openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
  });
  const a = { type: 'string' };
  const versions = [{ ...version('v1'), schema: schema({ a }) }];
  await define(server, definition('things', { versions }));
  const created = await server.request('POST', '/apis/x.io/v1/things', {
    ...object('things', 'one'),
    spec: { a: '0' },
  });
  const watched = (
    from: string,
  ): { seen: Record<string, string>[]; over: Promise<void>; stop: AbortController } => {
    const stop = new AbortController();
    t.after(() => stop.abort());
    const seen: Record<string, string>[] = [];
    const over = (async () => {
      const path = `/apis/x.io/v1/things?watch=1&resourceVersion=${from}`;
      for await (const { object: found } of server.watch(path, stop.signal)) seen.push(found.spec);
    })();
    return { seen, over, stop };
  };
  const first = watched(created.json.metadata.resourceVersion);
  await server.request('PATCH', `${definitions}/things.x.io`, '{"metadata":{"labels":{"l":"1"}}}', patch);
  await server.request('PATCH', '/apis/x.io/v1/things/one', '{"spec":{"a":"1"}}', patch);
  await until(() => Promise.resolve(first.seen.length === 1), 'the watch goes on over a label');
  const changed = { spec: { versions: [{ ...version('v1'), schema: schema({ a, b: a }) }] } };
  await server.request('PATCH', `${definitions}/things.x.io`, JSON.stringify(changed), patch);
  await first.over;
  const second = watched(created.json.metadata.resourceVersion);
  const both = '{"spec":{"a":"2","b":"2"}}';
  await server.request('PATCH', '/apis/x.io/v1/things/one', both, patch);
  await until(() => Promise.resolve(second.seen.length === 2), 'the second watch resumes');
  assert.deepEqual(second.seen[1], { a: '2', b: '2' });
  assert.deepEqual(first.seen, [{ a: '1' }], 'nothing was shown by the old schema any more');
  const unserved = { spec: { versions: [{ ...version('v1', true, false), schema: schema({ a, b: a }) }] } };
  await server.request('PATCH', `${definitions}/things.x.io`, JSON.stringify(unserved), patch);
  await second.over;
});

test('what was judged by one definition is not created under another of its name', async (t) => {
  const server = await serverFor(t);
  const { answer, creating } = await creationUnderWay(t, server);
  await server.request('DELETE', `${definitions}/things.x.io`);
  await gone(server, 'things.x.io');
  await define(server, definition('things'));
  answer();
  const late = await creating;
  assert.equal(late.status, 404, late.body.toString());
  assert.deepEqual((await server.request('GET', '/apis/x.io/v1/things')).json.items, []);
});
