/** What a server decides that has not heard yet of what it wrote itself. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { portKey } from './allocation/allocations.ts';
import { StoreClient } from './storage/store-client.ts';
import { startApiServer, type TestServer } from './testing/harness.ts';
import { type LateNews, lateNews } from './testing/late-news.ts';
import { startEtcd } from './testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const registration = '/apis/admissionregistration.k8s.io/v1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const ranges = '/apis/networking.k8s.io/v1/servicecidrs';

async function serverFor(t: TestContext): Promise<{ server: TestServer; news: LateNews; endpoint: string }> {
  const news = lateNews(t);
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  await server.caughtUp();
  return { server, news, endpoint };
}

async function ask(
  server: TestServer,
  status: number,
  ...request: Parameters<TestServer['request']>
): ReturnType<TestServer['request']> {
  const answer = await server.request(...request);
  assert.equal(answer.status, status, `${request[0]} ${request[1]}: ${answer.body.toString()}`);
  return answer;
}

test('a dry run is of what is stored, also before the server has heard of it', async (t) => {
  const { server, news } = await serverFor(t);
  news.hold();
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  await ask(server, 201, 'POST', configMaps, { metadata: { name: 'a' }, data: { a: '1' } });
  await ask(server, 409, 'POST', `${configMaps}?dryRun=All`, { metadata: { name: 'a' } });
  await ask(server, 200, 'PATCH', `${configMaps}/a`, { data: { b: '2' } }, merge);
  const tried = await ask(server, 200, 'PATCH', `${configMaps}/a?dryRun=All`, { data: { c: '3' } }, merge);
  assert.deepEqual(tried.json.data, { a: '1', b: '2', c: '3' });
  await ask(server, 200, 'DELETE', `${configMaps}/a`);
  await ask(server, 404, 'DELETE', `${configMaps}/a?dryRun=All`);
});

test('a range stays whose address was taken a moment ago', async (t) => {
  const { server, news } = await serverFor(t);
  await ask(server, 201, 'POST', ranges, { metadata: { name: 'more' }, spec: { cidrs: ['10.97.0.0/24'] } });
  await server.caughtUp();
  news.hold();
  const spec = { clusterIP: '10.97.0.9', ports: [{ port: 80 }] };
  await ask(server, 201, 'POST', '/api/v1/namespaces/default/services', { metadata: { name: 'far' }, spec });
  const asked = news.asked();
  const deletion = server.request('DELETE', `${ranges}/more`);
  // One that is not refused does not ask.
  await Promise.race([asked, deletion]);
  news.release();
  const { status, json } = await deletion;
  assert.equal(status, 409);
  assert.match(json.message, /has addresses in use that no other range has, such as 10\.97\.0\.9$/);
});

test('the last free port is found also by who has not heard that the others were taken', async (t) => {
  const { server, news, endpoint } = await serverFor(t);
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  news.hold();
  const free = 31_234;
  const taken = Array.from({ length: 2_768 }, (_, i) => 30_000 + i).filter((port) => port !== free);
  while (taken.length > 0)
    await store.txn(
      [],
      taken.splice(0, 100).map((port) => ({ requestPut: { key: portKey(port), value: 'default/other' } })),
      [],
    );
  const asked = news.asked();
  const spec = { type: 'NodePort', ports: [{ port: 80 }] };
  const creation = ask(server, 201, 'POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'last' },
    spec,
  });
  await Promise.race([asked, creation]);
  news.release();
  const { json } = await creation;
  assert.equal(json.spec.ports[0].nodePort, free);
});

test('whoever may read the parameters of a policy binds it at once', async (t) => {
  const { server, news } = await serverFor(t);
  const group = 'rbac.authorization.k8s.io';
  const rules = [
    { verbs: ['*'], apiGroups: ['admissionregistration.k8s.io'], resources: ['*'] },
    { verbs: ['get'], apiGroups: [''], resources: ['configmaps'] },
  ];
  await ask(server, 201, 'POST', `${rbac}/clusterroles`, { metadata: { name: 'author' }, rules });
  await ask(server, 201, 'POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'author' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'author' },
    subjects: [{ kind: 'User', name: 'zoe', apiGroup: group }],
  });
  await server.caughtUp();
  const zoe = { headers: { 'impersonate-user': 'zoe' } };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const policy = {
    metadata: { name: 'p' },
    spec: {
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: 'true' }],
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    },
  };
  const binding = {
    metadata: { name: 'p' },
    spec: {
      policyName: 'p',
      validationActions: ['Deny'],
      paramRef: { name: 'x', namespace: 'default', parameterNotFoundAction: 'Deny' },
    },
  };
  news.hold();
  await ask(server, 201, 'POST', `${registration}/validatingadmissionpolicies`, policy, zoe);
  const asked = news.asked();
  const path = `${registration}/validatingadmissionpolicybindings`;
  const bound = server.request('POST', path, binding, zoe);
  // One that is refused for what is known does not ask.
  await Promise.race([asked, bound]);
  news.release();
  const { status, json } = await bound;
  assert.equal(status, 201, JSON.stringify(json));
});
