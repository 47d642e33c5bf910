import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { test } from 'node:test';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const namespace = '/api/v1/namespaces/default';
const audience = 'https://kubernetes.default.svc.cluster.local';

/** What a program in a pod does, once the server has heard of all that was written: no certificate, only the token. */
async function withToken(server: TestServer, token: string, path: string): Promise<number> {
  await server.caughtUp();
  const call = request({
    host: '127.0.0.1',
    port: server.port,
    path,
    servername: 'localhost',
    ca: await readFile(server.pki.caFile),
    headers: { authorization: `Bearer ${token}` },
    agent: false,
  }).end();
  const [answer] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

test('a pod gets a token of its account, which holds for what the account may and as long as the pod is there', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint, admission: ['ServiceAccount'] });
  const post = async (path: string, body: unknown, as = 'admin') =>
    server.request('POST', path, body, { as });
  await post(`${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  await server.caughtUp();
  const container = { name: 'c', image: 'i' };
  const created = await post(`${namespace}/pods`, {
    metadata: { name: 'p' },
    spec: { nodeName: 'master-1', containers: [container] },
  });
  assert.equal(created.status, 201);
  const pod = created.json;
  const [mount] = pod.spec.containers[0].volumeMounts;
  assert.equal(mount.mountPath, '/var/run/secrets/kubernetes.io/serviceaccount');
  assert.equal(pod.spec.volumes[0].name, mount.name);
  const asked = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      expirationSeconds: 3607,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid },
    },
  };
  await server.caughtUp();
  const path = `${namespace}/serviceaccounts/default/token`;
  const answer = await post(path, asked, 'kubelet-master-1');
  assert.equal(answer.status, 201, answer.body.toString());
  const token = answer.json.status.token as string;
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.sub, 'system:serviceaccount:default:default');
  assert.deepEqual(claims.aud, [audience]);
  assert.deepEqual(claims['kubernetes.io'].pod, { name: 'p', uid: pod.metadata.uid });
  assert.equal(claims['kubernetes.io'].warnafter, claims.iat + 3607);
  // A node may not have tokens of its own choice.
  assert.equal((await post(path, { ...asked, spec: {} }, 'kubelet-master-1')).status, 403);
  assert.equal((await post(path, { ...asked, spec: { expirationSeconds: 5 } })).status, 422);

  assert.equal(await withToken(server, token, '/api'), 200);
  assert.equal(await withToken(server, token, `${namespace}/pods`), 403);
  await post(`/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings`, {
    metadata: { name: 'view' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  });
  assert.equal(await withToken(server, token, `${namespace}/pods`), 200);
  assert.equal(await withToken(server, token, `${namespace}/secrets`), 403);
  const [head = '', payload = '', signature = ''] = token.split('.');
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:admin' })).toString('base64url');
  assert.equal(await withToken(server, `${head}.${forged}.${signature}`, '/api'), 401);
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  assert.equal(await withToken(server, `${none}.${payload}.`, '/api'), 401);

  const review = await post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
  assert.equal(review.json.status.user.username, 'system:serviceaccount:default:default');
  assert.deepEqual(review.json.status.user.extra['authentication.kubernetes.io/pod-name'], ['p']);
  await server.request('DELETE', `${namespace}/pods/p?gracePeriodSeconds=0`);
  assert.equal(await withToken(server, token, '/api'), 401);
});

test('a token that is bound to a node holds as long as that very node is there', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  await server.request('POST', `${namespace}/serviceaccounts`, { metadata: { name: 'robot' } });
  const nodes = '/api/v1/nodes';
  const node = (await server.request('POST', nodes, { metadata: { name: 'n1' } })).json;
  await server.caughtUp();
  const ask = (name: string) =>
    server.request('POST', `${namespace}/serviceaccounts/robot/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name } },
    });
  assert.equal((await ask('n2')).json.message, 'nodes "n2" not found');
  const answer = await ask('n1');
  assert.equal(answer.status, 201, answer.body.toString());
  const token = answer.json.status.token as string;
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.deepEqual(claims['kubernetes.io'].node, { name: 'n1', uid: node.metadata.uid });
  const review = await server.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token },
  });
  assert.deepEqual(review.json.status.user.extra['authentication.kubernetes.io/node-name'], ['n1']);
  assert.equal(await withToken(server, token, '/api'), 200);
  await server.request('DELETE', `${nodes}/n1`);
  assert.equal(await withToken(server, token, '/api'), 401);
  await server.request('POST', nodes, { metadata: { name: 'n1' } });
  assert.equal(await withToken(server, token, '/api'), 401, 'another node of the name');
});

test('a token in a Secret holds without an end, for as long as the Secret has it and its account is there', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const account = (
    await server.request('POST', `${namespace}/serviceaccounts`, { metadata: { name: 'robot' } })
  ).json;
  // As the controllers make it, with the key that they share with the server.
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const prefix = 'kubernetes.io/serviceaccount';
  const claims = {
    iss: 'kubernetes/serviceaccount',
    [`${prefix}/namespace`]: 'default',
    [`${prefix}/secret.name`]: 'robot',
    [`${prefix}/service-account.name`]: 'robot',
    [`${prefix}/service-account.uid`]: account.metadata.uid,
    sub: 'system:serviceaccount:default:robot',
  };
  const text = `${part({ alg: 'ES256' })}.${part(claims)}`;
  const key = createPrivateKey(await readFile(server.pki.serviceAccountKeyFile));
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  const token = `${text}.${signature.toString('base64url')}`;
  const data = (value: string) => ({ data: { token: Buffer.from(value).toString('base64') } });
  const secret = `${namespace}/secrets/robot`;
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };

  assert.equal(await withToken(server, token, '/api'), 401, 'no Secret has it');
  await server.request('POST', `${namespace}/secrets`, {
    metadata: { name: 'robot', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    type: 'kubernetes.io/service-account-token',
    ...data(token),
  });
  assert.equal(await withToken(server, token, '/api'), 200);
  const review = await server.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token },
  });
  assert.equal(review.json.status.user.username, claims.sub);
  assert.equal(review.json.status.user.uid, account.metadata.uid);
  const tracking = `/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking`;
  assert.match((await server.request('GET', tracking)).json.data.since, /^\d{4}-\d\d-\d\d$/);
  await until(async () => {
    const { labels = {} } = (await server.request('GET', secret)).json.metadata;
    return labels['kubernetes.io/legacy-token-last-used'] === new Date().toISOString().slice(0, 10);
  }, 'its use is noted');
  await server.request('PATCH', secret, data('another'), merge);
  assert.equal(await withToken(server, token, '/api'), 401, 'the Secret has another one');
  await server.request('PATCH', secret, data(token), merge);
  const unused = { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } } };
  await server.request('PATCH', secret, unused, merge);
  assert.equal(await withToken(server, token, '/api'), 401, 'it was declared invalid');
  await server.request('PATCH', secret, { metadata: { labels: null } }, merge);
  assert.equal(await withToken(server, token, '/api'), 200);
  await server.request('DELETE', `${namespace}/serviceaccounts/robot`);
  assert.equal(await withToken(server, token, '/api'), 401, 'its account is gone');
});
