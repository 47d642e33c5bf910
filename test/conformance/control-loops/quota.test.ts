/** Quotas end to end: what admission charges, and what the controller counts, on a real etcd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { loopsWorld } from './world.ts';

const world = loopsWorld();

type Amounts = Readonly<Record<string, string>>;

/** Makes a quota in a namespace and waits until it counts. */
async function limited(namespace: string, hard: Amounts, spec: object = {}): Promise<void> {
  await world.ask(201, 'POST', `${namespace}/resourcequotas`, {
    metadata: { name: 'limits' },
    spec: { hard, ...spec },
  });
  await world.shows(`${namespace}/resourcequotas/limits`, 'the quota counts', ({ status }) =>
    Object.keys(hard).every((name) => status?.used?.[name] !== undefined),
  );
}

async function uses(namespace: string, used: Amounts): Promise<void> {
  await world.shows(`${namespace}/resourcequotas/limits`, `it uses ${JSON.stringify(used)}`, ({ status }) =>
    Object.entries(used).every(([name, amount]) => status?.used?.[name] === amount),
  );
}

function pod(name: string, requests: Amounts | undefined, spec: object = {}): object {
  const resources = requests === undefined ? {} : { requests };
  return { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i', resources }], ...spec } };
}

// Conformance: ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.
test('a quota soon says what it limits and what is used, also of what was there before, and follows its owner', async () => {
  const namespace = await world.namespace('prompt');
  for (const name of ['a', 'b'])
    await world.ask(201, 'POST', `${namespace}/configmaps`, { metadata: { name } });
  await world.gone(`${namespace}/configmaps/none`);
  await limited(namespace, { configmaps: '20', 'count/deployments.apps': '1' });
  // The CA of the cluster is one, where the controllers know it.
  const { status } = await world.ask(200, 'GET', `${namespace}/resourcequotas/limits`);
  assert.equal(status.hard.configmaps, '20');
  assert.ok(Number(status.used.configmaps) >= 2);
  assert.equal(status.used['count/deployments.apps'], '0');
  const patch = { spec: { hard: { configmaps: '30', services: '3' } } };
  await world.ask(200, 'PATCH', `${namespace}/resourcequotas/limits`, patch, patchAs('merge-patch+json'));
  await world.shows(
    `${namespace}/resourcequotas/limits`,
    'the new limits hold',
    (quota) => quota.status.hard.configmaps === '30' && quota.status.used.services === '0',
  );
});

// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a configMap.
// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a secret.
// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a replication controller.
// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a replica set.
test('ConfigMaps, Secrets, ReplicationControllers, ReplicaSets and custom resources are counted while they exist', async () => {
  const namespace = await world.namespace('counted');
  const definition = {
    metadata: { name: 'things.quota.example.com' },
    spec: {
      group: 'quota.example.com',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  };
  await world.ask(201, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const apps = namespace.replace('/api/v1', '/apis/apps/v1');
  const things = namespace.replace('/api/v1', '/apis/quota.example.com/v1');
  await world.shows(
    '/apis/quota.example.com/v1',
    'the kind is served',
    ({ resources }) => resources.length > 0,
  );
  const kinds: readonly (readonly [string, string, string, object])[] = [
    ['secrets', 'secrets', `${namespace}/secrets`, {}],
    [
      'replicationcontrollers',
      'replicationcontrollers',
      `${namespace}/replicationcontrollers`,
      { spec: { replicas: 0, selector: { a: 'b' }, template } },
    ],
    [
      'count/replicasets.apps',
      'replicasets.apps',
      `${apps}/replicasets`,
      { spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template } },
    ],
    [
      'count/things.quota.example.com',
      'things.quota.example.com',
      `${things}/things`,
      { apiVersion: 'quota.example.com/v1', kind: 'Thing' },
    ],
  ];
  const hard = Object.fromEntries(kinds.map(([name]) => [name, '1']));
  await world.ask(201, 'POST', `${namespace}/resourcequotas`, {
    metadata: { name: 'limits' },
    spec: { hard: { ...hard, configmaps: '1' } },
  });
  await uses(namespace, { configmaps: '0', secrets: '0', 'count/replicasets.apps': '0' });
  await world.ask(201, 'POST', `${namespace}/configmaps`, { metadata: { name: 'one' } });
  await uses(namespace, { configmaps: '1' });
  const { message } = await world.ask(403, 'POST', `${namespace}/configmaps`, { metadata: { name: 'two' } });
  assert.equal(
    message,
    'configmaps "two" is forbidden: exceeded quota: limits, requested: configmaps=1, used: configmaps=1, limited: configmaps=1',
  );
  for (const [name, resource, path, body] of kinds) {
    await uses(namespace, { [name]: '0' });
    await world.ask(201, 'POST', path, { ...body, metadata: { name: 'one' } });
    await uses(namespace, { [name]: '1' });
    const refused = await world.ask(403, 'POST', path, { ...body, metadata: { name: 'two' } });
    assert.equal(
      refused.message,
      `${resource} "two" is forbidden: exceeded quota: limits, requested: ${name}=1, used: ${name}=1, limited: ${name}=1`,
    );
    // An update uses nothing.
    const labels = { metadata: { labels: { changed: 'yes' } } };
    await world.ask(200, 'PATCH', `${path}/one`, labels, patchAs('merge-patch+json'));
    await world.ask(200, 'DELETE', `${path}/one`);
    await uses(namespace, { [name]: '0' });
    await world.ask(201, 'POST', path, { ...body, metadata: { name: 'two' } });
  }
});

// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a service.
test('Services are counted with their node ports and load balancers, also when they change into another type', async () => {
  const namespace = await world.namespace('services');
  await limited(namespace, { services: '3', 'services.nodeports': '1', 'services.loadbalancers': '1' });
  const service = (name: string, type: string): object => ({
    metadata: { name },
    spec: {
      type,
      ports: [{ port: 80 }],
      ...(type === 'LoadBalancer' && { allocateLoadBalancerNodePorts: false }),
    },
  });
  const path = `${namespace}/services`;
  await world.ask(201, 'POST', path, service('plain', 'ClusterIP'));
  await world.ask(201, 'POST', path, service('port', 'NodePort'));
  await world.ask(201, 'POST', path, service('balanced', 'LoadBalancer'));
  await uses(namespace, { services: '3', 'services.nodeports': '1', 'services.loadbalancers': '1' });
  const toPort = { spec: { type: 'NodePort' } };
  const merge = patchAs('merge-patch+json');
  const { message } = await world.ask(403, 'PATCH', `${path}/plain`, toPort, merge);
  assert.equal(
    message,
    'services "plain" is forbidden: exceeded quota: limits, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
  );
  await world.ask(403, 'POST', path, service('fourth', 'ClusterIP'));
  await world.ask(200, 'DELETE', `${path}/port`);
  await uses(namespace, { services: '2', 'services.nodeports': '0' });
  await world.ask(200, 'PATCH', `${path}/plain`, toPort, merge);
  await uses(namespace, { services: '2', 'services.nodeports': '1' });
});

// Conformance: ResourceQuota should create a ResourceQuota and capture the life of a pod.
test('pods are counted with what they request until they have ended, and must say what is limited', async () => {
  const namespace = await world.namespace('pods');
  const hard = { pods: '5', cpu: '1', memory: '1Gi', 'requests.example.com/dongle': '2' };
  await limited(namespace, hard);
  const path = `${namespace}/pods`;
  const asked = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi' };
  const withDongle = {
    containers: [
      {
        name: 'c',
        image: 'i',
        resources: {
          requests: { ...asked, 'example.com/dongle': '2' },
          limits: { 'example.com/dongle': '2' },
        },
      },
    ],
  };
  await world.ask(201, 'POST', path, { metadata: { name: 'first' }, spec: withDongle });
  await uses(namespace, { pods: '1', cpu: '500m', memory: '252Mi', 'requests.example.com/dongle': '2' });
  const tooMuch = await world.ask(403, 'POST', path, pod('large', { cpu: '600m', memory: '100Mi' }));
  assert.equal(
    tooMuch.message,
    'pods "large" is forbidden: exceeded quota: limits, requested: cpu=600m, used: cpu=500m, limited: cpu=1',
  );
  const silent = await world.ask(403, 'POST', path, pod('silent', { cpu: '100m' }));
  assert.equal(
    silent.message,
    'pods "silent" is forbidden: failed quota: limits: must specify memory for: c',
  );
  await world.ask(403, 'POST', path, { metadata: { name: 'second' }, spec: withDongle });
  // What is merely tried costs nothing, and is refused all the same.
  await world.ask(201, 'POST', `${path}?dryRun=All`, pod('tried', { cpu: '500m', memory: '1Mi' }));
  await world.ask(403, 'POST', `${path}?dryRun=All`, pod('tried', { cpu: '501m', memory: '1Mi' }));
  const resize = (cpu: string): object => ({
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
  });
  const strategic = patchAs('strategic-merge-patch+json');
  await world.ask(403, 'PATCH', `${path}/first/resize`, resize('1001m'), strategic);
  await world.ask(200, 'PATCH', `${path}/first/resize`, resize('700m'), strategic);
  await uses(namespace, { pods: '1', cpu: '700m' });
  const ended = { status: { phase: 'Succeeded' } };
  await world.ask(200, 'PATCH', `${path}/first/status`, ended, patchAs('merge-patch+json'));
  await uses(namespace, { pods: '0', cpu: '0', memory: '0', 'requests.example.com/dongle': '0' });
  await world.ask(201, 'POST', path, pod('next', { cpu: '1', memory: '1Gi' }));
  await world.ask(200, 'DELETE', `${path}/next`);
  await uses(namespace, { pods: '0', cpu: '0' });
});

// Conformance: ResourceQuota should verify ResourceQuota with best effort scope.
// Conformance: ResourceQuota should verify ResourceQuota with terminating scopes.
test('a quota with scopes counts only pods that are of all of them', async () => {
  const scopes = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating'];
  const namespace = await world.namespace('scopes');
  for (const scope of scopes) {
    const name = scope.toLowerCase();
    await world.ask(201, 'POST', `${namespace}/resourcequotas`, {
      metadata: { name },
      spec: { hard: { pods: '5' }, scopes: [scope] },
    });
  }
  const shows = async (expected: readonly number[]): Promise<void> => {
    for (const [i, scope] of scopes.entries())
      await world.shows(
        `${namespace}/resourcequotas/${scope.toLowerCase()}`,
        `${scope} uses ${expected[i]}`,
        ({ status }) => status?.used?.pods === String(expected[i]),
      );
  };
  await shows([0, 0, 0, 0]);
  const path = `${namespace}/pods`;
  await world.ask(201, 'POST', path, pod('best', undefined));
  await shows([1, 0, 0, 1]);
  await world.ask(201, 'POST', path, pod('burst', { cpu: '1' }, { activeDeadlineSeconds: 3_600 }));
  await shows([1, 1, 1, 1]);
  await world.ask(200, 'DELETE', `${path}/best`);
  await shows([0, 1, 1, 0]);
  const selector = { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] };
  await world.ask(201, 'POST', `${namespace}/resourcequotas`, {
    metadata: { name: 'critical' },
    spec: { hard: { pods: '0' }, scopeSelector: { matchExpressions: [selector] } },
  });
  await world.shows(
    `${namespace}/resourcequotas/critical`,
    'it counts',
    ({ status }) => status?.used?.pods === '0',
  );
  const critical = pod('critical', undefined, { priorityClassName: 'system-node-critical' });
  const refused = await world.ask(403, 'POST', path, critical);
  assert.match(refused.message, /exceeded quota: critical, requested: pods=1, used: pods=0, limited: pods=0/);
});

test('however many create and delete at once, a namespace never holds more than its quota, and nothing leaks', async () => {
  const namespace = await world.namespace('crowd');
  await limited(namespace, { configmaps: '7', 'count/configmaps': '9' });
  const path = `${namespace}/configmaps`;
  let most = 0;
  const counted = async (): Promise<number> => {
    const { items } = await world.ask(200, 'GET', path);
    most = Math.max(most, items.length);
    return items.length;
  };
  const outcomes = new Set<number>();
  const worker = async (id: number): Promise<void> => {
    for (let round = 0; round < 8; round++) {
      // Half of the names are taken, so that creations also fail for another reason after they were charged.
      const name = round % 2 === 0 ? `w${id}-${round}` : `shared-${round}`;
      const { status } = await world.server.request('POST', path, { metadata: { name } });
      outcomes.add(status);
      await counted();
      if (status === 201 && (id + round) % 2 === 0) await world.server.request('DELETE', `${path}/${name}`);
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, id) => worker(id)));
  assert.ok(most <= 7, `${most} were there at once`);
  assert.ok(outcomes.has(201) && outcomes.has(403));
  assert.deepEqual(
    [...outcomes].filter((code) => ![201, 403, 409].includes(code)),
    [],
  );
  const left = await counted();
  await uses(namespace, { configmaps: String(left), 'count/configmaps': String(left) });
  // The room that is left can be used to the last place, by all at once.
  const rest = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      world.server.request('POST', path, { metadata: { name: `rest-${i}` } }),
    ),
  );
  assert.equal(rest.filter(({ status }) => status === 201).length, 7 - left);
});
