import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { type OidcIssuer, startOidcIssuer } from '../testing/oidc-issuer.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { fetchJsonWith } from './fetch-json.ts';
import { providerOfFlags } from './from-flags.ts';
import { JwtTokens } from './jwt.ts';
import { type OidcOptions, userOf } from './oidc.ts';
import { RememberedTokens } from './token-chain.ts';
import { TokenFile } from './token-file.ts';

const reviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const secrets = '/api/v1/namespaces/kube-system/secrets';
const clientId = 'timonier';

const cleanups: (() => unknown)[] = [];
const context = { after: (fn: () => unknown) => void cleanups.push(fn) } as never;
let server: TestServer;
let issuer: OidcIssuer;
let ca: Buffer;

const oidc = (): OidcOptions => ({
  issuer: issuer.url,
  clientId,
  usernameClaim: 'email',
  usernamePrefix: '',
  groupsClaim: 'groups',
  groupsPrefix: 'oidc:',
  requiredClaims: new Map([['hd', 'example.com']]),
  signingAlgorithms: ['RS256'],
});

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-authn-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki: ClusterPki = await createClusterPki(directory, {
    masters: [host],
    workers: [],
    serviceIp: '10.96.0.1',
  });
  ca = await readFile(pki.caFile);
  issuer = await startOidcIssuer(context, pki);
  server = await startApiServer(context, {
    endpoint: (await startEtcd(context)).endpoint,
    pki,
    directory,
    authentication: {
      tokenFile: 'abc,alice,1,"dev,ops"\ndef,bob,2\n',
      bootstrapTokens: true,
      providers: [providerOfFlags(oidc(), ca)],
    },
  });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/kube-system')).status === 200,
    'the namespace is there',
  );
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Tokens are looked up in the watch cache, which a read waits for. */
async function caughtUp(): Promise<void> {
  assert.equal((await server.request('GET', secrets)).status, 200);
}

/** What a review says about a token: the user's name and groups, or nothing. */
async function review(token: string): Promise<string> {
  const { json } = await server.request('POST', reviews, { spec: { token } });
  const { user } = json.status as { user: { username?: string; groups?: string[] } };
  return [user.username, ...(user.groups ?? [])].join(' ');
}

async function claims(change: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return issuer.sign({
    aud: clientId,
    exp: Math.floor(Date.now() / 1_000) + 600,
    email: 'carol@example.com',
    email_verified: true,
    groups: ['dev'],
    hd: 'example.com',
    ...change,
  });
}

test('tokens of a file name users and groups, and nothing like them does', async () => {
  assert.equal(await review('abc'), 'alice dev ops system:authenticated');
  assert.equal(await review('def'), 'bob system:authenticated');
  assert.equal(await review('abcd'), '');
  const none = await server.request('POST', reviews, { spec: { token: '' } });
  assert.deepEqual(
    [none.status, none.json.message],
    [400, 'token is required for TokenReview in authentication'],
  );
  assert.throws(() => new TokenFile('only,two', ''), /line 1 must have at least token, user and uid/);
  const file = new TokenFile('"a,b","x ""y""",3,g', 'here');
  assert.deepEqual(file.authenticate('a,b')?.user, {
    name: 'x "y"',
    uid: '3',
    groups: ['g', 'system:authenticated'],
  });
  assert.equal(file.authenticate('a,b', ['elsewhere']), undefined);
});

test('a bootstrap token holds for what its Secret says, and no longer than that', async () => {
  const secret = 'abcdefghij012345';
  const write = async (data: Readonly<Record<string, string>>): Promise<void> => {
    await server.request('DELETE', `${secrets}/bootstrap-token-abcdef`);
    const stringData = {
      'token-id': 'abcdef',
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      ...data,
    };
    const object = {
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData,
    };
    const made = await server.request('POST', secrets, object);
    assert.equal(made.status, 201, made.body.toString());
    await caughtUp();
  };
  const token = `abcdef.${secret}`;
  const group = 'system:bootstrappers:kubeadm:default-node-token';
  await write({ 'auth-extra-groups': group, expiration: new Date(Date.now() + 600_000).toISOString() });
  assert.equal(
    await review(token),
    `system:bootstrap:abcdef system:bootstrappers ${group} system:authenticated`,
  );
  assert.equal(await review('abcdef.abcdefghij012346'), '');
  for (const data of [
    { expiration: '2020-01-01T00:00:00Z' },
    { expiration: 'never' },
    { 'usage-bootstrap-authentication': 'false' },
    { 'auth-extra-groups': 'system:masters' },
    { 'token-id': 'abcdeg' },
  ]) {
    await write(data);
    assert.equal(await review(token), '', JSON.stringify(data));
  }
  await write({});
  assert.notEqual(await review(token), '');
  await server.request('DELETE', `${secrets}/bootstrap-token-abcdef`);
  await caughtUp();
  assert.equal(await review(token), '');
});

test('tokens of an OpenID Connect provider are taken as far as their claims and signature go', async () => {
  const carol = 'carol@example.com oidc:dev system:authenticated';
  assert.equal(await review(await claims()), carol);
  assert.equal(await review(await claims({ groups: 'dev' })), carol);
  const seconds = Math.floor(Date.now() / 1_000);
  for (const change of [
    { exp: seconds - 1 },
    { exp: undefined },
    { nbf: seconds + 3_600 },
    { aud: 'somebody else' },
    { iss: 'https://localhost:1' },
    { hd: 'example.org' },
    { email_verified: false },
    { email: undefined },
    { groups: [1] },
  ])
    assert.equal(await review(await claims(change)), '', JSON.stringify(change));
  const [head = '', payload = '', signature = ''] = (await claims()).split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const forged = Buffer.from(
    JSON.stringify({
      ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
      email: 'root@example.com',
    }),
  ).toString('base64url');
  for (const token of [
    `${none}.${payload}.`,
    `${head}.${forged}.${signature}`,
    `${head}.${payload}.`,
    'a.b.c',
  ])
    assert.equal(await review(token), '');
});

test('a request with such a token is served as its user', async () => {
  const authorization = `Bearer ${await claims()}`;
  const answer = await server.requestWithout('GET', '/api/v1/namespaces/default/pods', { authorization });
  assert.equal(answer.status, 403);
  assert.match(answer.body.toString(), /User \\"carol@example.com\\" cannot list resource \\"pods\\"/);
  const refused = await server.requestWithout('GET', '/version', { authorization: 'Bearer a.b.c' });
  assert.equal(refused.status, 401);
});

test('keys that the provider changed are fetched again, but not for every token that anybody makes', async () => {
  let now = Date.now();
  const tokens = new JwtTokens();
  const outside = { fetchJson: fetchJsonWith(ca), now: () => now, audience: 'here' };
  tokens.configure([{ ...providerOfFlags(oidc(), ca), ...outside }]);
  const nameOf = async (token: string): Promise<string | undefined> =>
    (await tokens.authenticate(token))?.user.name;
  assert.equal(await nameOf(await claims()), 'carol@example.com');
  const { fetches } = issuer;
  await issuer.rotate();
  now += 1_000;
  const early = await claims();
  for (let i = 0; i < 5; i++) assert.equal(await nameOf(early), undefined);
  assert.equal(issuer.fetches, fetches);
  now += 10_000;
  assert.equal(await nameOf(early), 'carol@example.com');
  assert.equal(issuer.fetches, fetches + 1);
  // Verified once, and remembered for a while only.
  assert.ok(!(tokens.authenticate(early) instanceof Promise));
  now += 10_000;
  assert.ok(tokens.authenticate(early) instanceof Promise);
});

// Conformance: ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer
test('tokens of service accounts are checked by anybody with what discovery tells', async () => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await server.request('POST', accounts, { metadata: { name: 'reader' } });
  const asked = { spec: { audiences: ['elsewhere'], expirationSeconds: 600 } };
  const issued = await server.request('POST', `${accounts}/reader/token`, asked);
  assert.equal(issued.status, 201, issued.body.toString());
  const own = await server.request('POST', `${accounts}/reader/token`, { spec: {} });
  const headers = { authorization: `Bearer ${own.json.status.token}` };
  // Every account may read them, and nobody without a token may.
  const configuration = await server.requestWithout('GET', '/.well-known/openid-configuration', headers);
  assert.equal(configuration.status, 200, configuration.body.toString());
  assert.match(configuration.json.jwks_uri, /^https:.*\/openid\/v1\/jwks$/);
  const keys = await server.requestWithout('GET', '/openid/v1/jwks', headers);
  assert.equal(keys.headers['content-type'], 'application/jwk-set+json');
  assert.equal((await server.requestWithout('GET', '/openid/v1/jwks', {})).status, 403);
  const { payload } = await jwtVerify(issued.json.status.token, createLocalJWKSet(keys.json), {
    issuer: configuration.json.issuer,
    audience: 'elsewhere',
    algorithms: configuration.json.id_token_signing_alg_values_supported,
  });
  assert.equal(payload.sub, 'system:serviceaccount:default:reader');
});

test('prefixes of users are the issuer unless the claim is email or another is given', () => {
  const options = { ...oidc(), issuer: 'https://i', usernameClaim: 'sub', requiredClaims: new Map() };
  const name = (usernamePrefix: string): string | undefined =>
    userOf({ sub: 'x' }, { ...options, usernamePrefix })?.name;
  assert.equal(name(''), 'https://i#x');
  assert.equal(name('-'), 'x');
  assert.equal(name('p:'), 'p:x');
  assert.equal(userOf({}, { ...options, usernameClaim: 'constructor' }), undefined);
});

test('remembered tokens are bounded in number and time', () => {
  let now = 0;
  const remembered = new RememberedTokens(() => now);
  const user = { name: 'x', groups: [] };
  for (let i = 0; i < 5_000; i++) remembered.add(String(i), user, 60_000);
  assert.equal(remembered.find('0'), undefined);
  assert.equal(remembered.find('4999'), user);
  remembered.add('short', user, 5);
  now = 6;
  assert.equal(remembered.find('short'), undefined);
  now = 10_001;
  assert.equal(remembered.find('4999'), undefined);
});
