/** Bodies that cannot be read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLost, assertStatus, configMaps, serve } from './api-server.ts';

test('a body that cannot be read is refused by its code, and the server lives on', async (t) => {
  const server = await serve(t);
  const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const yaml = { 'content-type': 'application/yaml' };
  const head = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},';
  const post = async (
    what: string,
    code: number,
    reason: string,
    message: RegExp,
    body: string,
    headers = {},
  ) => assertStatus(what, await server.request('POST', configMaps, body, { headers }), code, reason, message);
  await post('half a JSON', 400, 'BadRequest', /json parse error: unexpected end of JSON input/, '{"a":');
  await post('no body', 400, 'BadRequest', /unexpected end of JSON input \(<empty>\)/, '');
  await post(
    'a list',
    400,
    'BadRequest',
    /must be of type ConfigMap\): couldn.t get version\/kind; json parse error: json: cannot unmarshal array/,
    '[]',
  );
  await post(
    'YAML',
    400,
    'BadRequest',
    /yaml: line 2: did not find expected ',' or '\]'/,
    'a: [b\nc: d',
    yaml,
  );
  await post(
    'another kind',
    400,
    'BadRequest',
    /Pod in version "v1" cannot be handled as a ConfigMap: converting \(v1.Pod\) to \(core.ConfigMap\)/,
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad"}}',
  );
  await post(
    'another version',
    400,
    'BadRequest',
    /cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2"/,
    '{"apiVersion":"v2","kind":"ConfigMap"}',
  );
  await post(
    'another namespace',
    400,
    'BadRequest',
    /namespace of the provided object does not match/,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","namespace":"other"}}',
  );
  await post(
    'no name',
    422,
    'Invalid',
    /metadata.name: Required value: name or generateName is required/,
    '{"apiVersion":"v1","kind":"ConfigMap"}',
  );
  await post(
    '4 MiB',
    413,
    'RequestEntityTooLarge',
    /limit is 3145728/,
    `${head}"data":{"a":"${'x'.repeat(4 << 20)}"}}`,
  );
  await post(
    'too much data',
    422,
    'Invalid',
    /may not be more than 1048576 bytes/,
    `${head}"data":{"a":"${'x'.repeat(3 << 19)}"}}`,
  );
  await post(
    'deep JSON',
    400,
    'BadRequest',
    /exceeded max depth/,
    `${head}"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
  );
  await post('deep YAML', 400, 'BadRequest', /exceeded max depth/, `a: ${'['.repeat(50_000)}`, yaml);
  await post('truncated protobuf', 400, 'BadRequest', /unexpected EOF/, 'k8s\0\n\x50\x01', protobuf);
  await post('no protobuf', 400, 'BadRequest', /expected prefix \[107 56 115 0\]/, 'abcd', protobuf);
  const inherited = `${head}"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`;
  assertStatus(
    'inherited names',
    await server.request('POST', `${configMaps}?fieldValidation=Strict`, inherited),
    400,
    'BadRequest',
    /unknown field "__proto__"/,
  );
  assertStatus(
    'a key twice',
    await server.request(
      'POST',
      `${configMaps}?fieldValidation=Strict`,
      `${head}"data":{"a":"1"},"data":{}}`,
    ),
    400,
    'BadRequest',
    /duplicate field "data"/,
  );
  assert.equal((await server.request('POST', `${configMaps}?dryRun=All`, inherited)).status, 201);
  await assertNothingLost(server);
});

test('names and kinds that are no texts are refused, whichever patch brings them', async (t) => {
  const server = await serve(t);
  const path = '/api/v1/namespaces/default';
  const odd = ['{"toString":{}}', '[{"a":{"__proto__":{}}}]', '7', 'true'];
  for (const value of odd)
    for (const [type, body] of [
      ['merge-patch+json', `{"metadata":{"name":${value}}}`],
      ['strategic-merge-patch+json', `{"metadata":{"name":${value}}}`],
      ['json-patch+json', `[{"op":"add","path":"/metadata/name","value":${value}}]`],
      ['apply-patch+yaml', `{"apiVersion":${value},"kind":"Namespace"}`],
      ['apply-patch+yaml', `{"apiVersion":"v1","kind":${value}}`],
      ['apply-patch+yaml', `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":${value}}}`],
    ] as const) {
      const headers = { 'content-type': `application/${type}` };
      const answer = await server.request('PATCH', `${path}?fieldManager=odd&force=true`, body, { headers });
      const said = `${type} ${body}: ${answer.status} ${JSON.stringify(answer.json)}`;
      assert.ok(answer.status >= 400 && answer.status < 500, said);
    }
});
