import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { passiveOffice } from '@timonier/client/office';
import { activeAs, FakeOffice } from './testing/fake-office.ts';
import { startApiServer, type TestServer, until } from './testing/harness.ts';
import { freePort, startEtcd } from './testing/real-etcd.ts';
import { StoreClient } from './storage/store-client.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function startActive(t: TestContext, endpoint: string): Promise<TestServer> {
  const store = new StoreClient({ endpoints: [endpoint] });
  await store.txn([], [{ requestPut: { key: '/timonier/office', value: '1@a' } }], []);
  store.close();
  const office = new FakeOffice(activeAs('1@a'));
  return startApiServer(t, { endpoint, office, internalPort: await freePort() });
}

function startPassive(t: TestContext, endpoint: string, { pki }: TestServer): Promise<TestServer> {
  const office = new FakeOffice(passiveOffice);
  return startApiServer(t, { endpoint, office, pki, waitUntilReady: false });
}

/** How often requests for ConfigMaps were answered, by verb and code. */
async function answered({ metrics }: TestServer): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const text = await metrics.getSingleMetricAsString('apiserver_request_total');
  for (const [, labels = '', value] of text.matchAll(/^apiserver_request_total\{(.*)\} (\d+)$/gm)) {
    if (!labels.includes('resource="configmaps"')) continue;
    const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    counts[`${label('verb')} ${label('code')}`] = Number(value);
  }
  return counts;
}

test('a passive server is its own client before others are, and nothing of it is stored', async (t) => {
  const { endpoint } = await startEtcd(t);
  const active = await startActive(t, endpoint);
  const passive = await startPassive(t, endpoint, active);
  await until(async () => (await answered(passive))['POST 201'] === 32, 'it has rehearsed');
  assert.deepEqual(await answered(passive), { 'LIST 200': 32, 'POST 201': 32 });
  const names = (await active.request('GET', configMaps)).json.items.map(
    ({ metadata }: { metadata: { name: string } }) => metadata.name,
  );
  assert.ok(!names.includes('rehearsal'), String(names));
  assert.deepEqual(await answered(active), { 'LIST 200': 1 }, 'the active one rehearses nothing');
});

test('where webhooks would hear of a dry run a rehearsal only reads', async (t) => {
  const { endpoint } = await startEtcd(t);
  const active = await startActive(t, endpoint);
  const webhooks = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const { status } = await active.request('POST', webhooks, {
    metadata: { name: 'somebody' },
    webhooks: [
      {
        name: 'somebody.example.com',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['*'] }],
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  assert.equal(status, 201);
  const passive = await startPassive(t, endpoint, active);
  await until(async () => (await answered(passive))['LIST 200'] === 32, 'it has rehearsed');
  assert.deepEqual(await answered(passive), { 'LIST 200': 32 });
});
