/** Writes and reads that rest on a state that is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../../packages/apiserver/src/testing/harness.ts';
import { TestCluster } from '../../packages/store/src/testing/processes.ts';
import {
  assertNothingLost,
  assertStatus,
  configMap,
  configMaps,
  jsonPatch,
  merge,
  refusals,
  serve,
} from './api-server.ts';

test('a write that rests on an old state is refused and changes nothing', async (t) => {
  const server = await serve(t);
  const path = `${configMaps}/kept`;
  const first = (await server.request('GET', path)).json;
  const moved = await server.request('PATCH', path, '{"metadata":{"labels":{"moved":"yes"}}}', {
    headers: merge,
  });
  assert.equal(moved.status, 200);
  const now = moved.json as { metadata: { uid: string; resourceVersion: string } };
  const stale =
    /^Operation cannot be fulfilled on configmaps "kept": the object has been modified; please apply your changes to the latest version and try again$/;
  const ask = refusals(server);
  await ask('PUT', path, 409, 'Conflict', stale, { ...first, data: { key: 'lost' } });
  await ask(
    'PATCH',
    path,
    409,
    'Conflict',
    stale,
    `{"metadata":{"resourceVersion":"1"},"data":{"key":"lost"}}`,
    merge,
  );
  await ask(
    'PATCH',
    path,
    422,
    'Invalid',
    /the server rejected our request due to an error in our request/,
    '[{"op":"test","path":"/data/key","value":"other"},{"op":"remove","path":"/data/key"}]',
    jsonPatch,
  );
  await ask(
    'PUT',
    path,
    409,
    'Conflict',
    /Precondition failed: UID in precondition: other, UID in object meta: /,
    { ...first, metadata: { ...first.metadata, uid: 'other', resourceVersion: '' } },
  );
  await ask(
    'DELETE',
    path,
    409,
    'Conflict',
    new RegExp(
      `ConfigMap "kept": the UID in the precondition \\(other\\) does not match the UID in record \\(${now.metadata.uid}\\)`,
    ),
    { preconditions: { uid: 'other' } },
  );
  await ask(
    'DELETE',
    path,
    409,
    'Conflict',
    new RegExp(
      `the ResourceVersion in the precondition \\(1\\) does not match the ResourceVersion in record \\(${now.metadata.resourceVersion}\\)`,
    ),
    { preconditions: { resourceVersion: '1' } },
  );
  await ask('DELETE', path, 422, 'Invalid', /propagationPolicy: Unsupported value: "Sideways"/, {
    propagationPolicy: 'Sideways',
  });
  // Only a deletion deletes.
  await ask(
    'PUT',
    path,
    422,
    'Invalid',
    /metadata.deletionTimestamp: Invalid value: "2026-01-02T03:04:05Z": field is immutable/,
    {
      ...first,
      metadata: { ...first.metadata, resourceVersion: '', deletionTimestamp: '2026-01-02T03:04:05Z' },
    },
  );
  await ask(
    'PATCH',
    `${path}?fieldManager=me`,
    400,
    'BadRequest',
    /failed to create typed patch object \(\/; \/v1, Kind=ConfigMap\): \.what: field not declared in schema$/,
    { apiVersion: 'v1', kind: 'ConfigMap', what: 1 },
    { 'content-type': 'application/apply-patch+yaml' },
  );
  await ask('PUT', `${configMaps}/none`, 404, 'NotFound', /^configmaps "none" not found$/, {
    ...configMap('none'),
    metadata: { name: 'none', resourceVersion: '5' },
  });
  await ask(
    'POST',
    configMaps,
    409,
    'AlreadyExists',
    /^configmaps "kept" already exists$/,
    configMap('kept', { key: 'lost' }),
  );
  await ask(
    'POST',
    '/api/v1/namespaces/nowhere/configmaps',
    404,
    'NotFound',
    /^namespaces "nowhere" not found$/,
    configMap('bad'),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ending' } };
  assert.equal((await server.request('POST', '/api/v1/namespaces', namespace)).status, 201);
  assert.equal((await server.request('DELETE', '/api/v1/namespaces/ending')).status, 200);
  await ask(
    'POST',
    '/api/v1/namespaces/ending/configmaps',
    403,
    'Forbidden',
    /^configmaps "[^"]+" is forbidden: unable to create new content in namespace ending because it is being terminated/,
    configMap('bad'),
  );
  await ask(
    'GET',
    `${configMaps}?resourceVersion=99999999`,
    504,
    'Timeout',
    /^Timeout: Too large resource version: 99999999, current: \d+$/,
  );
  await ask(
    'GET',
    `${configMaps}?resourceVersion=99999999&resourceVersionMatch=Exact`,
    504,
    'Timeout',
    /^Timeout: Too large resource version: 99999999, current: \d+$/,
  );
  await assertNothingLost(server);
});

test('a read from before what is kept is answered with 410 Expired', async (t) => {
  const store = await TestCluster.create(1);
  t.after(() => store.remove());
  store.startAll();
  await store.leader();
  for (let i = 0; i < 5; i++) await store.ctl(['put', 'before', String(i)]);
  await store.ctl(['compact', '5']);
  const server = await startApiServer(t, { endpoint: store.endpoint('m1') });
  assert.equal((await server.request('POST', configMaps, configMap('kept'))).status, 201);
  const exact = await server.request('GET', `${configMaps}?resourceVersion=2&resourceVersionMatch=Exact`);
  assertStatus('list', exact, 410, 'Expired', /^The resourceVersion for the provided list is too old\.$/);
  const watch = await server.request('GET', `${configMaps}?watch=1&resourceVersion=2&timeoutSeconds=5`);
  const text = watch.body.toString();
  const status = (
    watch.status === 410 ? watch.json : (JSON.parse(text) as { object: object }).object
  ) as object;
  assert.deepEqual(
    { code: 410, reason: 'Expired', ...status },
    { ...status, code: 410, reason: 'Expired' },
    text,
  );
  assert.match(text, /too old resource version: 2/);
  await assertNothingLost(server);
});
