/** Who asks and who may, when services and files outside of the cluster say so; on a real server over HTTPS. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { parseAuthorizationConfiguration } from '../authorization/configuration.ts';
import { hashOf } from '../configuration/followed-file.ts';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { type OidcIssuer, startOidcIssuer } from '../testing/oidc-issuer.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { startWebhookService, type WebhookService } from '../testing/webhook-service.ts';
import { parseAuthenticationConfiguration } from './configuration.ts';

const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const ownIssuer = 'https://kubernetes.default.svc.cluster.local';
const cleanups: (() => unknown)[] = [];
const context = { after: (fn: () => unknown) => void cleanups.push(fn) } as never;
let directory: string;
let server: TestServer;
let issuer: OidcIssuer;
let tokens: WebhookService;
let access: WebhookService;
let authentication = '';
let authorization = '';

/** A provider with rules in CEL; `team` is what its users must be in. */
function authenticationFile(team: string, ca: string): string {
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }] },
    jwt: [
      {
        issuer: {
          url: issuer.url,
          audiences: ['one', 'other'],
          audienceMatchPolicy: 'MatchAny',
          certificateAuthority: ca,
        },
        claimValidationRules: [
          { claim: 'hd', requiredValue: 'example.com' },
          { expression: 'claims.exp - claims.nbf <= 3600', message: 'it holds for too long' },
        ],
        claimMappings: {
          username: { expression: '"corp:" + claims.name' },
          groups: { expression: 'claims.roles.split(",")' },
          uid: { claim: 'sub' },
          extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
        },
        userValidationRules: [
          { expression: "!user.username.startsWith('system:')" },
          { expression: `'${team}' in user.groups` },
        ],
      },
    ],
  });
}

function authorizationFile(failurePolicy: string): string {
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers: [
      {
        type: 'Webhook',
        name: 'gate',
        webhook: {
          authorizedTTL: '1h',
          unauthorizedTTL: '1h',
          timeout: '3s',
          subjectAccessReviewVersion: 'v1',
          matchConditionSubjectAccessReviewVersion: 'v1',
          failurePolicy,
          connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: access.kubeconfig },
          matchConditions: [
            { expression: 'has(request.resourceAttributes)' },
            { expression: "request.resourceAttributes.namespace == 'gated'" },
          ],
        },
      },
      { type: 'Node', name: 'node' },
      { type: 'RBAC', name: 'rbac' },
    ],
  });
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonier-outside-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki: ClusterPki = await createClusterPki(directory, {
    masters: [host],
    workers: [],
    serviceIp: '10.96.0.1',
  });
  issuer = await startOidcIssuer(context, pki);
  tokens = await startWebhookService(context, { pki, directory, name: 'tokens' });
  access = await startWebhookService(context, { pki, directory, name: 'access' });
  tokens.answer = () => ({ status: { authenticated: false } });
  authentication = join(directory, 'authentication.json');
  authorization = join(directory, 'authorization.json');
  const text = authenticationFile('dev', await readFile(pki.caFile, 'utf8'));
  const authorizers = authorizationFile('NoOpinion');
  await writeFile(authentication, text);
  await writeFile(authorization, authorizers);
  server = await startApiServer(context, {
    endpoint: (await startEtcd(context)).endpoint,
    pki,
    directory,
    authentication: {
      webhook: { kubeconfig: tokens.kubeconfig, version: 'v1beta1', cacheMs: 3_600_000 },
      file: {
        path: authentication,
        hash: hashOf(text),
        configuration: parseAuthenticationConfiguration(text, ownIssuer),
      },
    },
    authorization: {
      authorizers: parseAuthorizationConfiguration(authorizers),
      file: { path: authorization, hash: hashOf(authorizers) },
    },
  });
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function whoIs(token: string): Promise<{ status: number; user: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${token}` };
  const { status, json } = await server.request('POST', selfReviews, {}, { as: '', headers });
  return { status, user: json.status?.userInfo };
}

async function token(change: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return issuer.sign({
    aud: ['other', 'else'],
    nbf: now,
    exp: now + 600,
    sub: '17',
    name: 'carol',
    roles: 'dev,ops',
    hd: 'example.com',
    tenant: ['blue', 'red'],
    ...change,
  });
}

test('claims name users by rules in CEL, and every rule must hold', async () => {
  const { status, user } = await whoIs(await token());
  assert.equal(status, 201);
  assert.deepEqual(user, {
    username: 'corp:carol',
    uid: '17',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'example.com/tenant': ['blue', 'red'] },
  });
  for (const change of [
    { aud: 'elsewhere' },
    { hd: 'example.org' },
    { exp: Math.floor(Date.now() / 1_000) + 7_200 },
    { roles: 'ops' },
    { roles: undefined },
    { name: 7 },
    { sub: 17 },
  ])
    assert.equal((await whoIs(await token(change))).status, 401, JSON.stringify(change));
});

test('a service outside says whose token it is, and is not asked twice', async () => {
  tokens.asked.length = 0;
  tokens.answer = ({ spec }) => ({
    status:
      spec.token === 'good'
        ? {
            authenticated: true,
            user: { username: 'dave', uid: '4', groups: ['a'], extra: { Scope: ['x'] } },
          }
        : { authenticated: false },
  });
  for (let i = 0; i < 3; i++)
    assert.deepEqual((await whoIs('good')).user, {
      username: 'dave',
      uid: '4',
      groups: ['a', 'system:authenticated'],
      extra: { scope: ['x'] },
    });
  assert.equal((await whoIs('bad')).status, 401);
  assert.equal(tokens.asked.length, 2);
  assert.deepEqual(tokens.asked[0], {
    apiVersion: 'authentication.k8s.io/v1beta1',
    kind: 'TokenReview',
    metadata: { creationTimestamp: null },
    spec: { token: 'good', audiences: [ownIssuer] },
  });
  tokens.answer = () => 403;
  assert.equal((await whoIs('unknown')).status, 401);
});

test('nobody in particular may ask for what the file names, and for nothing else', async () => {
  const code = async (path: string): Promise<number> => (await server.requestWithout('GET', path, {})).status;
  assert.equal(await code('/livez'), 200);
  assert.equal(await code('/version'), 401);
  assert.equal(await code('/api/v1/namespaces'), 401);
});

test('a front proxy names users in headers, and nobody else does', async () => {
  const headers = {
    'x-remote-user': 'erin',
    'x-remote-group': 'ops',
    'x-remote-uid': '9',
    'x-remote-extra-example.com%2fscope': 'all',
  };
  const ask = async (as: string) => server.request('POST', selfReviews, {}, { as, headers });
  assert.deepEqual((await ask('front-proxy-client')).json.status.userInfo, {
    username: 'erin',
    uid: '9',
    groups: ['ops', 'system:authenticated'],
    extra: { 'example.com/scope': ['all'] },
  });
  assert.equal((await ask('dns')).json.status.userInfo.username, 'system:kube-dns');
  assert.equal((await ask('')).status, 401);
  const bare = await server.request('POST', selfReviews, {}, { as: 'front-proxy-client' });
  assert.equal(bare.status, 401, 'a proxy is nobody itself');
});

test('what secondary servers must know of this one is put right again', async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  const data = async (): Promise<Record<string, string>> =>
    (await server.request('GET', path)).json.data ?? {};
  assert.equal((await data())['requestheader-allowed-names'], '["front-proxy-client"]');
  const patch = { data: { 'requestheader-client-ca-file': 'mine', other: 'kept' } };
  const headers = { 'content-type': 'application/merge-patch+json' };
  assert.equal((await server.request('PATCH', path, patch, { headers })).status, 200);
  await until(async () => (await data())['requestheader-client-ca-file'] !== 'mine', 'it is right again');
  assert.equal((await data())['other'], 'kept');
  assert.equal((await server.request('DELETE', path)).status, 200);
  await until(async () => (await data())['client-ca-file'] !== undefined, 'it is there again');
});

test('an authorization webhook says yes, no or nothing, about what its conditions are about', async () => {
  access.answer = ({ spec }) => {
    const { verb } = spec.resourceAttributes;
    return {
      status:
        verb === 'list'
          ? { allowed: true, reason: 'lists are fine' }
          : { allowed: false, denied: verb === 'create', reason: `no ${verb}` },
    };
  };
  const as = { as: 'dns' };
  const path = '/api/v1/namespaces/gated/configmaps';
  for (let i = 0; i < 2; i++)
    assert.equal((await server.request('GET', `${path}?labelSelector=a%3Db`, undefined, as)).status, 200);
  assert.equal(access.asked.length, 1);
  assert.deepEqual(access.asked[0], {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { creationTimestamp: null },
    spec: {
      resourceAttributes: {
        namespace: 'gated',
        verb: 'list',
        group: '',
        version: 'v1',
        resource: 'configmaps',
        subresource: '',
        name: '',
        labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
      },
      user: 'system:kube-dns',
      groups: ['system:authenticated'],
      uid: '',
      extra: access.asked[0].spec.extra,
    },
  });
  const denied = await server.request('POST', path, { metadata: { name: 'a' } }, as);
  assert.equal(denied.status, 403);
  assert.match(
    denied.json.message,
    /cannot create resource "configmaps".*in the namespace "gated": no create$/,
  );
  // Without an opinion the roles decide; other namespaces are none of its business.
  const before = access.asked.length;
  assert.equal((await server.request('GET', `${path}/a`, undefined, as)).status, 403);
  assert.equal(access.asked.length, before + 1);
  const elsewhere = await server.request('GET', '/api/v1/namespaces/default/configmaps', undefined, as);
  assert.equal(elsewhere.status, 403);
  assert.equal(access.asked.length, before + 1);
  const review = {
    spec: { user: 'zoe', resourceAttributes: { namespace: 'gated', verb: 'create', resource: 'pods' } },
  };
  const asked = await server.request('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', review);
  assert.deepEqual(asked.json.status, { allowed: false, denied: true, reason: 'no create' });
  // Administrators are asked about nothing, whatever it says.
  assert.equal((await server.request('GET', `${path}?limit=1`)).status, 200);
});

test('files are followed: what is right is taken over, and what is wrong changes nothing', async () => {
  access.answer = () => 403;
  const as = { as: 'dns' };
  const path = '/api/v1/namespaces/gated/services';
  // The role of this identity allows it; a webhook that fails has no opinion.
  assert.equal((await server.request('GET', path, undefined, as)).status, 200);
  await writeFile(authorization, '{"kind": "AuthorizationConfiguration"}');
  const count = async (name: string, status: string): Promise<number> => {
    const metric = await server.metrics.getSingleMetric(name)?.get();
    return metric?.values.find(({ labels }) => labels['status'] === status)?.value ?? 0;
  };
  const reloads = 'apiserver_authorization_config_controller_automatic_reloads_total';
  await until(async () => (await count(reloads, 'failure')) === 1, 'the bad file is noticed');
  assert.equal((await server.request('GET', path, undefined, as)).status, 200);
  await writeFile(authorization, authorizationFile('Deny'));
  await until(async () => (await count(reloads, 'success')) === 1, 'the good file is noticed');
  assert.equal((await server.request('GET', path, undefined, as)).status, 403);
  const ca = await readFile(server.pki.caFile, 'utf8');
  await writeFile(authentication, authenticationFile('ops', ca));
  const carol = await token({ roles: 'ops' });
  await until(async () => (await whoIs(carol)).status === 201, 'the rules for claims have changed');
  assert.equal((await whoIs(await token({ roles: 'dev' }))).status, 401);
});
