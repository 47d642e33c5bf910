/** Values of custom resources over the whole way: what is taken, what is shown of it, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const things = '/apis/x.io/v1/things';
const preserved = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

test('a custom resource is stored as it was taken, or refused', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const template = { ...preserved, 'x-kubernetes-embedded-resource': true };
  const properties = { replicas: { type: 'integer' }, open: preserved, template };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.x.io' },
    spec: {
      group: 'x.io',
      scope: 'Cluster',
      names: { plural: 'things', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
          },
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
        },
      ],
    },
  };
  assert.equal((await server.request('POST', definitions, definition)).status, 201);
  await until(async () => (await server.request('GET', things)).status === 200, 'things are served');

  const text = (spec: string): string =>
    `{"apiVersion":"x.io/v1","kind":"Thing","metadata":{"name":"one"},"spec":${spec}}`;
  const infinite = await server.request('POST', things, text('{"open":{"x":1e400}}'));
  assert.equal(infinite.status, 400);
  assert.equal(
    infinite.json.message,
    'Thing in version "v1" cannot be handled as a Thing: json: cannot unmarshal number 1e400 into Go value of type float64',
  );

  const metadata = { name: 'inner', creationTimestamp: null, labels: {} };
  const made = await server.request('POST', things, {
    ...JSON.parse(text('{}')),
    spec: { template: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { a: 1 } } },
  });
  assert.equal(made.status, 201, made.body.toString());
  const inner = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'inner' }, spec: { a: 1 } };
  assert.deepEqual(made.json.spec, { template: inner }, 'metadata of what is inside are in normal form');

  const patch = { headers: { 'content-type': 'application/merge-patch+json' } };
  const patched = await server.request('PATCH', `${things}/one`, '{"spec":{"open":{"x":-1e999}}}', patch);
  assert.equal(patched.status, 400, patched.body.toString());

  const unsaid = await server.request('GET', `${things}/one/scale`);
  assert.equal(unsaid.status, 500, 'no number is not the number 0');
  assert.match(unsaid.json.message, /the spec replicas field "\.spec\.replicas" does not exist$/);
  const scaled = await server.request('PATCH', `${things}/one/scale`, '{"spec":{"replicas":2}}', patch);
  assert.equal(scaled.json.spec.replicas, 2, scaled.body.toString());
  assert.equal((await server.request('GET', `${things}/one/scale`)).json.spec.replicas, 2);

  const selected = await server.request('GET', `${things}?fieldSelector=metadata.namespace%3D`);
  assert.equal(selected.status, 400);
  assert.equal(selected.json.message, 'field label not supported: metadata.namespace');
});
