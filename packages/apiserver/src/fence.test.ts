import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StoreClient } from './storage/store-client.ts';
import { activeAs, FakeOffice } from './testing/fake-office.ts';
import { startApiServer, type TestServer, until } from './testing/harness.ts';
import { startEtcd } from './testing/real-etcd.ts';
import { passiveOffice } from '@timonier/client/office';

const configMaps = '/api/v1/namespaces/default/configmaps';

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
}

async function takeOffice(endpoint: string, token: string): Promise<void> {
  const store = new StoreClient({ endpoints: [endpoint] });
  await store.txn([], [{ requestPut: { key: '/timonier/office', value: token } }], []);
  store.close();
}

async function rejections(server: TestServer, stage: string): Promise<number> {
  const metric = await server.metrics.getSingleMetric('timonier_fence_rejections_total')?.get();
  return metric?.values.find(({ labels }) => labels['stage'] === stage)?.value ?? Number.NaN;
}

/** An active server whose fenced writes wait before their commit while the control file says so. */
async function heldServer(
  t: TestContext,
  mutation: Record<string, string>,
): Promise<{
  server: TestServer;
  office: FakeOffice;
  hold: () => Promise<void>;
  release: () => Promise<void>;
  endpoint: string;
}> {
  const { endpoint } = await startEtcd(t);
  await takeOffice(endpoint, '7@master-1');
  const office = new FakeOffice(activeAs('7@master-1'));
  const control = join(tmpdir(), `timonier-failpoints-${process.pid}-${Math.random()}`);
  const server = await startApiServer(t, {
    endpoint,
    office,
    env: { TIMONIER_FAILPOINTS: control, ...mutation },
  });
  t.after(async () => {
    await rm(control, { force: true });
    await rm(`${control}.held`, { force: true });
  });
  return {
    server,
    office,
    endpoint,
    hold: () => writeFile(control, 'hold-commit:system:kube-\n'),
    release: () => writeFile(control, ''),
  };
}

test('a control-plane write without the current office in its header stops at the gate', async (t) => {
  const { server } = await heldServer(t, {});
  for (const headers of [{}, { 'timonier-office': '6@master-2' }] as Record<string, string>[]) {
    const answer = await server.request('POST', configMaps, configMap('a'), {
      as: 'controller-manager',
      headers,
    });
    assert.equal(answer.status, 409);
    assert.equal(answer.json.reason, 'Conflict');
    assert.equal(answer.json.details.causes[0].reason, 'StaleEpoch');
  }
  assert.equal(await rejections(server, 'gate'), 2);
  const headers = { 'timonier-office': '7@master-1' };
  const answer = await server.request('POST', configMaps, configMap('a'), {
    as: 'controller-manager',
    headers,
  });
  assert.equal(answer.status, 201);
  assert.equal((await server.request('POST', configMaps, configMap('b'))).status, 201);
});

test('a write held between read and commit is refused when the office has moved meanwhile', async (t) => {
  const { server, hold, release, endpoint, office } = await heldServer(t, {});
  // The server's own writes would be refused and counted like the client's: these are its last.
  await until(async () => {
    const schemas = await server.request('GET', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas');
    const items = schemas.json.items as { status?: { conditions?: unknown[] } }[];
    return items.length > 10 && items.every(({ status }) => (status?.conditions ?? []).length > 0);
  }, 'the flow schemas are complete');
  await hold();
  const headers = { 'timonier-office': '7@master-1' };
  const pending = server.request('POST', configMaps, configMap('late'), {
    as: 'controller-manager',
    headers,
  });
  await until(() => server.api.heldWrites === 1, 'the write is held');
  await takeOffice(endpoint, '8@master-2');
  await release();
  const answer = await pending;
  assert.equal(answer.status, 409);
  assert.equal(answer.json.details.causes[0].reason, 'StaleEpoch');
  assert.equal(await rejections(server, 'commit'), 1);
  assert.equal((await server.request('GET', `${configMaps}/late`)).status, 404);
  // The server still believes in its office, but cannot commit anybody's write.
  assert.equal(office.holds(), true);
  const deposed = await server.request('POST', configMaps, configMap('other'));
  assert.equal(deposed.status, 503);
  assert.notEqual(deposed.headers['retry-after'], undefined);
});

test('without the comparison the same held write would be committed', async (t) => {
  const { server, hold, release, endpoint } = await heldServer(t, { TIMONIER_MUTATION: 'no-fence' });
  await hold();
  const headers = { 'timonier-office': '7@master-1' };
  const pending = server.request('POST', configMaps, configMap('late'), {
    as: 'controller-manager',
    headers,
  });
  await until(() => server.api.heldWrites === 1, 'the write is held');
  await takeOffice(endpoint, '8@master-2');
  await release();
  assert.equal((await pending).status, 201);
});

test('a passive server answers reads on its private socket and refuses writes with 503', async (t) => {
  const { endpoint } = await startEtcd(t);
  await takeOffice(endpoint, '7@master-1');
  const office = new FakeOffice(activeAs('7@master-1'));
  const server = await startApiServer(t, { endpoint, office });
  office.set({ ...passiveOffice, active: null });
  const files = server.pki.files('controller-manager');
  const ask = async (
    method: string,
    path: string,
  ): Promise<{ status: number; retryAfter: string | undefined }> => {
    const options = {
      socketPath: join(server.directory, 'apiserver.sock'),
      host: 'localhost',
      ca: await readFile(server.pki.caFile),
      cert: await readFile(files.certificateFile),
      key: await readFile(files.keyFile),
      method,
      path,
      agent: false as const,
    };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
      });
      sent.once('error', reject);
      sent.end();
    });
  };
  assert.equal((await ask('GET', '/api/v1/namespaces')).status, 200);
  const refused = await ask('DELETE', `${configMaps}/a`);
  assert.equal(refused.status, 503);
  assert.notEqual(refused.retryAfter, undefined);
});

/** Whose lease can be over before anybody was told. */
class LapsingOffice extends FakeOffice {
  isOver = false;

  override holds(): boolean {
    return !this.isOver && super.holds();
  }
}

test('who came by a port is not told of the past when the office is over before the connection is', async (t) => {
  const { endpoint } = await startEtcd(t);
  await takeOffice(endpoint, '7@master-1');
  const office = new LapsingOffice(activeAs('7@master-1'));
  const server = await startApiServer(t, { endpoint, office });
  const made = await server.request('POST', configMaps, configMap('a'));
  assert.equal(made.status, 201);
  office.isOver = true;
  for (const path of [`${configMaps}/a`, configMaps, `${configMaps}?watch=1&timeoutSeconds=1`]) {
    const answer = await server.request('GET', path);
    assert.equal(answer.status, 503, path);
    assert.equal(answer.headers['retry-after'], '1');
  }
  const version = String(made.json.metadata.resourceVersion);
  const known = await server.request('GET', `${configMaps}/a?resourceVersion=${version}`);
  assert.equal(known.status, 200, 'who asks for no more than is here is answered');
});
