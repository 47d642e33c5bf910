/** Who owns what through several ways of writing, as kube-apiserver 1.36 was seen to keep it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const ask: typeof shared.ask = (...request) => shared.ask(...request);
const core = '/api/v1/namespaces/default';

const apply = patchAs('apply-patch+yaml');
const strategic = patchAs('strategic-merge-patch+json');

void test('who applies less takes a container away whose image somebody set meanwhile', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments/fewer';
  const template = (containers: readonly object[]): object => ({
    metadata: { labels: { app: 'fewer' } },
    spec: { containers },
  });
  const config = (...containers: object[]): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'fewer' },
    spec: { selector: { matchLabels: { app: 'fewer' } }, template: template(containers) },
  });
  const [x, y] = [
    { name: 'x', image: 'x:1' },
    { name: 'y', image: 'y:1' },
  ];
  await ask(201, 'PATCH', `${path}?fieldManager=a`, config(x, y), apply);
  const set = { spec: { template: { spec: { containers: [{ name: 'x', image: 'x:2' }] } } } };
  await ask(200, 'PATCH', `${path}?fieldManager=set`, set, strategic);
  const { spec } = await ask(200, 'PATCH', `${path}?fieldManager=a`, config(y), apply);
  assert.deepEqual(
    spec.template.spec.containers.map(({ name }: { name: string }) => name),
    ['y'],
  );
});

void test('who applies another port takes the old one away, wherever somebody led it meanwhile', async () => {
  const path = `${core}/services/ports`;
  const config = (port: number): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'ports' },
    spec: { ports: [{ port, name: 'a', protocol: 'TCP' }] },
  });
  await ask(201, 'PATCH', `${path}?fieldManager=a`, config(80), apply);
  const set = { spec: { ports: [{ port: 80, targetPort: 8080 }] } };
  await ask(200, 'PATCH', `${path}?fieldManager=set`, set, strategic);
  const { spec } = await ask(200, 'PATCH', `${path}?fieldManager=a`, config(90), apply);
  assert.deepEqual(spec.ports, [{ name: 'a', port: 90, protocol: 'TCP', targetPort: 90 }]);
});

const map = (data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm' },
  data,
});

void test('kubectl makes its own what it applied from the client, and can then take it away', async () => {
  const path = `${core}/configmaps/m`;
  const query = '?fieldManager=kubectl-client-side-apply';
  const made = await ask(201, 'POST', `${core}/configmaps${query}`, map({ a: '1', b: '2' }));
  const { managedFields, resourceVersion } = made.metadata;
  const moved = [{ ...managedFields[0], manager: 'kubectl', operation: 'Apply' }];
  const migration = [
    { op: 'replace', path: '/metadata/managedFields', value: moved },
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
  ];
  const migrated = await ask(
    200,
    'PATCH',
    `${path}?fieldManager=kubectl`,
    migration,
    patchAs('json-patch+json'),
  );
  assert.deepEqual(migrated.metadata.managedFields, moved);
  const applied = await ask(200, 'PATCH', `${path}?fieldManager=kubectl`, map({ a: '1' }), apply);
  assert.deepEqual(applied.data, { a: '1' });
});

void test('an update without owners starts over, and one that says nothing of them does not', async () => {
  const path = `${core}/configmaps/over`;
  const put = (data: object, managedFields?: object[]): Promise<{ metadata: { managedFields?: object[] } }> =>
    ask(200, 'PUT', path, { metadata: { name: 'over', managedFields }, data });
  const maps = `${core}/configmaps?fieldManager=a`;
  await ask(201, 'POST', maps, { metadata: { name: 'over' }, data: { a: '1' } });
  assert.equal((await put({ a: '1' })).metadata.managedFields?.length, 1);
  assert.equal((await put({ a: '1' }, [])).metadata.managedFields, undefined);
  await ask(200, 'DELETE', path);
  await ask(201, 'POST', maps, { metadata: { name: 'over' }, data: { a: '1' } });
  assert.equal((await put({ z: '1' }, [{}])).metadata.managedFields, undefined);
});

const hpas = (version: string): string =>
  `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
const cpu = (averageUtilization: number): object => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const scaled = { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } };

void test('what became of an autoscaler is seen through its older version, and survives writes through it', async () => {
  await ask(201, 'POST', hpas('v2'), { metadata: { name: 's' }, spec: { ...scaled, metrics: [cpu(50)] } });
  const seen = {
    currentReplicas: 1,
    desiredReplicas: 1,
    conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '4m' } },
      },
      { type: 'Pods', pods: { metric: { name: 'm' }, current: { averageValue: '2' } } },
    ],
  };
  const merge = patchAs('merge-patch+json');
  const { status } = await ask(200, 'PATCH', `${hpas('v2')}/s/status`, { status: seen }, merge);
  const old = await ask(200, 'GET', `${hpas('v1')}/s`);
  assert.equal(old.status.currentCPUUtilizationPercentage, 40);
  assert.deepEqual(JSON.parse(old.metadata.annotations['autoscaling.alpha.kubernetes.io/current-metrics']), [
    { type: 'Resource', resource: { name: 'cpu', currentAverageUtilization: 40, currentAverageValue: '4m' } },
    { type: 'Pods', pods: { metricName: 'm', currentAverageValue: '2' } },
  ]);
  await ask(200, 'PATCH', `${hpas('v1')}/s`, { metadata: { labels: { x: 'y' } } }, merge);
  assert.deepEqual((await ask(200, 'GET', `${hpas('v2')}/s`)).status, status);
  await ask(200, 'PATCH', `${hpas('v1')}/s`, { metadata: { annotations: null } }, merge);
  const last = await ask(200, 'GET', `${hpas('v2')}/s`);
  assert.deepEqual([last.status, last.metadata.annotations], [status, undefined]);
});

void test('nobody writes the status of an autoscaler into its annotations', async () => {
  const conditions = [{ type: 'ScalingActive', status: 'True', lastTransitionTime: null }];
  await ask(201, 'POST', hpas('v2'), {
    metadata: {
      name: 'forged',
      annotations: { 'autoscaling.alpha.kubernetes.io/conditions': JSON.stringify(conditions), own: 'kept' },
    },
    spec: { ...scaled, metrics: [cpu(50)] },
  });
  const old = await ask(200, 'GET', `${hpas('v1')}/forged`);
  assert.deepEqual(old.metadata.annotations, { own: 'kept' });
  const merge = patchAs('merge-patch+json');
  await ask(200, 'PATCH', `${hpas('v1')}/forged`, { metadata: { labels: { x: 'y' } } }, merge);
  const { status } = await ask(200, 'GET', `${hpas('v2')}/forged`);
  assert.equal(status.conditions, undefined);
});

void test('who applies an autoscaler in one version meets who applied it in the other', async () => {
  const config = (version: string, more: object): object => ({
    apiVersion: `autoscaling/${version}`,
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 't' },
    spec: { ...scaled, ...more },
  });
  const v1 = config('v1', { targetCPUUtilizationPercentage: 50 });
  await ask(201, 'PATCH', `${hpas('v1')}/t?fieldManager=a`, v1, apply);
  const v2 = config('v2', { metrics: [cpu(80)] });
  const { message } = await ask(409, 'PATCH', `${hpas('v2')}/t?fieldManager=b`, v2, apply);
  assert.equal(
    message,
    'Apply failed with 1 conflict: conflict with "a": .spec.targetCPUUtilizationPercentage',
  );
});
