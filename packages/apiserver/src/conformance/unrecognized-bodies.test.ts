import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const maps = '/api/v1/namespaces/default/configmaps?dryRun=All';
const type = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } };
const untyped =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const unrecognized = (why: string): string =>
  `the object provided is unrecognized (must be of type ConfigMap): ${why}`;

/** Bodies of a ConfigMap, and what Kubernetes' own API server was seen to say of them. */
const seen: readonly (readonly [unknown, string])[] = [
  [
    '"x"',
    unrecognized(
      `couldn't get version/kind; json parse error: json: cannot unmarshal string into ${untyped} (227822)`,
    ),
  ],
  [
    '[]',
    unrecognized(
      `couldn't get version/kind; json parse error: json: cannot unmarshal array into ${untyped} (5b5d)`,
    ),
  ],
  [
    { ...type, apiVersion: 'apps/v1', kind: 'Deployment' },
    'Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion',
  ],
  [
    { ...type, kind: 'Thing' },
    'Thing in version "v1" cannot be handled as a ConfigMap: no kind "Thing" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    { ...type, apiVersion: 'example.com/v1' },
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "example.com/v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
];

test('a body that is not what it should be is refused with what it is', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  for (const [body, message] of seen) {
    const refused = await server.request('POST', maps, body);
    assert.equal(refused.status, 400, message);
    assert.equal(refused.json.message, message);
  }
  const version = await server.request('POST', maps, { ...type, apiVersion: 'a/b/c' });
  assert.match(version.json.message, /: unexpected GroupVersion string: a\/b\/c \(/);
  // A patch that says another kind is a patch that makes something else; a strategic one is not asked.
  await server.request('POST', maps.replace('?dryRun=All', ''), type);
  const patch = (media: string) =>
    server.request(
      'PATCH',
      '/api/v1/namespaces/default/configmaps/x',
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod' }),
      { headers: { 'content-type': `application/${media}` } },
    );
  const merged = await patch('merge-patch+json');
  assert.equal(merged.status, 422);
  assert.match(merged.json.message, /converting \(v1\.Pod\) to \(core\.ConfigMap\): unknown conversion$/);
  const strategic = await patch('strategic-merge-patch+json');
  assert.deepEqual([strategic.status, strategic.json.kind], [200, 'ConfigMap']);
  const unknown = await patch('json');
  assert.deepEqual([unknown.status, unknown.json.message], [415, '415: Unsupported Media Type']);
});
