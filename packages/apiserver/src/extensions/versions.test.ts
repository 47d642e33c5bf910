import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };

interface Review {
  request: { uid: string; desiredAPIVersion: string; objects: Converted[] };
}
interface Converted {
  apiVersion: string;
  metadata: Record<string, unknown>;
  spec: { host?: string; port?: number; address?: string };
}

/** Converts `host` and `port` of v1 to `address` of v2 and back; counts calls, and can be told to fail. */
class Webhook {
  calls = 0;
  failure: string | undefined;
  readonly #server: Server;

  constructor(identity: { certificate: string; key: string }) {
    this.#server = createServer({ cert: identity.certificate, key: identity.key }, (request, response) => {
      void (async () => {
        let text = '';
        for await (const chunk of request) text += String(chunk);
        const review = JSON.parse(text) as Review;
        this.calls++;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ ...review, request: undefined, response: this.#answer(review) }));
      })();
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer({ request }: Review): object {
    if (this.failure !== undefined)
      return { uid: request.uid, result: { status: 'Failed', message: this.failure } };
    const convertedObjects = request.objects.map((object) => {
      const { host = '', port = 0, address = '' } = object.spec;
      const [first = '', second = ''] = address.split(':');
      const spec = request.desiredAPIVersion.endsWith('/v2')
        ? { address: `${host}:${port}` }
        : { host: first, port: Number(second) };
      return { ...object, apiVersion: request.desiredAPIVersion, spec };
    });
    return { uid: request.uid, result: { status: 'Success' }, convertedObjects };
  }
}

function definition(conversion: object, storage: 'v1' | 'v2'): object {
  const version = (name: string, properties: object): object => ({
    name,
    served: true,
    storage: name === storage,
    selectableFields: name === 'v2' ? [{ jsonPath: '.spec.address' }] : [],
    schema: {
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
    },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'hosts.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'hosts', kind: 'Host' },
      conversion,
      versions: [
        version('v1', { host: { type: 'string' }, port: { type: 'integer' } }),
        version('v2', { address: { type: 'string' }, weight: { type: 'integer', default: 1 } }),
      ],
    },
  };
}

async function setUp(t: TestContext): Promise<{ server: TestServer; webhook: Webhook; conversion: object }> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const authority = createAuthority('webhook-ca', 2, new Date());
  const identity = createCertificate(
    { commonName: 'webhook', usages: ['server'], hosts: ['localhost'], validDays: 1 },
    authority,
    new Date(),
  );
  const webhook = new Webhook(identity);
  const port = await webhook.listen();
  t.after(() => webhook.close());
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  const conversion = {
    strategy: 'Webhook',
    webhook: {
      conversionReviewVersions: ['v1'],
      clientConfig: { url: `https://localhost:${port}/convert`, caBundle },
    },
  };
  return { server, webhook, conversion };
}

async function established(server: TestServer): Promise<void> {
  await until(
    async () => (await server.request('GET', '/apis/example.com/v1/hosts')).status === 200,
    'the kind is served',
  );
}

const place = (version: string): string => `/apis/example.com/${version}/namespaces/default/hosts`;

test('a conversion without a strategy is refused', async (t) => {
  const { server } = await setUp(t);
  const refused = await server.request('POST', definitions, definition({}, 'v1'));
  assert.equal(refused.status, 422);
  assert.match(refused.json.message, /is invalid: spec\.conversion\.strategy: Required value$/);
});

// Conformance: CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2
test('a webhook converts what is read, written, listed and watched in another version than the stored one', async (t) => {
  const { server, webhook, conversion } = await setUp(t);
  assert.equal((await server.request('POST', definitions, definition(conversion, 'v1'))).status, 201);
  await established(server);
  const v1 = {
    apiVersion: 'example.com/v1',
    kind: 'Host',
    metadata: { name: 'a' },
    spec: { host: 'h', port: 80 },
  };
  assert.equal((await server.request('POST', place('v1'), v1)).status, 201);
  assert.equal(webhook.calls, 0, 'the stored version needs nobody');
  const read = await server.request('GET', `${place('v2')}/a`);
  // Defaults are those of the version that is stored.
  assert.deepEqual(read.json.spec, { address: 'h:80' });
  assert.equal(read.json.apiVersion, 'example.com/v2');
  const before = webhook.calls;
  await server.request('GET', `${place('v2')}/a`);
  assert.equal(webhook.calls, before, 'what was converted once is kept');
  const changed = await server.request('PATCH', `${place('v2')}/a`, '{"spec":{"address":"g:81"}}', merge);
  assert.equal(changed.status, 200, changed.body.toString());
  assert.equal(changed.json.spec.address, 'g:81');
  assert.deepEqual((await server.request('GET', `${place('v1')}/a`)).json.spec, { host: 'g', port: 81 });
  const v2 = {
    apiVersion: 'example.com/v2',
    kind: 'Host',
    metadata: { name: 'b' },
    spec: { address: 'i:82' },
  };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen = (async () => {
    for await (const event of server.watch(`${place('v2')}?resourceVersion=0&watch=1`, stop.signal))
      if (event.object.metadata.name === 'b') return event.object.spec.address as string;
    return undefined;
  })();
  assert.equal((await server.request('POST', place('v2'), v2)).status, 201);
  assert.equal(await seen, 'i:82');
  const list = await server.request('GET', place('v2'));
  assert.deepEqual(
    list.json.items.map(({ spec }: Converted) => spec.address),
    ['g:81', 'i:82'],
  );
  const selected = await server.request('GET', `${place('v2')}?fieldSelector=spec.address=i:82`);
  assert.equal(selected.json.items.length, 1);
  webhook.failure = 'no idea how';
  const failed = await server.request('POST', place('v2'), { ...v2, metadata: { name: 'c' } });
  assert.equal(failed.status, 500);
  assert.match(
    failed.json.message,
    /^conversion webhook for example.com\/v2, Kind=Host failed: no idea how$/,
  );
  assert.equal((await server.request('GET', place('v1'))).status, 200, 'the stored version does not suffer');
});

// Conformance: CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs
test('a new storage version is remembered, and an old one stays until nothing is stored in it', async (t) => {
  const { server, conversion } = await setUp(t);
  const created = await server.request('POST', definitions, definition(conversion, 'v1'));
  assert.deepEqual(created.json.status.storedVersions, ['v1']);
  await established(server);
  const v1 = {
    apiVersion: 'example.com/v1',
    kind: 'Host',
    metadata: { name: 'a' },
    spec: { host: 'h', port: 80 },
  };
  await server.request('POST', place('v1'), v1);
  await server.request('POST', place('v1'), { ...v1, metadata: { name: 'c' } });
  const wanted = definition(conversion, 'v2') as { spec: { versions: object[] } };
  const moved = await server.request(
    'PATCH',
    `${definitions}/hosts.example.com`,
    JSON.stringify({ spec: { versions: wanted.spec.versions } }),
    merge,
  );
  assert.deepEqual(moved.json.status.storedVersions, ['v1', 'v2']);
  await until(async () => {
    // Stored as v1 it loses again what only v2 has.
    const { json } = await server.request('PATCH', `${place('v2')}/a`, '{}', merge);
    return json.spec?.address === 'h:80' && json.spec.weight === 1;
  }, 'the new storage version counts');
  assert.deepEqual((await server.request('GET', `${place('v2')}/c`)).json.spec, { address: 'h:80' });
  await server.request('PATCH', `${place('v1')}/c`, '{}', merge);
  const rewritten = await server.request('GET', `${place('v2')}/c`);
  assert.deepEqual(
    rewritten.json.spec,
    { address: 'h:80', weight: 1 },
    'written as it is, it is stored anew',
  );
  await server.request('DELETE', `${place('v1')}/c`);
  const v2 = {
    apiVersion: 'example.com/v2',
    kind: 'Host',
    metadata: { name: 'b' },
    spec: { address: 'i:81' },
  };
  assert.equal((await server.request('POST', place('v2'), v2)).status, 201);
  const both = async (version: string): Promise<unknown> => {
    const { json } = await server.request('GET', place(version));
    return json.items.map(({ apiVersion, spec }: Converted) => [apiVersion, spec]);
  };
  assert.deepEqual(await both('v1'), [
    ['example.com/v1', { host: 'h', port: 80 }],
    ['example.com/v1', { host: 'i', port: 81 }],
  ]);
  assert.deepEqual(await both('v2'), [
    ['example.com/v2', { address: 'h:80', weight: 1 }],
    ['example.com/v2', { address: 'i:81', weight: 1 }],
  ]);
  const removed = await server.request(
    'PATCH',
    `${definitions}/hosts.example.com`,
    JSON.stringify({ spec: { versions: wanted.spec.versions.slice(1) } }),
    merge,
  );
  assert.equal(removed.status, 422);
  assert.match(
    removed.json.message,
    /status.storedVersions\[0\]: Invalid value: "v1": missing from spec.versions/,
  );
});
