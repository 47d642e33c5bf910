import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { testPort } from '@timonier/linux/test-ports';
import { createAuthority, createCertificate } from '@timonier/pki';
import { startApiServer, type TestServer, until } from '../../packages/apiserver/src/testing/harness.ts';
import { kubectlFor, succeeding } from '../../packages/apiserver/src/testing/kubectl.ts';
import { startEtcd } from '../../packages/apiserver/src/testing/real-etcd.ts';
import { ExtensionServer } from './server.ts';

const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const flunders = '/apis/wardle.example.com/v1/namespaces/default/flunders';
const groupVersion = 'wardle.example.com/v1';

interface Setup {
  readonly server: TestServer;
  readonly extension: ExtensionServer;
  readonly port: number;
  readonly available: () => Promise<{ status: string; reason: string; message: string } | undefined>;
}

/** An API server and an extension server that knows it only by what is published in kube-system. */
async function setUp(t: TestContext): Promise<Setup> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const { json: config } = await server.request(
    'GET',
    '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
  );
  assert.equal(config.data['requestheader-username-headers'], '["X-Remote-User"]');
  const authority = createAuthority('wardle-ca', 2, new Date());
  const identity = createCertificate(
    { commonName: 'wardle', usages: ['server'], hosts: ['wardle.default.svc'], validDays: 1 },
    authority,
    new Date(),
  );
  const extension = new ExtensionServer({
    certificate: identity.certificate,
    key: identity.key,
    requestHeaderCa: config.data['requestheader-client-ca-file'],
    allowedNames: JSON.parse(config.data['requestheader-allowed-names']) as string[],
  });
  // One test closes it and listens there again.
  const port = await extension.listen(await testPort());
  t.after(() => extension.close());
  await server.request('POST', '/api/v1/namespaces/default/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'wardle' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  const registered = await server.request('POST', services, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.wardle.example.com' },
    spec: {
      group: 'wardle.example.com',
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 15,
      service: { namespace: 'default', name: 'wardle', port },
      caBundle: Buffer.from(authority.certificate).toString('base64'),
    },
  });
  assert.equal(registered.status, 201, registered.body.toString());
  const available: Setup['available'] = async () => {
    const { json } = await server.request('GET', `${services}/v1.wardle.example.com`);
    return (json.status?.conditions ?? []).find(({ type }: { type: string }) => type === 'Available');
  };
  return { server, extension, port, available };
}

test('an extension server behind an APIService is used like a part of this server', async (t) => {
  const { server, extension, available } = await setUp(t);
  await until(async () => (await available())?.status === 'True', 'the APIService is available');
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const ok = succeeding(kubectl);
  assert.match(await ok('api-resources'), /flunders +fl +wardle.example.com\/v1 +true +Flunder/);
  assert.match(await ok('get apiservices'), /v1.wardle.example.com +default\/wardle +True/);
  assert.match(await ok('get apiservices'), /v1.apps +Local +True/);
  const flunder = `{"apiVersion":"${groupVersion}","kind":"Flunder","metadata":{"name":"one"},"spec":{"a":1}}`;
  assert.match(await ok('create --validate=false -f -', flunder), /created/);
  assert.equal(
    await ok('get fl one -o jsonpath={.metadata.annotations}'),
    '{"wardle.example.com/created-by":"kubernetes-admin","wardle.example.com/groups":"system:masters,system:authenticated"}',
  );
  assert.match(await ok('explain flunder'), /A flunder is what this server is about/);
  const swagger = await server.request('GET', '/openapi/v2');
  assert.ok(swagger.json.definitions['com.example.wardle.v1.Flunder'] !== undefined);

  const stop = new AbortController();
  t.after(() => stop.abort());
  const watched = server.watch(`${flunders}?watch=true`, stop.signal);
  const first = watched.next();
  await until(async () => {
    await server.request('POST', flunders, {
      apiVersion: groupVersion,
      kind: 'Flunder',
      metadata: { name: 'two' },
    });
    return Promise.race([
      first.then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 200, false)),
    ]);
  }, 'the watch passes an event through');
  assert.equal(
    ((await first).value as { object: { metadata: { name: string } } }).object.metadata.name,
    'two',
  );
  stop.abort();

  await server.request('GET', flunders, undefined, {
    headers: {
      'x-remote-user': 'somebody-else',
      'x-remote-group': 'system:masters',
      authorization: 'Bearer stolen',
    },
  });
  assert.equal(extension.lastHeaders['x-remote-user'], 'kubernetes-admin', 'nobody says himself who he is');
  assert.equal(extension.lastHeaders.authorization, undefined);
  const refused = await server.request('GET', flunders, undefined, { as: 'dns' });
  assert.equal(refused.status, 403, 'who may not ask here does not get through');
  assert.equal(await echoed(server, `${flunders}/one/echo`, 'hello'), 'HELLO');
  assert.equal(await echoed(server, `https://other${flunders}/one/%65cho?a=b`, 'hello'), 'HELLO');
  assert.equal(extension.lastUpgrade, `${flunders}/one/%65cho?a=b`, 'it is asked what was authorized');
});

// Conformance: Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [LinuxOnly]
test('an APIService and its status are read, listed, patched and replaced while it serves', async (t) => {
  const { server, available } = await setUp(t);
  await until(async () => (await available())?.status === 'True', 'the APIService is available');
  const one = `${services}/v1.wardle.example.com`;
  const ask = async (status: number, method: string, path: string, body?: unknown, form = 'merge-patch') => {
    const headers = { 'content-type': method === 'PATCH' ? `application/${form}+json` : 'application/json' };
    const answer = await server.request(method, path, body, { headers });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.body.toString()}`);
    return answer.json;
  };
  // A client that is slower than what watches over the APIService asks again.
  const replaced = async (path: string, change: (current: Registered) => Registered): Promise<Registered> => {
    let json: Registered | undefined;
    await until(async () => {
      const answer = await server.request('PUT', path, change(await ask(200, 'GET', path)));
      if (answer.status !== 409) assert.equal(answer.status, 200, answer.body.toString());
      json = answer.json;
      return answer.status === 200;
    }, `${path} is replaced`);
    assert.ok(json);
    return json;
  };
  for (const name of ['one', 'two'])
    await ask(201, 'POST', flunders, { apiVersion: groupVersion, kind: 'Flunder', metadata: { name } });
  assert.equal((await ask(200, 'GET', `${flunders}/one`)).metadata.name, 'one');
  assert.equal((await ask(200, 'GET', flunders)).items.length, 2);
  await ask(200, 'DELETE', `${flunders}/one`);
  assert.equal((await ask(200, 'GET', flunders)).items.length, 1);

  await ask(200, 'PATCH', one, { spec: { versionPriority: 400 } });
  const { items } = await ask(200, 'GET', services);
  const listed = items.find(({ metadata }: Registered) => metadata.name === 'v1.wardle.example.com');
  assert.equal(listed.spec.versionPriority, 400);
  const { preferredVersion } = await ask(200, 'GET', '/apis/wardle.example.com');
  assert.equal(preferredVersion.groupVersion, groupVersion);

  const updated = { type: 'StatusUpdated', status: 'True', reason: 'E2E', message: 'Set by a test' };
  const status = await replaced(`${one}/status`, (current) => ({
    ...current,
    status: { conditions: [...(current.status?.conditions ?? []), updated] },
  }));
  assert.ok(status.status?.conditions?.some(({ type }) => type === 'StatusUpdated'));
  const patched = { conditions: [{ type: 'StatusPatched', status: 'True', reason: 'E2E', message: 'Set' }] };
  const answer = await ask(200, 'PATCH', `${one}/status`, { status: patched }, 'strategic-merge-patch');
  const types = answer.status.conditions.map(({ type }: { type: string }) => type);
  assert.ok(types.includes('StatusPatched') && types.includes('Available'));
  const labelled = await replaced(one, (current) => ({
    ...current,
    metadata: { ...current.metadata, labels: { e2e: 'aggregator' } },
  }));
  assert.equal(labelled.metadata.labels?.['e2e'], 'aggregator');
  await ask(200, 'DELETE', `${services}?labelSelector=e2e%3Daggregator`);
  await until(async () => (await server.request('GET', one)).status === 404, 'the APIService has gone');
  await until(async () => (await server.request('GET', flunders)).status === 404, 'so has its group');
});

interface Registered {
  readonly metadata: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly versionPriority: number };
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
}

test('a dead extension server hurts nobody else, and is noticed when it is back', async (t) => {
  const { server, extension, port, available } = await setUp(t);
  await until(async () => (await available())?.status === 'True', 'the APIService is available');
  await extension.close();
  await until(async () => (await available())?.status === 'False', 'the APIService is unavailable');
  const condition = await available();
  assert.equal(condition?.reason, 'FailedDiscoveryCheck');
  assert.match(
    condition?.message ?? '',
    /failing or missing response from https:\/\/localhost:\d+\/apis\/wardle/,
  );
  assert.equal((await server.request('GET', flunders)).status, 503);
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const listed = await kubectl(['api-resources']);
  assert.match(listed.stdout, /deployments +deploy +apps\/v1/);
  assert.doesNotMatch(listed.stdout, /flunders/);
  assert.equal(await freshness(server), 'Stale');
  assert.equal((await kubectl(['get', 'pods'])).code, 0);
  await server.request('DELETE', '/api/v1/namespaces/default/services/wardle');
  await until(async () => (await available())?.reason === 'ServiceNotFound', 'the Service is missed');
  await server.request('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'wardle' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  await extension.listen(port);
  await until(async () => (await available())?.status === 'True', 'it is available again');
  assert.equal((await server.request('GET', flunders)).status, 200);
  await server.request('DELETE', `${services}/v1.wardle.example.com`);
  await until(async () => (await server.request('GET', flunders)).status === 404, 'the group is gone');
});

/** What the aggregated document says of the extension server's version. */
async function freshness(server: TestServer): Promise<string | undefined> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { json } = await server.request('GET', '/apis', undefined, { headers: { accept } });
  const items = json.items as { metadata: { name?: string }; versions: { freshness: string }[] }[];
  return items.find(({ metadata }) => metadata.name === 'wardle.example.com')?.versions[0]?.freshness;
}

/** Switches protocols, sends a text and returns as much of what comes back. */
async function echoed(server: TestServer, path: string, text: string): Promise<string> {
  const files = server.pki.files('admin');
  const request = httpsRequest({
    host: '127.0.0.1',
    port: server.port,
    servername: 'localhost',
    ca: await readFile(server.pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
    path,
    headers: { connection: 'Upgrade', upgrade: 'echo' },
  });
  const socket = await new Promise<Duplex>((resolve, reject) => {
    request.once('upgrade', (_response, upgraded: Duplex) => resolve(upgraded));
    request.once('response', (response) => reject(new Error(`answered ${response.statusCode}`)));
    request.once('error', reject);
    request.end();
  });
  socket.write(text);
  let received = '';
  for await (const chunk of socket) {
    received += String(chunk);
    if (received.length >= text.length) break;
  }
  socket.destroy();
  return received;
}
