/** What an eviction demands of the pod that it deletes, on a server whose writes can be held before their commit. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { activeAs, FakeOffice } from '../testing/fake-office.ts';
import { type Answer, startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const core = '/api/v1/namespaces/default';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const office = '7@master-1';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const control = join(tmpdir(), `timonier-failpoints-${process.pid}-${Math.random()}`);
const cleanups: (() => unknown)[] = [];
let server: TestServer;

before(async () => {
  const context = { after: (fn: () => unknown) => void cleanups.push(fn) };
  const { endpoint } = await startEtcd(context);
  const store = new StoreClient({ endpoints: [endpoint] });
  await store.txn([], [{ requestPut: { key: '/timonier/office', value: office } }], []);
  store.close();
  server = await startApiServer(context, {
    endpoint,
    office: new FakeOffice(activeAs(office)),
    env: { TIMONIER_FAILPOINTS: control },
  });
  cleanups.push(() => Promise.all([control, `${control}.held`].map((file) => rm(file, { force: true }))));
  await until(async () => (await server.request('GET', core)).status === 200, 'the namespace is there');
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await ask(201, 'POST', `${rbac}/clusterroles`, {
    metadata: { name: 'evict' },
    rules: [{ apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] }],
  });
  await ask(201, 'POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'evict' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'evict' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-scheduler' }],
  });
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function ask(status: number, ...request: Parameters<TestServer['request']>): Promise<Answer['json']> {
  const answer = await server.request(...request);
  assert.equal(answer.status, status, `${request[1]}: ${answer.body.toString().slice(0, 600)}`);
  return answer.json;
}

const ready = (isReady: boolean): object => ({
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

/** A pod on a node, and a budget of it. Returns the pod. */
async function podUnder(name: string, status: object, counts: object): Promise<Answer['json']> {
  const labels = { app: name };
  await ask(201, 'POST', `${core}/pods`, {
    metadata: { name, labels },
    spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'demo:1' }] },
  });
  await ask(201, 'POST', budgets, {
    metadata: { name },
    spec: { minAvailable: 1, selector: { matchLabels: labels } },
  });
  const some = { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1, observedGeneration: 1 };
  await ask(200, 'PATCH', `${budgets}/${name}/status`, { status: { ...some, ...counts } }, merge);
  return ask(200, 'PATCH', `${core}/pods/${name}/status`, status, merge);
}

const evictionOf = (name: string, preconditions: object): object => ({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  metadata: { name },
  deleteOptions: { preconditions },
});

const typesOf = (pod: Answer['json']): string[] =>
  pod.status.conditions.map(({ type }: { type: string }) => type);

test('an eviction of the version that the pod has goes through', async () => {
  const { metadata } = await podUnder('same', ready(true), { disruptionsAllowed: 1 });
  const { uid, resourceVersion } = metadata;
  await ask(201, 'POST', `${core}/pods/same/eviction`, evictionOf('same', { uid, resourceVersion }));
  const pod = await ask(200, 'GET', `${core}/pods/same`);
  assert.ok(pod.metadata.deletionTimestamp);
  assert.deepEqual(typesOf(pod), ['Ready', 'DisruptionTarget']);
  // Whoever asks again finds it on its way, with the time and the word that it has.
  await ask(201, 'POST', `${core}/pods/same/eviction`, evictionOf('same', { uid }));
  assert.deepEqual(await ask(200, 'GET', `${core}/pods/same`), pod);
});

test('an eviction of another pod or of another version leaves the pod as it is', async () => {
  const before = await podUnder('other', ready(true), { disruptionsAllowed: 3 });
  const path = `${core}/pods/other/eviction`;
  assert.match(
    (await ask(409, 'POST', path, evictionOf('other', { uid: 'f00' }))).message,
    /^Operation cannot be fulfilled on Pod "other": the UID in the precondition \(f00\) does not match the UID in record/,
  );
  assert.match(
    (await ask(409, 'POST', path, evictionOf('other', { resourceVersion: '1' }))).message,
    /the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record/,
  );
  assert.deepEqual(await ask(200, 'GET', `${core}/pods/other`), before);
});

/** Evicts a pod that changes into a ready one after it was looked at, and before anything is written. */
async function evictWhileItBecomesReady(name: string): Promise<Answer> {
  await rm(`${control}.held`, { force: true });
  await writeFile(control, 'hold-commit:system:kube-scheduler\n');
  const answer = server.request('POST', `${core}/pods/${name}/eviction`, evictionOf(name, {}), {
    as: 'scheduler',
    headers: { 'timonier-office': office },
  });
  const isHeld = (): Promise<boolean> =>
    readFile(`${control}.held`, 'utf8').then(
      (text) => text !== '',
      () => false,
    );
  await until(isHeld, 'the eviction is about to be written');
  await ask(200, 'PATCH', `${core}/pods/${name}/status`, ready(true), merge);
  await writeFile(control, '');
  return answer;
}

test('a pod that becomes ready while it is evicted counts for its budget after all', async () => {
  await podUnder('sick', ready(false), { disruptionsAllowed: 0 });
  const answer = await evictWhileItBecomesReady('sick');
  assert.equal(answer.status, 429);
  assert.deepEqual(answer.json.details, {
    causes: [
      {
        reason: 'DisruptionBudget',
        message: 'The disruption budget sick is still being processed by the server.',
      },
    ],
    retryAfterSeconds: 10,
  });
  assert.equal(answer.headers['retry-after'], '10');
  const pod = await ask(200, 'GET', `${core}/pods/sick`);
  assert.equal(pod.metadata.deletionTimestamp, undefined);
  assert.deepEqual(typesOf(pod), ['Ready']);
});

test('a pod that begins while it is evicted asks its budget after all', async () => {
  await podUnder('young', { status: { phase: 'Pending' } }, { disruptionsAllowed: 0 });
  const answer = await evictWhileItBecomesReady('young');
  assert.equal(answer.status, 429);
  assert.equal(
    answer.json.details.causes[0].message,
    'The disruption budget young needs 1 healthy pods and has 1 currently',
  );
  assert.equal((await ask(200, 'GET', `${core}/pods/young`)).metadata.deletionTimestamp, undefined);
});

test('a budget without room says why, as far as it knows', async () => {
  await podUnder('full', ready(true), { disruptionsAllowed: 0 });
  const refusal = async (status: object): Promise<string> => {
    await ask(200, 'PATCH', `${budgets}/full/status`, { status }, merge);
    const answer = await ask(429, 'POST', `${core}/pods/full/eviction`, evictionOf('full', {}));
    assert.equal(answer.details.retryAfterSeconds, undefined);
    return answer.details.causes[0].message;
  };
  const condition = (reason: string, message: string): object => ({
    conditions: [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason,
        message,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  });
  const not = 'The disruption budget full does not allow evicting pods currently';
  assert.equal(await refusal({}), 'The disruption budget full needs 1 healthy pods and has 1 currently');
  assert.equal(await refusal({ currentHealthy: 3 }), not);
  assert.equal(await refusal(condition('InsufficientPods', 'few')), `${not} (InsufficientPods): few`);
  assert.equal(await refusal(condition('SyncFailed', 'no owner')), `${not} because it failed sync: no owner`);
});
