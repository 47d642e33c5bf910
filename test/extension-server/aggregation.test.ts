import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { startApiServer, type TestServer, until } from '../../packages/apiserver/src/testing/harness.ts';
import { kubectlFor } from '../../packages/apiserver/src/testing/kubectl.ts';
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
  const port = await extension.listen();
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
  const ok = async (args: string, stdin?: string): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(args.split(' '), stdin);
    assert.equal(code, 0, `kubectl ${args}: ${stderr}`);
    return stdout;
  };
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
});

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
