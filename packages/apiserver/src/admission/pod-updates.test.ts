import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Answer, startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const core = '/api/v1/namespaces/default';
const pods = `${core}/pods`;
const strategic = { 'content-type': 'application/strategic-merge-patch+json' };

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint, admission: ['ServiceAccount'] });
  await created(server, `${core}/serviceaccounts`, { metadata: { name: 'default' } });
  return server;
}

async function created(server: TestServer, path: string, body: object): Promise<Answer['json']> {
  const { status, json } = await server.request('POST', path, body);
  assert.equal(status, 201, JSON.stringify(json));
  return json;
}

async function refused(answer: Promise<Answer>, message: string): Promise<void> {
  const { status, json } = await answer;
  assert.equal(json.message, message);
  assert.equal(status, 403);
}

function pod(name: string, spec: object = {}, resources: object = {}): object {
  return {
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'demo', resources }],
      ...spec,
    },
  };
}

function mirror(name: string, spec: object = {}, resources: object = {}): object {
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  return { ...pod(name, { nodeName: 'n1', ...spec }, resources), metadata: { name, annotations } };
}

async function bound(server: TestServer): Promise<void> {
  await created(server, `${core}/limitranges`, {
    metadata: { name: 'bounds' },
    spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
  });
  await until(
    async () =>
      (await server.request('POST', `${pods}?dryRun=All`, pod('probe', {}, cpu('2')))).status === 403,
    'the bounds are known',
  );
}

function cpu(amount: string): object {
  return { requests: { cpu: amount }, limits: { cpu: amount } };
}

test('who says that a pod is a mirror gets no priority and no resources by it', async (t) => {
  const server = await serverFor(t);
  await bound(server);
  await refused(
    server.request('POST', pods, mirror('grand', { priority: 2_000_001_000 })),
    'pods "grand" is forbidden: the integer value of priority (2000001000) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  );
  await refused(
    server.request('POST', pods, mirror('large', {}, cpu('4'))),
    'pods "large" is forbidden: maximum cpu usage per Container is 1, but limit is 4',
  );
  const json = await created(server, pods, mirror('plain', {}, cpu('1')));
  assert.equal(json.spec.priority, 0);
  assert.equal(json.spec.serviceAccountName, undefined);
  assert.equal(json.spec.tolerations.length, 2);
});

test('a mirror pod names no account, no Secrets and no tokens', async (t) => {
  const server = await serverFor(t);
  const table: readonly (readonly [object, string])[] = [
    [{ serviceAccountName: 'default' }, 'a mirror pod may not reference service accounts'],
    [{ volumes: [{ name: 's', secret: { secretName: 's' } }] }, 'a mirror pod may not reference secrets'],
    [{ imagePullSecrets: [{ name: 's' }] }, 'a mirror pod may not reference secrets'],
    [
      { initContainers: [{ name: 'i', image: 'i', envFrom: [{ secretRef: { name: 's' } }] }] },
      'a mirror pod may not reference secrets',
    ],
    [
      { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      'a mirror pod may not use ServiceAccountToken volume projections',
    ],
  ];
  for (const [spec, detail] of table)
    await refused(
      server.request('POST', pods, mirror('mirror', spec)),
      `pods "mirror" is forbidden: ${detail}`,
    );
});

test('a pod is resized no further than the limits of its namespace', async (t) => {
  const server = await serverFor(t);
  await created(server, pods, pod('r', {}, cpu('500m')));
  await bound(server);
  const resize = (amount: string): Promise<Answer> => {
    const body = { spec: { containers: [{ name: 'main', resources: cpu(amount) }] } };
    return server.request('PATCH', `${pods}/r/resize`, body, { headers: strategic });
  };
  await refused(resize('4'), 'pods "r" is forbidden: maximum cpu usage per Container is 1, but limit is 4');
  assert.equal((await resize('1')).status, 200);
});

test('a sidecar counts with what runs beside it, before the containers and with them', async (t) => {
  const server = await serverFor(t);
  await created(server, `${core}/limitranges`, {
    metadata: { name: 'bounds' },
    spec: { limits: [{ type: 'Pod', max: { cpu: '2' } }] },
  });
  const init = (amount: string): object => ({
    initContainers: [
      { name: 'side', image: 'a', restartPolicy: 'Always', resources: cpu('1') },
      { name: 'first', image: 'b', resources: cpu(amount) },
    ],
  });
  const make = (amount: string): Promise<Answer> =>
    server.request('POST', `${pods}?dryRun=All`, pod('p', init(amount), cpu('500m')));
  await until(async () => (await make('3')).status === 403, 'the bounds are known');
  await refused(make('1500m'), 'pods "p" is forbidden: maximum cpu usage per Pod is 2, but limit is 2500m');
  assert.equal((await make('1')).status, 201);
});

test('an account that lists its Secrets lets its pods name no others', async (t) => {
  const server = await serverFor(t);
  await created(server, `${core}/serviceaccounts`, {
    metadata: { name: 'strict', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
    secrets: [{ name: 'listed' }],
    imagePullSecrets: [{ name: 'pull' }],
  });
  const env = (name: string): object[] => [{ name: 'X', valueFrom: { secretKeyRef: { name, key: 'k' } } }];
  const strict = (spec: object): Promise<Answer> =>
    server.request('POST', `${pods}?dryRun=All`, pod('p', { serviceAccountName: 'strict', ...spec }));
  const is = 'is not allowed because service account strict does not reference that';
  await refused(
    strict({ volumes: [{ name: 'v', secret: { secretName: 'other' } }] }),
    `pods "p" is forbidden: volume with secret.secretName="other" ${is} secret`,
  );
  await refused(
    strict({ containers: [{ name: 'c', image: 'i', env: env('other') }] }),
    `pods "p" is forbidden: container c with envVar X referencing secret.secretName="other" ${is} secret`,
  );
  await refused(
    strict({ imagePullSecrets: [{ name: 'other' }] }),
    `pods "p" is forbidden: imagePullSecrets[0].name="other" ${is} imagePullSecret`,
  );
  assert.equal((await strict({ volumes: [{ name: 'v', secret: { secretName: 'listed' } }] })).status, 201);
  await created(server, pods, pod('debugged', { serviceAccountName: 'strict' }));
  const debug = (name: string): Promise<Answer> => {
    const ephemeralContainers = [{ name: 'd', image: 'i', env: env(name) }];
    const path = `${pods}/debugged/ephemeralcontainers`;
    return server.request('PATCH', path, { spec: { ephemeralContainers } }, { headers: strategic });
  };
  await refused(
    debug('other'),
    `pods "debugged" is forbidden: ephemeral container d with envVar X referencing secret.secretName="other" ${is} secret`,
  );
  assert.equal((await debug('listed')).status, 200);
});

test('a pod that was there before its namespace became strict stays, and runs nothing else', async (t) => {
  const server = await serverFor(t);
  const privileged = { name: 'main', image: 'demo:1', securityContext: { privileged: true } };
  await created(server, pods, pod('old', { containers: [privileged] }));
  const patch = (path: string, body: object): Promise<Answer> =>
    server.request('PATCH', path, body, { headers: strategic });
  const enforce = { 'pod-security.kubernetes.io/enforce': 'baseline' };
  assert.equal((await patch(core, { metadata: { labels: enforce } })).status, 200);
  const image = (to: string): Promise<Answer> =>
    patch(`${pods}/old?dryRun=All`, { spec: { containers: [{ name: 'main', image: to }] } });
  await until(async () => (await image('demo:2')).status === 403, 'the level counts');
  await refused(
    image('demo:2'),
    'pods "old" is forbidden: violates PodSecurity "baseline:latest": privileged (container "main" must not set securityContext.privileged=true)',
  );
  assert.equal((await image('demo:1')).status, 200);
  assert.equal((await patch(`${pods}/old`, { metadata: { labels: { a: 'b' } } })).status, 200);
});

test('a pod that is given a time to end is charged to the quotas of pods that end', async (t) => {
  const server = await serverFor(t);
  const hard = { pods: '1' };
  await created(server, `${core}/resourcequotas`, {
    metadata: { name: 'ending' },
    spec: { hard, scopes: ['Terminating'] },
  });
  const known = { status: { hard, used: { pods: '0' } } };
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  const { status } = await server.request('PATCH', `${core}/resourcequotas/ending/status`, known, merge);
  assert.equal(status, 200);
  await server.caughtUp();
  await created(server, pods, pod('one'));
  await created(server, pods, pod('two'));
  const end = (name: string): Promise<Answer> =>
    server.request('PATCH', `${pods}/${name}`, { spec: { activeDeadlineSeconds: 60 } }, merge);
  const first = await end('one');
  assert.equal(first.status, 200, first.body.toString());
  await refused(
    end('two'),
    'pods "two" is forbidden: exceeded quota: ending, requested: pods=1, used: pods=1, limited: pods=1',
  );
  assert.equal(
    (await server.request('PATCH', `${pods}/two`, { metadata: { labels: { a: 'b' } } }, merge)).status,
    200,
  );
});

test('a pod that is made for a node is labelled with the zone of the node, whatever it says', async (t) => {
  const server = await serverFor(t);
  const zone = 'topology.kubernetes.io/zone';
  await created(server, '/api/v1/nodes', { metadata: { name: 'n1', labels: { [zone]: 'a', other: 'b' } } });
  const claiming = {
    ...pod('p', { nodeName: 'n1' }),
    metadata: { name: 'p', labels: { [zone]: 'z', mine: 'c' } },
  };
  await until(async () => {
    const { json } = await server.request('POST', `${pods}?dryRun=All`, claiming);
    return json.metadata.labels[zone] === 'a' && json.metadata.labels.mine === 'c';
  }, 'the label of the node');
  const { json } = await server.request('POST', `${pods}?dryRun=All`, claiming);
  assert.deepEqual(json.metadata.labels, { [zone]: 'a', mine: 'c' });
});

test('a claim gets the class that an older mark makes the default, and grows by a class that it has', async (t) => {
  const server = await serverFor(t);
  const claims = `${core}/persistentvolumeclaims`;
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  const claim = (name: string): object => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  // Before there is any class.
  await created(server, claims, claim('early'));
  await created(server, '/apis/storage.k8s.io/v1/storageclasses', {
    metadata: {
      name: 'usual',
      annotations: { 'storageclass.beta.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'd.example.org',
    allowVolumeExpansion: true,
  });
  await until(async () => {
    const { json } = await server.request('POST', `${claims}?dryRun=All`, claim('late'));
    return json.spec.storageClassName === 'usual';
  }, 'the class is known');
  await created(server, claims, claim('late'));
  for (const name of ['early', 'late'])
    await server.request('PATCH', `${claims}/${name}/status`, { status: { phase: 'Bound' } }, merge);
  const grow = (name: string): Promise<Answer> => {
    const spec = { storageClassName: 'usual', resources: { requests: { storage: '2Gi' } } };
    return server.request('PATCH', `${claims}/${name}?dryRun=All`, { spec }, merge);
  };
  const grown = await grow('late');
  assert.equal(grown.status, 200, grown.body.toString());
  await refused(
    grow('early'),
    'persistentvolumeclaims "early" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
});
