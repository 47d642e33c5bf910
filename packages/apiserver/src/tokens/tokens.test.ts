import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { test } from 'node:test';
import { startApiServer, type TestServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const namespace = '/api/v1/namespaces/default';
const audience = 'https://kubernetes.default.svc.cluster.local';

/** What a program in a pod does: no certificate, only the token. */
async function withToken(server: TestServer, token: string, path: string): Promise<number> {
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
