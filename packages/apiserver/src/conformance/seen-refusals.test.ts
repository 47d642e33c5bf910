/** How kube-apiserver 1.36.3 was seen to refuse what clients ask for wrongly, on a real server. */
import assert from 'node:assert/strict';
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
