import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fuzz } from './run.ts';
import { type Answer, Subject } from './subject.ts';
import { nestedSchemas, repeated } from './bombs.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const json = 'application/json';
const yaml = 'application/yaml';
const protobuf = 'application/vnd.kubernetes.protobuf';
const jsonPatch = 'application/json-patch+json';

const cleanups: (() => unknown)[] = [];
let subject: Subject;

before(async () => {
  subject = await Subject.start({ after: (fn) => void cleanups.push(fn) });
  const made = await post(configMaps, json, '{"metadata":{"name":"a"},"data":{"a":"x"}}');
  assert.equal(made.status, 201, made.body.toString());
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function post(path: string, type: string, body: Buffer | string): Promise<Answer> {
  return subject.ask('admin', { method: 'POST', path, headers: { 'content-type': type }, body });
}

function many(count: number, item: (i: number) => string, between = ','): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(between);
}

const refused: readonly (readonly [string, string, string, () => Buffer | string, number, RegExp])[] = [
  [
    'a key doubled fifty thousand times behind a name of a megabyte',
    `${configMaps}?fieldValidation=Strict`,
    json,
    () => `{"${'k'.repeat(1_000_000)}":{${'"a":1,'.repeat(50_000)}"a":2}}`,
    400,
    /strict decoding error: unknown field "k{1000}/,
  ],
  [
    'twenty thousand labels that are none',
    configMaps,
    json,
    () => `{"metadata":{"name":"b","labels":{${many(20_000, (i) => `"k /${i}":"v v"`)}}}}`,
    422,
    /metadata.labels: Invalid value: "k \/0"/,
  ],
  [
    'tens of thousands of empty containers',
    pods,
    json,
    () => `{"metadata":{"name":"b"},"spec":{"containers":[${many(51_000, () => '{}')}]}}`,
    413,
    /Request entity too large: more than 50000 objects in one/,
  ],
  [
    'the same in protobuf',
    pods,
    protobuf,
    () => repeated('Pod', 2, 51_000),
    400,
    /more than 50000 messages in one object/,
  ],
  ['schemas in schemas in protobuf', definitions, protobuf, () => nestedSchemas(20_000), 400, /max depth/],
  [
    'a flow sequence of YAML with very many items',
    configMaps,
    yaml,
    () => `{a: [${'b,'.repeat(110_000)}]}`,
    400,
    /more than 200000 tokens; send it as JSON/,
  ],
  [
    'aliases of aliases',
    configMaps,
    yaml,
    () => many(30, (i) => (i === 0 ? 'a0: &a0 [x]' : `a${i}: &a${i} [*a${i - 1},*a${i - 1}]`), '\n'),
    400,
    /Excessive alias count/,
  ],
  [
    'a pattern that would grow',
    definitions,
    json,
    () => definition('(((a{99}){99}){99})'),
    422,
    /pattern: Invalid value/,
  ],
  [
    'a body with more than the limit',
    configMaps,
    json,
    () => `{"a":"${'x'.repeat(3 << 20)}"}`,
    413,
    /limit is 3145728/,
  ],
];

function definition(pattern: string): string {
  const schema = { type: 'object', properties: { a: { type: 'string', pattern } } };
  return JSON.stringify({
    metadata: { name: 'as.x.io' },
    spec: {
      group: 'x.io',
      scope: 'Namespaced',
      names: { plural: 'as', singular: 'a', kind: 'A', listKind: 'AList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
}

test('bodies that cost more than they weigh are refused with a short Status', async () => {
  for (const [what, path, type, body, code, message] of refused) {
    const answer = await post(path, type, body());
    const text = answer.body.toString();
    assert.equal(answer.status, code, `${what}: ${text.slice(0, 500)}`);
    assert.match((JSON.parse(text) as { message: string }).message, message, what);
    assert.ok(text.length < 300_000, `${what}: ${text.length} bytes of an answer`);
  }
});

test('integers beyond 2^53 are judged and kept to the digit', async () => {
  const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';
  const revision = (name: string, number: string): string =>
    `{"metadata":{"name":"${name}"},"data":{},"revision":${number}}`;
  const kept = await post(revisions, json, revision('large', '9007199254740993'));
  assert.equal(kept.status, 201, kept.body.toString());
  assert.match(kept.body.toString(), /"revision":9007199254740993/);
  const negative = await post(revisions, json, revision('negative', '-9007199254740993'));
  assert.equal(negative.status, 422, negative.body.toString());
});

test('a JSON patch may not double an object without end, nor make one that no store takes', async () => {
  const patch = async (operations: readonly object[]): Promise<Answer> =>
    subject.ask('admin', {
      method: 'PATCH',
      path: `${configMaps}/a`,
      headers: { 'content-type': jsonPatch },
      body: JSON.stringify(operations),
    });
  const doubling = await patch(
    Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/k${i}` })),
  );
  assert.equal(doubling.status, 422);
  assert.match(doubling.body.toString(), /the server rejected our request due to an error in our request/);
  const finalizers = Array.from({ length: 60_000 }, (_, i) => `example.com/${i}`);
  const large = await patch([{ op: 'add', path: '/metadata/finalizers', value: finalizers }]);
  assert.equal(large.status, 413, large.body.toString().slice(0, 300));
  assert.match(large.body.toString(), /request is too large|larger than max/);
  const small = await patch([{ op: 'copy', from: '/data/a', path: '/data/b' }]);
  assert.equal(small.status, 200, small.body.toString());
});

test('paths under health and a HEAD of a watch are answered, and leave nothing open', async () => {
  for (const [method, path, code] of [
    ['GET', '/healthz/nothing', 404],
    ['GET', '/readyz/ping', 200],
    ['GET', '/livez/..%2f', 404],
    ['HEAD', `${configMaps}?watch=1`, 405],
    ['GET', '/api/v1/namespaces/%2e%2e/configmaps', 404],
    ['GET', `${configMaps}/%00`, 404],
    ['GET', `${configMaps}/a%2fb`, 404],
  ] as const)
    assert.equal((await subject.ask('admin', { method, path })).status, code, `${method} ${path}`);
  await subject.settle();
});

test('names that are paths lead nowhere else, neither in a body nor in a URL', async () => {
  const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
  const wrong = [
    ['..', "may not be '..'"],
    ['.', "may not be '.'"],
    ['../x', "may not contain '/'"],
    ['a%2fb', "may not contain '%'"],
  ] as const;
  for (const [name, problem] of wrong) {
    const { status, body } = await post(roles, json, JSON.stringify({ metadata: { name }, rules: [] }));
    assert.equal(status, 422, body.toString());
    assert.ok(body.toString().includes(problem), body.toString());
  }
  for (const path of [
    `${configMaps}/..%2fsecrets`,
    `${configMaps}/%2e%2e%2f%2e%2e%2fkube-system%2fconfigmaps`,
    `${pods}/..%2f..%2fa/log`,
    '/api/v1/namespaces/..%2fdefault/configmaps/a',
    `/apis/rbac.authorization.k8s.io/v1/namespaces/default%2froles/roles/a`,
  ]) {
    const { status } = await subject.ask('admin', { method: 'GET', path });
    assert.ok(status === 404 || status === 400, `${path} answered ${status}`);
  }
});

test('over HTTP/1.1 a body beyond the limit is answered before it has come whole', async () => {
  const socket = subject.connect('admin');
  await once(socket, 'secureConnect');
  socket.write(
    `POST ${configMaps} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{`,
  );
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString();
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /limit is 3145728/);
});

test('the head of a request over HTTP/1.1 may be as long as a long selector makes it', async () => {
  const selector = encodeURIComponent(`a notin (${many(3_500, (i) => `v${i}`)})`);
  const socket = subject.connect('admin');
  await once(socket, 'secureConnect');
  socket.write(
    `GET ${configMaps}?labelSelector=${selector} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  assert.match(first.toString(), /^HTTP\/1\.1 200 /);
});

test('a thousand watches, and uploads that are broken off leave nothing behind', async () => {
  const { descriptors } = await subject.figures();
  const sockets = Array.from({ length: 20 }, () => subject.connect('admin'));
  for (const socket of sockets) {
    await once(socket, 'secureConnect');
    socket.write(
      `POST ${configMaps} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"metadata"`,
    );
  }
  const stopped: Promise<unknown>[] = [];
  for (let i = 0; i < 1_000; i++) {
    const path = `${configMaps}?watch=1&resourceVersion=0&timeoutSeconds=600`;
    stopped.push(subject.ask('admin', { method: 'GET', path }, 60_000).catch(() => undefined));
  }
  await subject.until('the watches are open', ({ watchers }) => watchers >= 900);
  for (const socket of sockets) socket.destroy();
  await subject.settle();
  await Promise.all(stopped);
  await subject.until('the connections are gone', (figures) => figures.descriptors <= descriptors + 2);
});

test('hostile requests from a seed are all answered, and nothing is lost, leaked or broken', async (t) => {
  // The same for everyone: `npm run fuzz` looks for new ones.
  const seed = Number(process.env['TIMONIER_FUZZ_SEED'] ?? 1);
  const result = await fuzz(subject, {
    seed,
    durationMs: 4_000,
    atLeast: 200,
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(`seed ${seed}: ${result.cases} cases`);
  assert.deepEqual(
    result.problems,
    [],
    `npm run fuzz -- apiserver --seed ${seed}\n${subject.log.slice(-2_000)}`,
  );
  // A run that reaches nothing would find nothing.
  assert.ok((result.statuses.get(201) ?? 0) + (result.statuses.get(200) ?? 0) > 0);
});
