/** What the parts of kinds do that have an address of their own, on a real server. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { sharedServer } from '../testing/shared-server.ts';
import { pemRequest } from '../testing/signing-request.ts';

const core = '/api/v1/namespaces/default';
const shared = sharedServer();
const ask: typeof shared.ask = (...request) => shared.ask(...request);

const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };

async function runningPod(name: string, labels: object, isReady = true): Promise<void> {
  await ask(201, 'POST', `${core}/pods`, {
    metadata: { name, labels },
    spec: {
      containers: [
        { name: 'main', image: 'demo:1', resources: { requests: { cpu: '100m' }, limits: { cpu: '200m' } } },
      ],
    },
  });
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  await ask(200, 'PATCH', `${core}/pods/${name}/status`, { status: { phase: 'Running', conditions } }, merge);
}

async function budget(name: string, labels: object, status: object, spec: object = {}): Promise<void> {
  const path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const object = {
    metadata: { name },
    spec: { minAvailable: 1, selector: { matchLabels: labels }, ...spec },
  };
  await ask(201, 'POST', path, object);
  const counts = { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 };
  await ask(200, 'PATCH', `${path}/${name}/status`, { status: { ...counts, ...status } }, merge);
}

function evict(
  status: number,
  name: string,
  query = '',
): Promise<{ message: string; details: { causes: { reason: string; message: string }[] } }> {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  return ask(status, 'POST', `${core}/pods/${name}/eviction${query}`, eviction) as never;
}

test('an eviction waits for room in the budget, takes it, and is refused when there is none left', async () => {
  const labels = { app: 'ferry' };
  await runningPod('ferry-1', labels);
  await runningPod('ferry-2', labels);
  await budget('ferry', labels, { disruptionsAllowed: 1, observedGeneration: 0 });
  const early = await evict(429, 'ferry-1');
  assert.match(early.details.causes[0]?.message ?? '', /still being processed by the server/);
  const path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/ferry';
  await ask(200, 'PATCH', `${path}/status`, { status: { observedGeneration: 1 } }, merge);
  await evict(201, 'ferry-1', '?dryRun=All');
  assert.equal((await ask(200, 'GET', path)).status.disruptionsAllowed, 1, 'a rehearsal takes nothing');
  await evict(201, 'ferry-1');
  await ask(404, 'GET', `${core}/pods/ferry-1`);
  const { status } = await ask(200, 'GET', path);
  assert.equal(status.disruptionsAllowed, 0);
  assert.ok(status.disruptedPods['ferry-1']);
  assert.equal(status.conditions[0].reason, 'InsufficientPods');
  const refused = await evict(429, 'ferry-2');
  assert.equal(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.deepEqual(refused.details.causes, [
    {
      reason: 'DisruptionBudget',
      message: 'The disruption budget ferry needs 1 healthy pods and has 1 currently',
    },
  ]);
  await ask(200, 'GET', `${core}/pods/ferry-2`);
});

test('two evictions at once do not share the last place of a budget', async () => {
  const labels = { app: 'raft' };
  for (const name of ['raft-1', 'raft-2', 'raft-3']) await runningPod(name, labels);
  await budget('raft', labels, { disruptionsAllowed: 1, observedGeneration: 1 });
  const answers = await Promise.all(
    ['raft-1', 'raft-2', 'raft-3'].map((name) =>
      shared.server.request('POST', `${core}/pods/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
      }),
    ),
  );
  assert.deepEqual(
    answers.map(({ status }) => status).sort((a, b) => a - b),
    [201, 429, 429],
  );
});

test('a pod that is not ready goes without asking as long as the others are enough, or always if its budget says so', async () => {
  await runningPod('sick-1', { app: 'sick' }, false);
  await budget('sick', { app: 'sick' }, { observedGeneration: 1 });
  await evict(201, 'sick-1');
  await runningPod('ill-1', { app: 'ill' }, false);
  await budget('ill', { app: 'ill' }, { observedGeneration: 1, currentHealthy: 0 });
  await evict(429, 'ill-1');
  const path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/ill';
  await ask(200, 'PATCH', path, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, merge);
  await evict(201, 'ill-1');
});

test('a binding that names no node is the fault of who sends it', async () => {
  const answer = await ask(400, 'POST', `${core}/pods/nobody/binding`, {
    metadata: { name: 'nobody' },
    target: {},
  });
  assert.equal(answer.message, 'target.name: Required value');
});

test('a binding is of the pod that is meant, and of none that waits at a gate', async () => {
  const bind = (status: number, name: string, metadata: object = {}): ReturnType<typeof ask> =>
    ask(status, 'POST', `${core}/pods/${name}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, ...metadata },
      target: { kind: 'Node', name: 'n1' },
    });
  const containers = [{ name: 'main', image: 'demo:1' }];
  await ask(201, 'POST', `${core}/pods`, {
    metadata: { name: 'gated' },
    spec: { containers, schedulingGates: [{ name: 'example.com/wait' }] },
  });
  assert.equal(
    (await bind(409, 'gated')).message,
    'Operation cannot be fulfilled on pods/binding "gated": pod gated has non-empty .spec.schedulingGates',
  );
  await ask(201, 'POST', `${core}/pods`, { metadata: { name: 'meant' }, spec: { containers } });
  const conditions = ['PodScheduled', 'Ready'].map((type) => ({ type, status: 'False' }));
  const nominated = { status: { nominatedNodeName: 'n9', conditions } };
  const { metadata } = await ask(200, 'PATCH', `${core}/pods/meant/status`, nominated, merge);
  const { uid, resourceVersion } = metadata;
  const text =
    'Operation cannot be fulfilled on pods "meant": StorageError: invalid object, Code: 4, Key: /registry/pods/default/meant, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed:';
  assert.equal(
    (await bind(409, 'meant', { uid, resourceVersion: '1' })).message,
    `${text} ResourceVersion in precondition: 1, ResourceVersion in object meta: ${resourceVersion}`,
  );
  assert.equal(
    (await bind(409, 'meant', { uid: 'f00' })).message,
    `${text} UID in precondition: f00, UID in object meta: ${uid}`,
  );
  await bind(201, 'meant', { uid, resourceVersion });
  const { spec, status } = await ask(200, 'GET', `${core}/pods/meant`);
  assert.equal(spec.nodeName, 'n1');
  assert.equal(status.nominatedNodeName, undefined);
  assert.deepEqual(
    status.conditions.map((one: { type: string; status: string }) => `${one.type} ${one.status}`),
    ['PodScheduled True', 'Ready False'],
  );
});

test('a signing request carries who asked, keeps its words, and is approved by its own subresource only', async () => {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const request = Buffer.from(pemRequest('/CN=anne')).toString('base64');
  const made = await ask(201, 'POST', path, {
    metadata: { name: 'anne' },
    spec: { request, usages: ['client auth'], signerName: 'example.com/crew', username: 'somebody-else' },
  });
  assert.equal(made.spec.username, 'kubernetes-admin');
  assert.ok(made.spec.groups.includes('system:masters'));
  const kept = await ask(200, 'PATCH', `${path}/anne`, { spec: { signerName: 'example.com/other' } }, merge);
  assert.equal(kept.spec.signerName, 'example.com/crew');
  const approved = [{ type: 'Approved', status: 'True', reason: 'Known', message: 'is of the crew' }];
  await ask(422, 'PATCH', `${path}/anne/status`, { status: { conditions: approved } }, merge);
  const unjudged = await ask(200, 'GET', `${path}/anne`);
  assert.equal(unjudged.status?.conditions, undefined, 'status cannot approve');
  const after = await ask(200, 'PATCH', `${path}/anne/approval`, { status: { conditions: approved } }, merge);
  assert.equal(after.status.conditions[0].type, 'Approved');
  assert.ok(after.status.conditions[0].lastTransitionTime);
  await ask(422, 'PATCH', `${path}/anne/approval`, { status: { conditions: [] } }, merge);
  const selfSigned = ['req', '-x509', ...curve];
  const certificate = execFileSync('openssl', [...selfSigned, '-keyout', '/dev/null', '-subj', '/CN=anne'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString('base64');
  const issued = await ask(200, 'PATCH', `${path}/anne/status`, { status: { certificate } }, merge);
  assert.equal(issued.status.certificate, certificate);
  assert.equal(issued.status.conditions.length, 1, 'the approval stays');
});

test('a job selects its pods by its own uid, unless told otherwise', async () => {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'b' }] } };
  const job = await ask(201, 'POST', '/apis/batch/v1/namespaces/default/jobs', {
    metadata: { name: 'careen' },
    spec: { template },
  });
  assert.deepEqual(job.spec.selector.matchLabels, { 'batch.kubernetes.io/controller-uid': job.metadata.uid });
  assert.equal(job.spec.template.metadata.labels['job-name'], 'careen');
  const refused = await ask(422, 'POST', '/apis/batch/v1/namespaces/default/jobs', {
    metadata: { name: 'other' },
    spec: { template: { ...template, metadata: { labels: { 'controller-uid': 'mine' } } } },
  });
  assert.match(refused.message, /spec.template.metadata.labels\[controller-uid\]: Invalid value/);
});

test('ephemeral containers are added to a running pod, stay, and nothing else changes with them', async () => {
  await runningPod('patient', { app: 'patient' });
  const path = `${core}/pods/patient`;
  const added = {
    spec: { ephemeralContainers: [{ name: 'debug', image: 'tools', targetContainerName: 'main' }] },
  };
  await ask(422, 'PATCH', path, added, strategic);
  const pod = await ask(
    200,
    'PATCH',
    `${path}/ephemeralcontainers`,
    { ...added, metadata: { labels: { x: 'y' } } },
    strategic,
  );
  assert.equal(pod.spec.ephemeralContainers[0].name, 'debug');
  assert.equal(pod.spec.ephemeralContainers[0].terminationMessagePolicy, 'File');
  assert.equal(pod.metadata.labels.x, undefined);
  assert.equal(pod.metadata.generation, 2);
  const second = { spec: { ephemeralContainers: [{ name: 'more', image: 'tools' }] } };
  const both = await ask(200, 'PATCH', `${path}/ephemeralcontainers`, second, strategic);
  assert.equal(both.spec.ephemeralContainers.length, 2);
  await ask(422, 'PATCH', `${path}/ephemeralcontainers`, { spec: { ephemeralContainers: [] } }, merge);
});

test('a running pod is resized by its subresource only, and keeps its quality of service', async () => {
  await runningPod('grower', { app: 'grower' });
  const path = `${core}/pods/grower`;
  const sized = (resources: object): object => ({ spec: { containers: [{ name: 'main', resources }] } });
  const larger = sized({ requests: { cpu: '150m' }, limits: { cpu: '300m' } });
  await ask(422, 'PATCH', path, larger, strategic);
  const pod = await ask(200, 'PATCH', `${path}/resize`, larger, strategic);
  assert.equal(pod.spec.containers[0].resources.limits.cpu, '300m');
  assert.equal(pod.spec.containers[0].image, 'demo:1');
  assert.equal(pod.metadata.generation, 2);
  const more = sized({ requests: { memory: '64Mi' }, limits: { memory: '64Mi', cpu: '150m' } });
  const promoted = await ask(422, 'PATCH', `${path}/resize`, more, strategic);
  assert.match(promoted.message, /Pod QOS Class may not change as a result of resizing/);
  await ask(422, 'PATCH', `${path}/resize`, sized({ requests: { 'example.com/sonar': '1' } }), strategic);
});

test('every workload with replicas is scaled by its scale', async () => {
  const template = { metadata: { labels: { app: 's' } }, spec: { containers: [{ name: 'a', image: 'b' }] } };
  const selector = { matchLabels: { app: 's' } };
  const workloads: readonly (readonly [path: string, spec: object])[] = [
    ['/apis/apps/v1/namespaces/default/deployments', { selector, template }],
    ['/apis/apps/v1/namespaces/default/replicasets', { selector, template }],
    ['/apis/apps/v1/namespaces/default/statefulsets', { selector, template, serviceName: 's' }],
    [`${core}/replicationcontrollers`, { selector: { app: 's' }, template }],
  ];
  for (const [path, spec] of workloads) {
    await ask(201, 'POST', path, { metadata: { name: 's' }, spec: { ...spec, replicas: 1 } });
    const scale = await ask(200, 'GET', `${path}/s/scale`);
    assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 1, 'app=s'], path);
    const scaled = await ask(200, 'PUT', `${path}/s/scale`, { ...scale, spec: { replicas: 3 } });
    assert.equal(scaled.spec.replicas, 3);
    const none = await ask(200, 'PUT', `${path}/s/scale?dryRun=All`, { ...scaled, spec: {} });
    assert.deepEqual(none.spec, {}, 'a zero is left out, as upstream does');
    const zero = await ask(200, 'PUT', `${path}/s/scale`, { ...scaled, spec: { replicas: 0 } });
    const again = await ask(200, 'PATCH', `${path}/s/scale`, { spec: { replicas: 0 } }, merge);
    assert.deepEqual(again, zero, 'who wants what is there changes nothing');
    await ask(200, 'PUT', `${path}/s/scale`, { ...zero, spec: { replicas: 3 } });
    const object = await ask(200, 'GET', `${path}/s`);
    assert.deepEqual([object.spec.replicas, object.metadata.generation], [3, 4]);
  }
});

test('the two versions of an autoscaler, and the two groups of an event, are views of one object', async () => {
  const hpa = (version: string): string =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 's' };
  await ask(201, 'POST', hpa('v1'), {
    metadata: { name: 'h' },
    spec: { scaleTargetRef, maxReplicas: 4, targetCPUUtilizationPercentage: 60 },
  });
  const newer = await ask(200, 'GET', `${hpa('v2')}/h`);
  assert.equal(newer.apiVersion, 'autoscaling/v2');
  assert.equal(newer.spec.metrics[0].resource.target.averageUtilization, 60);
  await ask(200, 'PATCH', `${hpa('v1')}/h`, { spec: { targetCPUUtilizationPercentage: 70 } }, merge);
  const [listed] = (await ask(200, 'GET', hpa('v2'))).items;
  assert.equal(listed.spec.metrics[0].resource.target.averageUtilization, 70);
  await ask(201, 'POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
    metadata: { name: 'e.1' },
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    eventTime: '2026-01-02T03:04:05.000000Z',
    reason: 'Moored',
    action: 'Moor',
    type: 'Normal',
    reportingController: 'example.com/pilot',
    reportingInstance: 'p-1',
  });
  const older = await ask(200, 'GET', `${core}/events/e.1`);
  assert.equal(older.involvedObject.name, 'p');
  const found = await ask(
    200,
    'GET',
    '/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp',
  );
  assert.equal(found.items.length, 1);
});

test('componentstatuses say what answers, and warn that they are deprecated', async () => {
  const answer = await shared.server.request('GET', '/api/v1/componentstatuses');
  assert.match(String(answer.headers['warning']), /v1 ComponentStatus is deprecated in v1.19\+/);
  const names = answer.json.items.map((item: { metadata: { name: string } }) => item.metadata.name);
  assert.deepEqual(names, ['controller-manager', 'etcd-0', 'scheduler']);
  const etcd = await ask(200, 'GET', '/api/v1/componentstatuses/etcd-0');
  assert.equal(etcd.conditions[0].status, 'True');
  await ask(404, 'GET', '/api/v1/componentstatuses/none');
  const endpoints = await shared.server.request('GET', `${core}/endpoints`);
  assert.match(String(endpoints.headers['warning']), /use discovery.k8s.io\/v1 EndpointSlice/);
});

test('a pod that is bound gets the zone and region of its node, and the labels of the binding', async () => {
  const zone = { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' };
  const node = { metadata: { name: 'zoned', labels: { ...zone, 'example.com/rack': '7' } } };
  assert.equal((await shared.server.request('POST', '/api/v1/nodes', node)).status, 201);
  const pod = {
    metadata: { name: 'bound', labels: { app: 'a', 'topology.kubernetes.io/zone': 'mine' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  assert.equal((await shared.server.request('POST', `${core}/pods`, pod)).status, 201);
  const binding = {
    metadata: { name: 'bound', labels: { by: 'test' } },
    target: { kind: 'Node', name: 'zoned' },
  };
  // The node may not have reached the cache yet.
  await until(
    async () => (await shared.server.request('GET', '/api/v1/nodes/zoned?resourceVersion=0')).status === 200,
    'the node is known',
  );
  assert.equal((await shared.server.request('POST', `${core}/pods/bound/binding`, binding)).status, 201);
  const { json } = await shared.server.request('GET', `${core}/pods/bound`);
  assert.deepEqual(json.metadata.labels, { app: 'a', by: 'test', ...zone });
});
