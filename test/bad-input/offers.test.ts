/** What an API server does not serve, take or offer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLost, configMap, configMaps, refusals, serve } from './api-server.ts';

test('what is not served, not taken and not offered has the code of its protocol', async (t) => {
  const server = await serve(t);
  const ask = refusals(server);
  const noResource = /^the server could not find the requested resource$/;
  for (const path of [
    '/api/v1/gizmos',
    '/apis/apps/v9/deployments',
    '/apis/nobody.io/v1/things',
    '/nowhere',
    `${configMaps}/kept/gizmo`,
  ])
    await ask('GET', path, 404, 'NotFound', noResource);
  await ask('GET', `${configMaps}/none`, 404, 'NotFound', /^configmaps "none" not found$/);
  const queries: readonly (readonly [string, RegExp])[] = [
    ['limit=x', /strconv.ParseInt: parsing "x": invalid syntax/],
    ['resourceVersion=x', /invalid resource version: resourceVersion: Invalid value: "x"/],
    ['continue=x', /continue key is not valid/],
    ['labelSelector=%21%21', /unable to parse requirement/],
    ['fieldSelector=a', /can't understand 'a'/],
    ['fieldSelector=a%3Db', /"a" is not a known field selector: only "metadata.name", "metadata.namespace"/],
    [
      'watch=1&resourceVersion=x',
      /resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax/,
    ],
  ];
  for (const [query, message] of queries)
    await ask('GET', `${configMaps}?${query}`, 400, 'BadRequest', message);
  // As upstream: newer clients may ask older servers.
  assert.equal((await server.request('GET', `${configMaps}?colour=red`)).status, 200);
  const options: readonly (readonly [string, RegExp])[] = [
    ['resourceVersion=5&resourceVersionMatch=About', /resourceVersionMatch: Unsupported value: "About"/],
    ['resourceVersionMatch=Exact', /resourceVersionMatch is forbidden unless resourceVersion is provided/],
    ['watch=1&sendInitialEvents=true', /requires setting resourceVersionMatch to NotOlderThan/],
  ];
  for (const [query, message] of options) await ask('GET', `${configMaps}?${query}`, 422, 'Invalid', message);
  await ask(
    'POST',
    `${configMaps}?dryRun=Some`,
    422,
    'Invalid',
    /^CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: \["Some"\]: supported values: "All"$/,
    configMap('bad'),
  );
  await ask(
    'POST',
    `${configMaps}?fieldValidation=Lax`,
    422,
    'Invalid',
    /fieldValidation: Unsupported value: "Lax": supported values: "", "Ignore", "Strict", "Warn"/,
    configMap('bad'),
  );
  await ask(
    'POST',
    `${configMaps}?fieldManager=${'m'.repeat(129)}`,
    422,
    'Invalid',
    /fieldManager: Too long: may not be more than 128 bytes/,
    configMap('bad'),
  );
  await ask(
    'POST',
    `${configMaps}/kept`,
    405,
    'MethodNotAllowed',
    /the server does not allow this method on the requested resource/,
    configMap('kept'),
  );
  await ask(
    'PUT',
    configMaps,
    405,
    'MethodNotAllowed',
    /the server does not allow this method on the requested resource/,
    configMap('bad'),
  );
  await ask('POST', '/version', 405, 'MethodNotAllowed', /does not allow this method/, '{}');
  await ask(
    'POST',
    configMaps,
    415,
    'UnsupportedMediaType',
    /accepted media types include: application\/json/,
    'text',
    { 'content-type': 'text/plain' },
  );
  await ask(
    'PATCH',
    `${configMaps}/kept`,
    415,
    'UnsupportedMediaType',
    /^415: Unsupported Media Type$/,
    '{}',
    { 'content-type': 'application/json' },
  );
  const unacceptable = await server.request('GET', configMaps, undefined, {
    headers: { accept: 'text/html' },
  });
  assert.equal(unacceptable.status, 406);
  assert.match(
    unacceptable.json.message,
    /^406: Not Acceptable\n\nAvailable representations: application\/json, /,
  );
  const malformed = await server.request('GET', '/api/v1/namespaces/%zz/configmaps');
  assert.equal(malformed.status, 400, malformed.body.toString());
  await assertNothingLost(server);
});
