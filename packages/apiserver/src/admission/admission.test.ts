import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Answer, startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const pods = '/api/v1/namespaces/default/pods';

async function serverFor(t: TestContext, admission: string[] = ['ServiceAccount']): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint, admission });
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

// Conformance: ServiceAccounts should allow opting out of API token automount
test('a pod gets no token when it, or else its account, says so', async (t) => {
  const server = await serverFor(t);
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  const wish = (wants: boolean | undefined): object =>
    wants === undefined ? {} : { automountServiceAccountToken: wants };
  const wishes = [undefined, true, false];
  for (const account of wishes) {
    const serviceAccountName = `mounts-${String(account)}`;
    await created(server, accounts, { metadata: { name: serviceAccountName }, ...wish(account) });
    for (const own of wishes) {
      const spec = { serviceAccountName, ...wish(own) };
      const { json } = await outcome(server, pod('mounting', spec), 201);
      const mounts: readonly { mountPath: string }[] = json.spec.containers[0].volumeMounts ?? [];
      assert.equal(
        mounts.some(({ mountPath }) => mountPath === '/var/run/secrets/kubernetes.io/serviceaccount'),
        own ?? account ?? true,
        `the account says ${String(account)}, the pod ${String(own)}`,
      );
    }
  }
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

test('who tightens the level of a namespace hears of pods that do not keep it, and a level that is none is refused', async (t) => {
  const server = await serverFor(t);
  const path = '/api/v1/namespaces/later';
  await created(server, '/api/v1/namespaces', { metadata: { name: 'later' } });
  await created(server, `${path}/serviceaccounts`, { metadata: { name: 'default' } });
  const bad = { securityContext: { privileged: true } };
  for (const name of ['a', 'b']) await created(server, `${path}/pods`, pod(name, {}, bad));
  await server.caughtUp();
  const label = (enforce: string) =>
    server.request(
      'PATCH',
      `${path}?dryRun=All`,
      { metadata: { labels: { 'pod-security.kubernetes.io/enforce': enforce } } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
  const { status, headers } = await label('baseline');
  assert.equal(status, 200);
  assert.match(
    String(headers['warning']),
    /existing pods in namespace \\"later\\" violate the new PodSecurity enforce level \\"baseline:latest\\"".*"a \(and 1 other pod\): privileged"/,
  );
  const refused = await label('what');
  assert.equal(refused.status, 422);
  assert.match(refused.json.message, /must be one of privileged, baseline, restricted$/);
});

test('a new node takes nothing yet, and a running pod grows no further than its node', async (t) => {
  const server = await serverFor(t, []);
  const nodes = '/api/v1/nodes';
  const node = (name: string, os: string): object => ({
    metadata: { name, labels: { 'kubernetes.io/os': os } },
    status: { allocatable: { cpu: '2', memory: '1Gi' } },
  });
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  for (const os of ['linux', 'windows']) {
    const { json } = await server.request('POST', nodes, node(os, os));
    assert.deepEqual(json.spec.taints, [taint]);
  }
  const named = await server.request('POST', nodes, { metadata: { name: 'x' }, spec: { taints: [taint] } });
  assert.deepEqual(named.json.spec.taints, [taint]);
  const small = { resources: { requests: { cpu: '1', memory: '64Mi' } } };
  for (const name of ['linux', 'windows', 'missing'])
    await created(server, pods, pod(name, { nodeName: name }, small));
  await server.caughtUp();
  const resize = (name: string, cpu: string) => {
    const body = { spec: { containers: [{ name: 'main', resources: { requests: { cpu } } }] } };
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    return server.request('PATCH', `${pods}/${name}/resize`, body, { headers });
  };
  const grown = await resize('linux', '1500m');
  assert.equal(grown.status, 200, grown.body.toString());
  assert.equal(grown.json.metadata.generation, 2);
  const refused = await resize('linux', '2500m');
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json.message,
    `pods "linux" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2500, allocatable: 2000`,
  );
  assert.deepEqual(refused.json.details.causes, [{ reason: 'NodeCapacity' }]);
  assert.match(
    (await resize('windows', '1500m')).json.message,
    /only supported on linux nodes, node "windows" is "windows"/,
  );
  assert.match((await resize('missing', '1500m')).json.message, /forbidden: node "missing" not found/);
});

test('plugins that are off by default do what upstream ones do when they are asked for', async (t) => {
  const server = await serverFor(t, [
    'AlwaysPullImages',
    'DenyServiceExternalIPs',
    'ExtendedResourceToleration',
    'OwnerReferencesPermissionEnforcement',
    'PodNodeSelector',
  ]);
  await created(server, '/api/v1/namespaces', {
    metadata: {
      name: 'fast',
      annotations: { 'scheduler.alpha.kubernetes.io/node-selector': 'disk=ssd, zone=a' },
    },
  });
  const fast = '/api/v1/namespaces/fast/pods';
  const limits = { resources: { limits: { 'example.com/gpu': '1' } } };
  const gpu = pod('gpu', {}, { ...limits, image: 'demo:1' });
  let made: Answer | undefined;
  await until(async () => {
    made = await server.request('POST', `${fast}?dryRun=All`, gpu);
    return made.json.spec?.nodeSelector !== undefined;
  }, 'the annotation is known');
  assert.deepEqual(made?.json.spec.nodeSelector, { disk: 'ssd', zone: 'a' });
  assert.equal(made?.json.spec.containers[0].imagePullPolicy, 'Always');
  const tolerated = { key: 'example.com/gpu', operator: 'Exists', effect: 'NoSchedule' };
  const [found] =
    made?.json.spec.tolerations.filter(({ key }: { key: string }) => key === tolerated.key) ?? [];
  assert.deepEqual(found, tolerated);
  const other = await server.request('POST', fast, pod('slow', { nodeSelector: { disk: 'hdd' } }));
  assert.match(
    other.json.message,
    /pod node label selector conflicts with its namespace node label selector/,
  );
  const open = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.1'] } };
  const denied = await server.request('POST', '/api/v1/namespaces/fast/services', open);
  assert.equal(
    denied.json.message,
    'services "s" is forbidden: Use of external IPs is denied by admission control',
  );
});

test('overhead without a runtime class is refused, and first what is wrong with it', async (t) => {
  const server = await serverFor(t, ['RuntimeClass']);
  const wrong = await outcome(server, pod('a', { overhead: { a: '1' } }), 422);
  assert.match(
    wrong.json.message,
    /spec\.overhead\.limits\[a\]: Invalid value: "a": must be a standard resource/,
  );
  const right = await outcome(server, pod('a', { overhead: { cpu: '1' } }), 403);
  assert.match(right.json.message, /: pod rejected: Pod Overhead set without corresponding RuntimeClass/);
});

test('a namespace says what its pods tolerate beside what they say, and what they may tolerate', async (t) => {
  const server = await serverFor(t, [
    'PodTolerationRestriction',
    'LimitPodHardAntiAffinityTopology',
    'ServiceAccount',
  ]);
  const annotations = {
    'scheduler.alpha.kubernetes.io/defaultTolerations': '[{"key":"team","value":"a","effect":"NoSchedule"}]',
    'scheduler.alpha.kubernetes.io/tolerationsWhitelist':
      '[{"key":"team","operator":"Exists"},{"key":"node.kubernetes.io/not-ready","operator":"Exists"},{"key":"node.kubernetes.io/unreachable","operator":"Exists"}]',
  };
  await created(server, '/api/v1/namespaces', { metadata: { name: 'team', annotations } });
  await created(server, '/api/v1/namespaces/team/serviceaccounts', { metadata: { name: 'default' } });
  const path = '/api/v1/namespaces/team/pods';
  let made: Answer | undefined;
  await until(async () => {
    made = await server.request('POST', `${path}?dryRun=All`, pod('plain'));
    return made.json.spec?.tolerations?.some(({ key }: { key: string }) => key === 'team') === true;
  }, 'the annotations are known');
  const [own] = made?.json.spec.tolerations.filter(({ key }: { key: string }) => key === 'team') ?? [];
  assert.deepEqual(own, { key: 'team', value: 'a', effect: 'NoSchedule' });
  const beyond = await server.request('POST', path, pod('beyond', { tolerations: [{ operator: 'Exists' }] }));
  assert.equal(beyond.status, 403);
  assert.match(
    beyond.json.message,
    /merged with namespace default tolerations\) conflict with its namespace whitelist/,
  );
  // One that asks for resources stays where memory is short, which this namespace does not allow.
  const hungry = { resources: { requests: { cpu: '1' } } };
  assert.equal((await server.request('POST', path, pod('hungry', {}, hungry))).status, 403);
  const apart = (topologyKey: string): object => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey, labelSelector: { matchLabels: { a: 'b' } } },
        ],
      },
    },
  });
  const zone = await server.request('POST', path, pod('zone', apart('topology.kubernetes.io/zone')));
  assert.equal(
    zone.json.message,
    'pods "zone" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey topology.kubernetes.io/zone but only key kubernetes.io/hostname is allowed',
  );
  assert.equal(
    (await server.request('POST', path, pod('host', apart('kubernetes.io/hostname')))).status,
    201,
  );
});

test('whoever may hold up everything may hold up an owner of a kind that nobody knows', async (t) => {
  const server = await serverFor(t, ['OwnerReferencesPermissionEnforcement']);
  const owner = {
    apiVersion: 'example.com/v1',
    kind: 'Nothing',
    name: 'x',
    uid: 'u',
    blockOwnerDeletion: true,
  };
  const owned = { metadata: { name: 'owned', ownerReferences: [owner] } };
  const path = '/api/v1/namespaces/default/configmaps?dryRun=All';
  assert.equal((await server.request('POST', path, owned)).status, 201);
  await created(server, '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'makers' },
    rules: [{ verbs: ['create'], apiGroups: [''], resources: ['configmaps'] }],
  });
  await created(server, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'makers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'makers' },
    subjects: [{ kind: 'User', name: 'zoe', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  const as = { headers: { 'impersonate-user': 'zoe' } };
  let message = '';
  await until(async () => {
    ({ message = '' } = (await server.request('POST', path, owned, as)).json);
    return message.includes('blockOwnerDeletion');
  }, 'she is asked about the owner');
  assert.match(message, /cannot find RESTMapping for APIVersion example\.com\/v1 Kind Nothing/);
});
