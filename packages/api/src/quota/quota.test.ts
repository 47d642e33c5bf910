import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ApiObject } from '../object.ts';
import type { Container, ResourceQuota, ScopedResourceSelectorRequirement } from '../generated/types.ts';
import { podLimits, podRequests } from '../pod-resources.ts';
import { charge } from './charge.ts';
import { evaluatorOf } from './evaluators.ts';

const now = Date.parse('2026-01-01T00:10:00Z');

function container(name: string, requests?: object, limits?: object, extra: object = {}): Container {
  return {
    name,
    image: 'i',
    resources: { ...(requests && { requests }), ...(limits && { limits }) },
    ...extra,
  } as Container;
}

function pod(spec: object, extra: object = {}): ApiObject {
  return { metadata: { name: 'p' }, spec: { containers: [], ...spec }, ...extra };
}

function quota(hard: Record<string, string>, used: Record<string, string>, spec: object = {}): ResourceQuota {
  return { metadata: { name: 'q' }, spec: { hard, ...spec }, status: { hard, used } };
}

function evaluator(group: string, resource: string): NonNullable<ReturnType<typeof evaluatorOf>> {
  const found = evaluatorOf(group, resource);
  assert.ok(found);
  return found;
}

test('what a pod uses: containers and sidecars together, a larger starter, overhead, and what others bring', () => {
  const used = evaluator('', 'pods').usage(
    pod({
      containers: [
        container(
          'a',
          { cpu: '100m', memory: '1Gi', 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' },
          { cpu: '1' },
        ),
        container('b', { cpu: '200m', 'ephemeral-storage': '1Gi' }, { 'ephemeral-storage': '2Gi' }),
      ],
      initContainers: [
        container('sidecar', { cpu: '50m' }, undefined, { restartPolicy: 'Always' }),
        container('starter', { cpu: '700m' }),
      ],
      overhead: { cpu: '10m' },
    }),
    now,
  );
  assert.deepEqual(used, {
    'count/pods': '1',
    pods: '1',
    cpu: '760m',
    'requests.cpu': '760m',
    memory: '1Gi',
    'requests.memory': '1Gi',
    'ephemeral-storage': '1Gi',
    'requests.ephemeral-storage': '1Gi',
    'limits.cpu': '1010m',
    'limits.ephemeral-storage': '2Gi',
    'requests.example.com/gpu': '2',
    'hugepages-2Mi': '4Mi',
    'requests.hugepages-2Mi': '4Mi',
  });
});

test('a pod that is resized counts with the larger of what it asks for and what it still has', () => {
  const resizing = (conditions: object[] = []): ApiObject =>
    pod(
      { containers: [container('a', { cpu: '1' }, { cpu: '1' })] },
      {
        status: {
          conditions,
          containerStatuses: [
            { name: 'a', allocatedResources: { cpu: '2' }, resources: { limits: { cpu: '3' } } },
          ],
        },
      },
    );
  assert.equal(podRequests(resizing())['cpu'], '2');
  assert.equal(podLimits(resizing())['cpu'], '3');
  const whole = pod({
    resources: { requests: { cpu: '4' } },
    containers: [container('a', { cpu: '1', memory: '1Gi' })],
  });
  assert.deepEqual(podRequests(whole), { cpu: '4', memory: '1Gi' });
});

test('a pod that has ended, or is long overdue, is only counted as an object', () => {
  const spec = { containers: [container('a', { cpu: '1' })] };
  const overdue = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 };
  const going = { deletionTimestamp: '2026-01-01T00:09:50Z', deletionGracePeriodSeconds: 30 };
  const usage = (extra: object): object => evaluator('', 'pods').usage(pod(spec, extra), now);
  assert.deepEqual(usage({ status: { phase: 'Succeeded' } }), { 'count/pods': '1' });
  assert.deepEqual(usage({ metadata: { name: 'p', ...overdue } }), { 'count/pods': '1' });
  assert.equal(Object.keys(usage({ metadata: { name: 'p', ...going } })).length, 4);
});

test('what services, claims and other objects use', () => {
  const service = (spec: object): object => evaluator('', 'services').usage({ spec }, now);
  const ports = [{ port: 1 }, { port: 2, nodePort: 30_001 }];
  const base = { 'count/services': '1', services: '1' };
  assert.deepEqual(service({ type: 'ClusterIP', ports }), {
    ...base,
    'services.loadbalancers': '0',
    'services.nodeports': '0',
  });
  assert.deepEqual(service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports }), {
    ...base,
    'services.loadbalancers': '1',
    'services.nodeports': '1',
  });
  assert.deepEqual(service({ type: 'NodePort', ports }), {
    ...base,
    'services.loadbalancers': '0',
    'services.nodeports': '2',
  });
  const claim = {
    spec: { storageClassName: 'gold', resources: { requests: { storage: '1500m' } } },
  };
  assert.deepEqual(evaluator('', 'persistentvolumeclaims').usage(claim as ApiObject, now), {
    'count/persistentvolumeclaims': '1',
    persistentvolumeclaims: '1',
    'requests.storage': '2',
    'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    'gold.storageclass.storage.k8s.io/requests.storage': '2',
  });
  assert.deepEqual(evaluator('', 'configmaps').usage({}, now), { 'count/configmaps': '1', configmaps: '1' });
  assert.deepEqual(evaluator('stable.example.com', 'things').usage({}, now), {
    'count/things.stable.example.com': '1',
  });
  assert.equal(evaluatorOf('', 'events'), undefined);
});

test('a quota counts the pods and claims that are of all its scopes', () => {
  const plain = pod({ containers: [container('a')] });
  const burstable = pod({ containers: [container('a', { cpu: '1' })] });
  const brief = pod({ containers: [container('a')], activeDeadlineSeconds: 60 });
  const urgent = pod({ containers: [container('a')], priorityClassName: 'high' });
  const term = { topologyKey: 'k', namespaces: ['other'] };
  const far = pod({
    affinity: {
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ podAffinityTerm: term }] },
    },
  });
  const selector = (operator: string, values?: string[]): object => ({
    scopeName: 'PriorityClass',
    operator,
    ...(values && { values }),
  });
  const pods = evaluator('', 'pods');
  for (const [object, scope, expected] of [
    [plain, { scopeName: 'BestEffort' }, true],
    [burstable, { scopeName: 'BestEffort' }, false],
    [burstable, { scopeName: 'NotBestEffort' }, true],
    [brief, { scopeName: 'Terminating' }, true],
    [plain, { scopeName: 'Terminating' }, false],
    [plain, { scopeName: 'NotTerminating' }, true],
    [urgent, selector('Exists'), true],
    [plain, selector('Exists'), false],
    [plain, selector('DoesNotExist'), true],
    [urgent, selector('In', ['high']), true],
    [urgent, selector('In', ['low']), false],
    [urgent, selector('NotIn', ['low']), true],
    [far, { scopeName: 'CrossNamespacePodAffinity' }, true],
    [plain, { scopeName: 'CrossNamespacePodAffinity' }, false],
  ] as const)
    assert.equal(
      pods.hasScope(object, scope as ScopedResourceSelectorRequirement),
      expected,
      JSON.stringify([object, scope]),
    );
  const claim = { spec: {}, status: { currentVolumeAttributesClassName: 'fast' } } as ApiObject;
  const scope: ScopedResourceSelectorRequirement = {
    scopeName: 'VolumeAttributesClass',
    operator: 'In',
    values: ['fast'],
  };
  assert.equal(evaluator('', 'persistentvolumeclaims').hasScope(claim, scope), true);
  assert.equal(evaluator('', 'services').hasScope({}, scope), false);
});

test('a write is charged, or refused in the words that clients know', () => {
  const write = {
    object: pod({ containers: [container('b'), container('a', { cpu: '1' })] }),
    old: undefined,
  };
  const outcome = (held: ResourceQuota): unknown =>
    charge([held], evaluator('', 'pods'), { ...write, mayRefuse: true, now });
  assert.deepEqual(outcome(quota({ pods: '2', 'requests.cpu': '1', memory: '1Gi' }, {})), {
    refusal: 'failed quota: q: must specify memory for: a,b; requests.cpu for: b',
  });
  const cpuOnly = { object: pod({ containers: [container('a', { cpu: '1500m' })] }), old: undefined };
  const charged = (held: ResourceQuota): unknown =>
    charge([held], evaluator('', 'pods'), { ...cpuOnly, mayRefuse: true, now });
  assert.deepEqual(charged(quota({ pods: '2', 'requests.cpu': '2' }, { pods: '1', 'requests.cpu': '1' })), {
    refusal:
      'exceeded quota: q, requested: requests.cpu=1500m, used: requests.cpu=1, limited: requests.cpu=2',
  });
  assert.deepEqual(charged(quota({ pods: '2' }, {})), {
    refusal: 'status unknown for quota: q, resources: pods',
  });
  assert.deepEqual(
    charged(
      quota(
        { pods: '2', secrets: '1', 'requests.cpu': '5' },
        { pods: '1', secrets: '1', 'requests.cpu': '0' },
      ),
    ),
    { used: new Map([[0, { pods: '2', secrets: '1', 'requests.cpu': '1500m' }]]) },
  );
  assert.deepEqual(charged(quota({ secrets: '1' }, {})), { used: new Map() });
});

test('an update is charged by what it adds, and in full when its object did not count before', () => {
  const service = (type: string): ApiObject => ({ spec: { type, ports: [{ port: 1 }] } });
  const used = { services: '1', 'services.nodeports': '0' };
  const outcome = charge(
    [quota({ services: '1', 'services.nodeports': '1' }, used)],
    evaluator('', 'services'),
    { object: service('NodePort'), old: service('ClusterIP'), mayRefuse: true, now },
  );
  assert.deepEqual(outcome, { used: new Map([[0, { services: '1', 'services.nodeports': '1' }]]) });
  const claim = (name: string | undefined): ApiObject => ({
    spec: { volumeAttributesClassName: name, resources: { requests: { storage: '1Gi' } } },
  });
  const scopeSelector = { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator: 'Exists' }] };
  const moved = charge(
    [quota({ 'requests.storage': '2Gi' }, { 'requests.storage': '1536Mi' }, { scopeSelector })],
    evaluator('', 'persistentvolumeclaims'),
    { object: claim('fast'), old: claim(undefined), mayRefuse: true, now },
  );
  assert.deepEqual(moved, {
    refusal:
      'exceeded quota: q, requested: requests.storage=1Gi, used: requests.storage=1536Mi, limited: requests.storage=2Gi',
  });
});

test('a history of pods is admitted exactly as by a twin that counts whole millicores', () => {
  const request = fc.record({ cpu: fc.integer({ min: 0, max: 900 }), isBrief: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5_000 }),
      (requests, hard) => {
        let held = quota(
          { 'requests.cpu': `${hard}m`, pods: '20' },
          { 'requests.cpu': '0', pods: '0' },
          {
            scopes: ['NotTerminating'],
          },
        );
        let [cpu, count] = [0, 0];
        for (const { cpu: asked, isBrief } of requests) {
          const object = pod({
            containers: [container('a', { cpu: `${asked}m` })],
            ...(isBrief && { activeDeadlineSeconds: 1 }),
          });
          const outcome = charge([held], evaluator('', 'pods'), {
            object,
            old: undefined,
            mayRefuse: true,
            now,
          });
          const fits = isBrief || (cpu + asked <= hard && count + 1 <= 20);
          assert.equal('used' in outcome, fits);
          if (!('used' in outcome)) continue;
          const used = outcome.used.get(0);
          if (used !== undefined) held = { ...held, status: { ...held.status, used } };
          if (!isBrief) [cpu, count] = [cpu + asked, count + 1];
        }
        const total = held.status?.used ?? {};
        assert.equal(Number(total['pods']), count);
        const shown = total['requests.cpu'] ?? '';
        assert.equal(shown.endsWith('m') ? Number(shown.slice(0, -1)) : Number(shown) * 1_000, cpu);
      },
    ),
  );
});
