/** Quotas, whose status a script writes as the controller would: what they refuse, by scopes and kinds. */
import { jsonOf } from '../../calls.ts';
import type { Comparison, SidedCall } from '../../comparison.ts';
import { makeNamespace } from '../world.ts';

type Json = Record<string, unknown>;

interface Quota {
  readonly hard: Readonly<Record<string, string>>;
  readonly used?: Readonly<Record<string, string>>;
  readonly more?: Json;
}

const quotas: Readonly<Record<string, Quota>> = {
  'quota-compute': {
    hard: {
      'requests.cpu': '1',
      'requests.memory': '1Gi',
      'limits.cpu': '2',
      'limits.memory': '2Gi',
      pods: '2',
    },
    used: {
      'requests.cpu': '600m',
      'requests.memory': '512Mi',
      'limits.cpu': '1',
      'limits.memory': '1Gi',
      pods: '1',
    },
  },
  'quota-short': { hard: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' } },
  'quota-counts': {
    hard: {
      pods: '0',
      services: '1',
      'services.nodeports': '0',
      'services.loadbalancers': '0',
      secrets: '0',
      configmaps: '0',
      persistentvolumeclaims: '0',
      replicationcontrollers: '0',
      'count/deployments.apps': '0',
      'count/jobs.batch': '0',
      'requests.storage': '5Gi',
      'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '0',
    },
  },
  'quota-devices': { hard: { 'requests.example.com/gpu': '1', 'requests.hugepages-2Mi': '4Mi' } },
  'quota-best': { hard: { pods: '0' }, more: { scopes: ['BestEffort'] } },
  'quota-not-best': { hard: { pods: '0', 'requests.cpu': '1' }, more: { scopes: ['NotBestEffort'] } },
  'quota-ending': { hard: { pods: '0' }, more: { scopes: ['Terminating'] } },
  'quota-lasting': { hard: { pods: '0' }, more: { scopes: ['NotTerminating', 'NotBestEffort'] } },
  'quota-priority': {
    hard: { pods: '0' },
    more: {
      scopeSelector: {
        matchExpressions: [
          { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical', 'x'] },
        ],
      },
    },
  },
  'quota-affinity': { hard: { pods: '0' }, more: { scopes: ['CrossNamespacePodAffinity'] } },
  'quota-two': { hard: { pods: '5', configmaps: '0' } },
};

const container = (resources: Json = {}, called = 'one'): Json => ({ name: called, image: 'a', resources });
const pod = (spec: Json): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one' }, spec });
const term = { labelSelector: {}, topologyKey: 'x', namespaces: ['other'] };

const pods: Readonly<Record<string, Json>> = {
  plain: { containers: [container()] },
  'of two': { containers: [container(), container({}, 'two')] },
  'with requests': { containers: [container({ requests: { cpu: '100m', memory: '10Mi' } })] },
  'with limits': { containers: [container({ limits: { cpu: '100m', memory: '10Mi' } })] },
  'with high requests': {
    containers: [container({ requests: { cpu: '3', memory: '3Gi' }, limits: { cpu: '3', memory: '3Gi' } })],
  },
  'with some more': { containers: [container({ limits: { cpu: '500m', memory: '10Mi' } })] },
  'with devices': {
    containers: [
      container({ limits: { 'example.com/gpu': '2', 'hugepages-2Mi': '8Mi', cpu: '1', memory: '1Mi' } }),
    ],
  },
  'that begins high': {
    containers: [container({ limits: { cpu: '1m', memory: '1Mi' } })],
    initContainers: [container({ limits: { cpu: '5', memory: '1Mi' } }, 'first')],
  },
  'that ends': { containers: [container()], activeDeadlineSeconds: 5 },
  'of the system': { containers: [container()], priorityClassName: 'system-node-critical' },
  'near others': {
    containers: [container()],
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
  },
};

const others: Readonly<Record<string, { path: string; body: Json }>> = {
  'a service': {
    path: '/api/v1/@/services',
    body: { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] } },
  },
  'a service on nodes': {
    path: '/api/v1/@/services',
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      spec: {
        type: 'NodePort',
        ports: [{ port: 80 }, { port: 81, name: 'b' }].map((p, i) => ({ name: `p${i}`, ...p })),
      },
    },
  },
  'a balanced service': {
    path: '/api/v1/@/services',
    body: { apiVersion: 'v1', kind: 'Service', spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } },
  },
  'a secret': { path: '/api/v1/@/secrets', body: { apiVersion: 'v1', kind: 'Secret' } },
  'a map': { path: '/api/v1/@/configmaps', body: { apiVersion: 'v1', kind: 'ConfigMap' } },
  'a claim': {
    path: '/api/v1/@/persistentvolumeclaims',
    body: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '6Gi' } } },
    },
  },
  'a golden claim': {
    path: '/api/v1/@/persistentvolumeclaims',
    body: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      spec: {
        storageClassName: 'gold',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '2Gi' } },
      },
    },
  },
  'a deployment': {
    path: '/apis/apps/v1/@/deployments',
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container()] } },
      },
    },
  },
  'a job': {
    path: '/apis/batch/v1/@/jobs',
    body: {
      apiVersion: 'batch/v1',
      kind: 'Job',
      spec: { template: { spec: { restartPolicy: 'Never', containers: [container()] } } },
    },
  },
  'a controller': {
    path: '/api/v1/@/replicationcontrollers',
    body: {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      spec: {
        selector: { a: 'b' },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container()] } },
      },
    },
  },
};

export async function quotaScript(comparison: Comparison): Promise<void> {
  for (const [name, { hard, used, more }] of Object.entries(quotas)) {
    await makeNamespace(comparison, name);
    const path = `/api/v1/namespaces/${name}/resourcequotas`;
    const made = name === 'quota-two' ? ['a', 'b'] : ['only'];
    for (const called of made) {
      await comparison.compare(`${name} made`, {
        method: 'POST',
        path,
        body: {
          apiVersion: 'v1',
          kind: 'ResourceQuota',
          metadata: { name: called },
          spec: { hard, ...more },
        },
      });
      const zero = Object.fromEntries(Object.keys(hard).map((key) => [key, '0']));
      await comparison.both(`${name} counted`, {
        method: 'PATCH',
        path: `${path}/${called}/status`,
        body: { status: { hard, used: { ...zero, ...used } } },
        headers: { 'content-type': 'application/merge-patch+json' },
      });
      await comparison.settle(
        `${name} is counted`,
        { method: 'GET', path: `${path}/${called}` },
        (answer) => jsonOf(answer)?.status?.used !== undefined,
      );
    }
    await counts(comparison, name);
    const calls: { title: string; call: SidedCall }[] = [];
    for (const [title, spec] of Object.entries(pods))
      calls.push({
        title: `${name}: a pod ${title}`,
        call: { method: 'POST', path: `/api/v1/namespaces/${name}/pods?dryRun=All`, body: pod(spec) },
      });
    for (const [title, { path: where, body }] of Object.entries(others))
      calls.push({
        title: `${name}: ${title}`,
        call: {
          method: 'POST',
          path: `${where.replace('@', `namespaces/${name}`)}?dryRun=All`,
          body: { ...body, metadata: { name: 'one' } },
        },
      });
    for (const { title, call } of calls) await comparison.compare(title, call);
  }
}

/** Upstream looks at quotas that it watches: asks until the first of these is refused. */
async function counts(comparison: Comparison, name: string): Promise<void> {
  const tries: Readonly<Record<string, Json>> = {
    'quota-ending': pods['that ends'] ?? {},
    'quota-not-best': pods['with limits'] ?? {},
    'quota-lasting': pods['with limits'] ?? {},
    'quota-priority': pods['of the system'] ?? {},
    'quota-affinity': pods['near others'] ?? {},
    'quota-devices': pods['with devices'] ?? {},
  };
  const isMap = name === 'quota-two';
  await comparison.settle(
    `${name} counts`,
    {
      method: 'POST',
      path: `/api/v1/namespaces/${name}/${isMap ? 'configmaps' : 'pods'}?dryRun=All`,
      body: isMap
        ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe' } }
        : pod(tries[name] ?? pods['plain'] ?? {}),
    },
    ({ status }) => status === 403,
  );
}
