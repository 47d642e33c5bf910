import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type Answer,
  startApiServer,
  type TestServer,
} from '../../packages/apiserver/src/testing/harness.ts';
import { kubectlFor } from '../../packages/apiserver/src/testing/kubectl.ts';
import { TestCluster } from '../../packages/store/src/testing/processes.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };

/** An API server on a member of the built-in store, with one object that no bad request may change. */
async function serve(t: TestContext): Promise<TestServer> {
  const store = await TestCluster.create(1);
  t.after(() => store.remove());
  store.startAll();
  await store.leader();
  const server = await startApiServer(t, { endpoint: store.endpoint('m1') });
  assert.equal((await server.request('POST', configMaps, configMap('kept'))).status, 201);
  return server;
}

function configMap(name: string, data: Readonly<Record<string, string>> = { key: 'value' }): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function deployment(change: {
  readonly metadata?: object;
  readonly spec?: object;
  readonly labels?: object;
  readonly containers?: readonly object[];
}): string {
  const { metadata = {}, spec = {}, labels = { a: 'b' }, containers = [{ name: 'c', image: 'x' }] } = change;
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'bad', ...metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels }, spec: { containers } },
      ...spec,
    },
  });
}

function assertStatus(what: string, answer: Answer, code: number, reason: string, message: RegExp): void {
  const status = answer.json as Record<string, unknown>;
  const shown = `${what}: ${answer.body.toString().slice(0, 500)}`;
  assert.equal(answer.status, code, shown);
  assert.equal(status['kind'], 'Status', shown);
  assert.equal(status['code'], code, shown);
  assert.equal(status['reason'], reason, shown);
  assert.match(String(status['message']), message, shown);
  assert.doesNotMatch(String(status['message']), /\n|\bat .*:\d+:\d+/, `${what}: one line, no stack`);
}

/** The server still answers, holds what it held, and nothing of a refused request. */
async function assertNothingLost(server: TestServer, names: readonly string[] = ['kept']): Promise<void> {
  const list = (await server.request('GET', configMaps)).json as {
    items: { metadata: { name: string }; data: object }[];
  };
  assert.deepEqual(
    list.items.map(({ metadata, data }) => [metadata.name, data]),
    names.map((name) => [name, { key: 'value' }]),
  );
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
}

test('kubectl shows what is wrong with a manifest, and nothing of it is stored', async (t) => {
  const server = await serve(t);
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const container = { name: 'c', image: 'x' };
  const cpu = (value: string): object => ({ ...container, resources: { limits: { cpu: value } } });
  const service = (ports: readonly object[]): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'bad' }, spec: { ports } });
  const create = 'create -f -';
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      create,
      deployment({ spec: { replicas: 'three' } }),
      /BadRequest.*cannot unmarshal string into Go struct field .*replicas of type int32/,
    ],
    [
      create,
      deployment({ spec: { replcas: 3 } }),
      /BadRequest.*strict decoding error: unknown field "spec.replcas"/,
    ],
    [
      create,
      deployment({ containers: [] }),
      /"bad" is invalid: spec.template.spec.containers: Required value/,
    ],
    [create, deployment({ containers: [{ name: 'c' }] }), /containers\[0\].image: Required value/],
    [
      create,
      deployment({ metadata: { name: 'Not_A_Name' } }),
      /metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      create,
      deployment({ metadata: { labels: { 'a b': 'c' } } }),
      /metadata.labels: Invalid value: "a b": name part must consist of/,
    ],
    [
      create,
      deployment({ labels: { a: 'c' } }),
      /spec.template.metadata.labels: Invalid value: .*`selector` does not match template `labels`/,
    ],
    [
      create,
      deployment({ containers: [cpu('abc')] }),
      /BadRequest.*quantities must match the regular expression/,
    ],
    [
      create,
      deployment({ containers: [cpu('-1')] }),
      /limits\[cpu\]: Invalid value: "-1": must be greater than or equal to 0/,
    ],
    [
      create,
      service([
        { name: 'a', port: 80 },
        { name: 'a', port: 80 },
      ]),
      /spec.ports\[1\].name: Duplicate value: "a"/,
    ],
    [
      create,
      service([{ port: 800_000 }]),
      /spec.ports\[0\].port: Invalid value: 800000: must be between 1 and 65535, inclusive/,
    ],
    [create, 'a: [b\nc: d', /error parsing STDIN: error converting YAML to JSON/],
    [create, '{"apiVersion":"v1",', /error parsing STDIN/],
    [
      create,
      '{"apiVersion":"v1","kind":"Gizmo","metadata":{"name":"g"}}',
      /no matches for kind "Gizmo" in version "v1"/,
    ],
    ['get gizmos', '', /the server doesn't have a resource type "gizmos"/],
    ['get pods --field-selector=a=b', '', /field label not supported: a/],
    ['get pods nobody', '', /Error from server \(NotFound\): pods "nobody" not found/],
    ['create configmap kept', '', /error: failed to create configmap: configmaps "kept" already exists/],
    ['create configmap new -n nowhere', '', /namespaces "nowhere" not found/],
  ];
  for (const [args, stdin, message] of cases) {
    const { code, stderr } = await kubectl(args.split(' '), stdin);
    assert.match(stderr, message);
    assert.equal(code, 1, stderr);
  }
  const misspelt = deployment({ spec: { replcas: 3 } });
  const warned = await kubectl(['create', '--dry-run=server', '--validate=warn', '-f', '-'], misspelt);
  assert.equal(warned.code, 0, warned.stderr);
  assert.match(warned.stderr, /Warning: unknown field "spec.replcas"/);
  const ignored = await kubectl(['create', '--dry-run=server', '--validate=ignore', '-f', '-'], misspelt);
  assert.equal(ignored.code, 0, ignored.stderr);
  assert.equal(ignored.stderr, '');
  assert.equal(
    (await kubectl(['get', 'deployments,services', '-o', 'name'])).stdout.trim(),
    'service/kubernetes',
  );
  await assertNothingLost(server);
});

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
  await post('a list', 400, 'BadRequest', /cannot unmarshal array into Go value of type v1.ConfigMap/, '[]');
  await post('YAML', 400, 'BadRequest', /error converting YAML to JSON/, 'a: [b\nc: d', yaml);
  await post(
    'another kind',
    400,
    'BadRequest',
    /\(Pod\) does not match the expected kind \(ConfigMap\)/,
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad"}}',
  );
  await post(
    'another version',
    400,
    'BadRequest',
    /\(v2\) does not match the expected API version \(v1\)/,
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

test('what is not served, not taken and not offered has the code of its protocol', async (t) => {
  const server = await serve(t);
  const ask = async (
    method: string,
    path: string,
    code: number,
    reason: string,
    message: RegExp,
    body?: unknown,
    headers = {},
  ) =>
    assertStatus(
      `${method} ${path.slice(0, 80)}`,
      await server.request(method, path, body, { headers }),
      code,
      reason,
      message,
    );
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
    /application\/merge-patch\+json/,
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
  const ask = async (
    method: string,
    to: string,
    code: number,
    reason: string,
    message: RegExp,
    body?: unknown,
    headers = {},
  ) =>
    assertStatus(
      `${method} ${to}`,
      await server.request(method, to, body, { headers }),
      code,
      reason,
      message,
    );
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
    /failed to create typed patch object \([^/]+\/kept; v1, Kind=ConfigMap\): \.what: field not declared in schema$/,
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
  assertStatus('list', exact, 410, 'Expired', /resourceVersion 2 for the provided list is too old/);
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
