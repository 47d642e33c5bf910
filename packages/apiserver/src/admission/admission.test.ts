import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UsageError } from '@timonier/component';
import { type Answer, startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { selectPlugins } from './admission.ts';
import { admissionPlugins } from './plugins.ts';

const pods = '/api/v1/namespaces/default/pods';

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint, admission: ['ServiceAccount'] });
}

function pod(name: string, spec: object = {}, container: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'demo', ...container }], ...spec },
  };
}

async function created(server: TestServer, path: string, body: object): Promise<void> {
  const { status, json } = await server.request('POST', path, body);
  assert.equal(status, 201, JSON.stringify(json));
}

/** The outcome of a creation that is not carried out, once it is `status`: the cache takes a moment to follow. */
async function outcome(server: TestServer, body: object, status: number, path = pods): Promise<Answer> {
  let answer: Answer | undefined;
  await until(async () => {
    answer = await server.request('POST', `${path}?dryRun=All`, body);
    return answer.status === status;
  }, `the answer ${status}`);
  assert.ok(answer);
  return answer;
}

test('a pod needs an account that exists, and gets its token and its pull secrets', async (t) => {
  const server = await serverFor(t);
  const refused = await server.request('POST', pods, pod('early'));
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json.message,
    'pods "early" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
  );
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await created(server, accounts, {
    metadata: { name: 'default' },
    imagePullSecrets: [{ name: 'registry' }],
  });
  const { json } = await server.request('POST', pods, pod('late'));
  assert.equal(json.spec.serviceAccountName, 'default');
  assert.deepEqual(json.spec.imagePullSecrets, [{ name: 'registry' }]);
  assert.equal(
    json.spec.containers[0].volumeMounts[0].mountPath,
    '/var/run/secrets/kubernetes.io/serviceaccount',
  );
  const bare = await server.request('POST', pods, pod('bare', { automountServiceAccountToken: false }));
  assert.equal(bare.json.spec.volumes, undefined);
});

test('priority comes from the class, the default class or nothing, and a pod must not claim another', async (t) => {
  const server = await serverFor(t);
  await created(server, '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const plain = await outcome(server, pod('plain'), 201);
  assert.deepEqual([plain.json.spec.priority, plain.json.spec.preemptionPolicy], [0, 'PreemptLowerPriority']);
  const critical = await outcome(server, pod('c', { priorityClassName: 'system-node-critical' }), 201);
  assert.equal(critical.json.spec.priority, 2_000_001_000);
  const unknown = await outcome(server, pod('u', { priorityClassName: 'nobody' }), 403);
  assert.equal(unknown.json.message, 'pods "u" is forbidden: no PriorityClass with name nobody was found');
  const claimed = await outcome(server, pod('x', { priority: 7 }), 403);
  assert.match(claimed.json.message, /the integer value of priority \(7\) must not be provided/);
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await created(server, classes, { metadata: { name: 'usual' }, value: 5, globalDefault: true });
  await until(async () => {
    const { json } = await server.request('POST', `${pods}?dryRun=All`, pod('d'));
    return json.spec.priority === 5 && json.spec.priorityClassName === 'usual';
  }, 'the default class counts');
  const second = await server.request('POST', classes, {
    metadata: { name: 'other' },
    value: 6,
    globalDefault: true,
  });
  assert.equal(second.status, 403);
  assert.match(second.json.message, /usual is already marked as default/);
});

test('limit ranges complete containers, and tell every bound that is broken', async (t) => {
  const server = await serverFor(t);
  await created(server, '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await created(server, '/api/v1/namespaces/default/limitranges', {
    metadata: { name: 'bounds' },
    spec: {
      limits: [
        {
          type: 'Container',
          default: { cpu: '500m' },
          defaultRequest: { cpu: '100m' },
          max: { cpu: '1', memory: '1Gi' },
          min: { cpu: '50m' },
          maxLimitRequestRatio: { cpu: '5' },
        },
        { type: 'Pod', max: { cpu: '1500m' } },
        { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
      ],
    },
  });
  await until(async () => {
    const { json } = await server.request('POST', `${pods}?dryRun=All`, pod('a'));
    return json.spec?.containers?.[0].resources.limits?.cpu === '500m';
  }, 'the bounds are known');
  const { json } = await server.request('POST', `${pods}?dryRun=All`, pod('a'));
  assert.deepEqual(json.spec.containers[0].resources, {
    limits: { cpu: '500m', memory: '1Gi' },
    requests: { cpu: '100m', memory: '1Gi' },
  });
  assert.equal(
    json.metadata.annotations['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main',
  );
  const big = await server.request(
    'POST',
    pods,
    pod('big', {}, { resources: { requests: { cpu: '20m' }, limits: { cpu: '2' } } }),
  );
  assert.equal(big.status, 403);
  assert.equal(
    big.json.message,
    'pods "big" is forbidden: [minimum cpu usage per Container is 50m, but request is 20m, ' +
      'maximum cpu usage per Container is 1, but limit is 2, ' +
      'cpu max limit to request ratio per Container is 5, but provided ratio is 100.000000, ' +
      'maximum cpu usage per Pod is 1500m, but limit is 2]',
  );
  const claim = {
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
  };
  const refused = await server.request('POST', '/api/v1/namespaces/default/persistentvolumeclaims', claim);
  assert.equal(
    refused.json.message,
    'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi',
  );
});

test('a namespace refuses pods beyond its level and warns about workloads that would make them', async (t) => {
  const server = await serverFor(t);
  const strict = (level: string): object => ({
    metadata: {
      name: level,
      labels: {
        'pod-security.kubernetes.io/enforce': level,
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  });
  for (const level of ['baseline', 'restricted']) {
    await created(server, '/api/v1/namespaces', strict(level));
    await created(server, `/api/v1/namespaces/${level}/serviceaccounts`, { metadata: { name: 'default' } });
  }
  const bad = pod('p', { hostNetwork: true }, { securityContext: { privileged: true } });
  const baseline = await outcome(server, bad, 403, '/api/v1/namespaces/baseline/pods');
  assert.equal(
    baseline.json.message,
    'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), privileged (container "main" must not set securityContext.privileged=true)',
  );
  const plain = await outcome(server, pod('q'), 201, '/api/v1/namespaces/baseline/pods');
  assert.match(String(plain.headers['warning']), /would violate PodSecurity .*runAsNonRoot != true/);
  const restricted = await outcome(server, pod('q'), 403, '/api/v1/namespaces/restricted/pods');
  assert.equal(
    restricted.json.message,
    'pods "q" is forbidden: violates PodSecurity "restricted:latest": ' +
      'allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false), ' +
      'unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), ' +
      'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), ' +
      'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const tame = pod(
    't',
    { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } },
    { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
  );
  await outcome(server, tame, 201, '/api/v1/namespaces/restricted/pods');
});

test('plugins are switched by name, and a name that nobody knows is an error', () => {
  const names = (disable: string[], enable: string[] = []): string[] =>
    selectPlugins(admissionPlugins, { enable, disable }).map(({ name }) => name);
  assert.deepEqual(
    names(['Priority']),
    names([]).filter((name) => name !== 'Priority'),
  );
  assert.throws(() => names(['Prioritee']), UsageError);
  assert.throws(() => names(['Priority'], ['Priority']), UsageError);
});
