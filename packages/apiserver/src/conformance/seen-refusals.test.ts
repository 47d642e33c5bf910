/** How kube-apiserver 1.36.3 was seen to refuse what clients ask for wrongly, on a real server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { test } from 'node:test';
import { sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const maps = '/api/v1/namespaces/default/configmaps';

const tokens: readonly (readonly [token: string, why: string])[] = [
  ['abc', "invalid character 'i' looking for beginning of value"],
  ['!!!', 'illegal base64 data at input byte 0'],
  ['a=b', 'illegal base64 data at input byte 1'],
  ['YQ==', 'illegal base64 data at input byte 2'],
  ['eyJ2', 'unexpected end of JSON input'],
  [of({}), 'server does not recognize this encoded version '],
  [of(null), 'server does not recognize this encoded version '],
  [of({ v: 'x2', rv: 10, start: 'a' }), 'server does not recognize this encoded version x2'],
  [of({ v: 'meta.k8s.io/v1', rv: 10, start: '' }), 'encoded start key empty (version meta.k8s.io/v1)'],
  [
    of({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' }),
    'incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
  ],
  [of({ v: 'meta.k8s.io/v1', rv: 10, start: '../../a' }), '../../a'],
  [
    of({ v: 'meta.k8s.io/v1', rv: 'x', start: 'a' }),
    'json: cannot unmarshal string into Go struct field continueToken.rv of type int64',
  ],
];

function of(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

test('a token that is none is refused with what is wrong with it', async () => {
  for (const [token, why] of tokens) {
    const { message } = await shared.ask(400, 'GET', `${maps}?limit=1&continue=${encodeURIComponent(token)}`);
    assert.equal(message, `invalid continue token: continue key is not valid: ${why}`, token);
  }
  const present = of({ v: 'meta.k8s.io/v1', rv: -2, start: 'a\0' });
  const { items } = await shared.ask(200, 'GET', `${maps}?continue=${present}`);
  assert.ok(Array.isArray(items));
  const ahead = of({ v: 'meta.k8s.io/v1', rv: 9_999_999, start: 'a\0' });
  const { message } = await shared.ask(504, 'GET', `${maps}?continue=${ahead}`);
  assert.match(message, /^Timeout: Too large resource version: 9999999, current: \d+$/);
});

const plain = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const events = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
const accepted = (types: string): string => `only the following media types are accepted: ${types}`;
const available = (types: string): string => `406: Not Acceptable\n\nAvailable representations: ${types}`;

test('nothing is done that could not be answered in the form that is asked for', async () => {
  const headers = { accept: 'application/json;as=Foo;v=v1;g=meta.k8s.io' };
  const body = { metadata: { name: 'unanswerable' } };
  const refused = await shared.ask(406, 'POST', maps, body, { headers });
  assert.equal(refused.message, accepted(plain));
  await shared.ask(404, 'GET', `${maps}/unanswerable`);
  await shared.ask(201, 'POST', maps, body);
  await shared.ask(406, 'PUT', `${maps}/unanswerable`, { ...body, data: { a: 'b' } }, { headers });
  await shared.ask(
    406,
    'PATCH',
    `${maps}/unanswerable`,
    { data: { a: 'b' } },
    {
      headers: { ...headers, 'content-type': 'application/merge-patch+json' },
    },
  );
  await shared.ask(406, 'DELETE', `${maps}/unanswerable`, undefined, { headers });
  const { data } = await shared.ask(200, 'GET', `${maps}/unanswerable`);
  assert.equal(data, undefined);
});

test('what cannot be answered in the form that is asked for is refused with the forms that there are', async () => {
  const refused: readonly (readonly [path: string, accept: string, message: string])[] = [
    [`${maps}?watch=1`, 'application/xml', available(`${plain}, ${events}`)],
    [`${maps}?watch=1`, 'application/yaml', accepted(events)],
    [`${maps}?watch=1`, 'application/json;as=Foo;v=v1;g=meta.k8s.io', accepted(plain)],
    [`${maps}?watch=1`, 'application/json;stream=foo', accepted(plain)],
    [maps, 'text/html', available(`${plain}, ${events}`)],
    [maps, 'application/json;stream=foo', accepted(plain)],
    [maps, 'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', accepted(plain)],
    ['/api/v1/namespaces/default', 'application/xml', available(plain)],
  ];
  for (const [path, accept, message] of refused) {
    const answer = await shared.server.request('GET', path, undefined, { headers: { accept } });
    assert.equal(answer.status, 406, `${path} as ${accept}`);
    // In YAML it goes on in the next line.
    const text = answer.body.toString().replaceAll(/\n +/g, ' ');
    assert.ok(text.includes(JSON.stringify(message).slice(1, -1)), `${path} as ${accept}: ${text}`);
  }
  await shared.ask(200, 'GET', maps, undefined, { headers: { accept: 'application/json;stream=watch' } });
});

test('health is for everyone, and its single checks for those who may get their paths', async () => {
  const nobody = async (path: string): Promise<number> =>
    (await shared.server.requestWithout('GET', path, {})).status;
  for (const path of ['/livez', '/readyz', '/healthz', '/livez?verbose', '/version'])
    assert.equal(await nobody(path), 200, path);
  for (const path of ['/livez/ping', '/livez/nothing', '/livez/', '/readyz/x', '/healthz/x'])
    assert.equal(await nobody(path), 403, path);
  assert.equal((await shared.server.request('GET', '/livez/nothing')).status, 404);
});

test('a token behind two spaces is not looked at, and one before a third word is', async () => {
  const asked = (authorization: string) =>
    shared.server.requestWithout('GET', '/api/v1/pods', { authorization });
  for (const [authorization, status] of [
    ['Bearer  x', 403],
    ['Bearer   x y', 403],
    ['Bearer', 403],
    ['Bearer ', 403],
    ['Basic abc', 403],
    ['Bearer x', 401],
    ['BEARER x', 401],
    ['Bearer x y', 401],
  ] as const) {
    const answer = await asked(authorization);
    assert.equal(answer.status, status, authorization);
    const warning =
      '299 - "the provided Authorization header contains extra space before the bearer token, and is ignored"';
    assert.equal(
      answer.headers['warning'],
      authorization.startsWith('Bearer  ') ? warning : undefined,
      authorization,
    );
  }
});

test('who asks to switch protocols where nothing can is answered as if he had not', async () => {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const { pki, port } = shared.server;
  const files = pki.files('admin');
  const identity = {
    ca: await readFile(pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
    servername: 'localhost',
  };
  for (const path of [`${maps}?limit=1`, '/healthz', '/version']) {
    const request = httpsRequest({ host: '127.0.0.1', port, ...identity, path, headers });
    request.end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 200, path);
    answer.resume();
  }
});

test('numbers are those of 64 bits', async () => {
  await shared.ask(200, 'GET', `${maps}?limit=9223372036854775807`);
  await shared.ask(200, 'GET', `${maps}?limit=%2B1`);
  const { message } = await shared.ask(400, 'GET', `${maps}?limit=9223372036854775808`);
  assert.equal(message, 'strconv.ParseInt: parsing "9223372036854775808": value out of range');
  // Over before it begins.
  await shared
    .ask(200, 'GET', `${maps}?watch=1&resourceVersion=1&timeoutSeconds=-5`)
    .catch((error: unknown) => {
      // There are no events, and so there is no JSON.
      assert.ok(error instanceof SyntaxError);
    });
});
