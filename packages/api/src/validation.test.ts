import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStrict } from './decode.ts';
import type { ApiObject } from './object.ts';
import { applyDefaults } from './defaults.ts';
import { registry, type ResourceInfo } from './registry.ts';
import { formatFieldError, invalidStatus, validate } from './validation.ts';

function made(info: ResourceInfo, value: object): ApiObject {
  return applyDefaults(info, decodeStrict(info, value).object);
}

/** What is wrong with an object, as texts. */
function problems(group: string, resource: string, value: object, old?: object): string[] {
  const info = registry.lookup(group, 'v1', resource) as ResourceInfo;
  const before = old === undefined ? undefined : made(info, old);
  return validate(info, made(info, value), before).map(formatFieldError);
}

const template = (labels: object = { a: 'b' }, spec: object = {}): object => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
});
const meta = { name: 'a', namespace: 'n' };
const pod = (spec: object = {}): object => ({
  metadata: meta,
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
});
const container = (more: object): object => pod({ containers: [{ name: 'c', image: 'x', ...more }] });
const deployment = (spec: object = {}): object => ({
  metadata: meta,
  spec: { selector: { matchLabels: { a: 'b' } }, template: template(), ...spec },
});
const service = (spec: object): object => ({ metadata: meta, spec: { ports: [{ port: 80 }], ...spec } });

interface Case {
  readonly what: string;
  readonly group?: string;
  readonly resource: string;
  readonly value: object;
  readonly old?: object;
  readonly expected: readonly string[];
}

const cases: readonly Case[] = [
  { what: 'a pod', resource: 'pods', value: pod(), expected: [] },
  {
    what: 'a pod without containers',
    resource: 'pods',
    value: { metadata: meta, spec: {} },
    expected: ['spec.containers: Required value'],
  },
  {
    what: 'an object without a name',
    resource: 'configmaps',
    value: { metadata: { namespace: 'n' } },
    expected: ['metadata.name: Required value: name or generateName is required'],
  },
  {
    what: 'a generated name',
    resource: 'configmaps',
    value: { metadata: { generateName: 'a-', namespace: 'n' } },
    expected: [],
  },
  {
    what: 'a namespace with a namespace',
    resource: 'namespaces',
    value: { metadata: meta },
    expected: ['metadata.namespace: Forbidden: not allowed on this type'],
  },
  {
    what: 'a namespace with dots',
    resource: 'namespaces',
    value: { metadata: { name: 'a.b' } },
    expected: ['metadata.name: Invalid value: "a.b": must not contain dots'],
  },
  {
    what: 'an unknown restart policy',
    resource: 'pods',
    value: pod({ restartPolicy: 'Maybe' }),
    expected: [
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
  },
  {
    what: 'two containers of one name',
    resource: 'pods',
    value: pod({
      containers: [
        { name: 'c', image: 'x' },
        { name: 'c', image: 'x' },
      ],
    }),
    expected: ['spec.containers[1].name: Duplicate value: "c"'],
  },
  {
    what: 'a mount without a volume',
    resource: 'pods',
    value: container({ volumeMounts: [{ name: 'v', mountPath: '/x' }] }),
    expected: ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  },
  {
    what: 'a request above its limit',
    resource: 'pods',
    value: container({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
    expected: [
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
  },
  {
    what: 'two sources of one volume',
    resource: 'pods',
    value: pod({ volumes: [{ name: 'v', emptyDir: {}, configMap: { name: 'c' } }] }),
    expected: ['spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type'],
  },
  {
    what: 'a probe that does nothing',
    resource: 'pods',
    value: container({ livenessProbe: { periodSeconds: 3 } }),
    expected: ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  },
  {
    what: 'one port of the host twice',
    resource: 'pods',
    value: pod({
      containers: ['c', 'd'].map((name) => ({
        name,
        image: 'x',
        ports: [{ containerPort: 80, hostPort: 80 }],
      })),
    }),
    expected: ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'],
  },
  {
    what: 'a new image',
    resource: 'pods',
    value: container({ image: 'y:1', imagePullPolicy: 'Always' }),
    old: container({ image: 'x' }),
    expected: [],
  },
  {
    what: 'another toleration',
    resource: 'pods',
    value: pod({ tolerations: [{ operator: 'Exists' }] }),
    old: pod(),
    expected: [],
  },
  {
    what: 'another node',
    resource: 'pods',
    value: pod({ nodeName: 'w2' }),
    old: pod({ nodeName: 'w1' }),
    expected: ['spec: Forbidden: pod updates may not change fields other than'],
  },
  { what: 'a deployment', group: 'apps', resource: 'deployments', value: deployment(), expected: [] },
  {
    what: 'a selector that misses its template',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ selector: { matchLabels: { a: 'c' } } }),
    expected: [
      'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
    ],
  },
  {
    what: 'no selector',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ selector: undefined }),
    expected: [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
    ],
  },
  {
    what: 'negative replicas',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ replicas: -1 }),
    expected: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  },
  {
    what: 'a deployment of one-time pods',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ template: template({ a: 'b' }, { restartPolicy: 'Never' }) }),
    expected: ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  },
  {
    what: 'another selector',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ selector: { matchLabels: { x: 'y' } }, template: template({ x: 'y' }) }),
    old: deployment(),
    expected: ['spec.selector: Invalid value: {"matchLabels":{"x":"y"}}: field is immutable'],
  },
  {
    what: 'a rollout that cannot move',
    group: 'apps',
    resource: 'deployments',
    value: deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    expected: [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
  },
  { what: 'a service', resource: 'services', value: service({}), expected: [] },
  {
    what: 'a service without ports',
    resource: 'services',
    value: service({ ports: [] }),
    expected: ['spec.ports: Required value'],
  },
  {
    what: 'a headless service without ports',
    resource: 'services',
    value: service({ ports: [], clusterIP: 'None', clusterIPs: ['None'] }),
    expected: [],
  },
  {
    what: 'a node port on a plain service',
    resource: 'services',
    value: service({ ports: [{ port: 80, nodePort: 30080 }] }),
    expected: ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  },
  {
    what: 'nameless ports',
    resource: 'services',
    value: service({ ports: [{ port: 1, name: 'a' }, { port: 2 }] }),
    expected: ['spec.ports[1].name: Required value'],
  },
  {
    what: 'another cluster address',
    resource: 'services',
    value: service({ clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }),
    old: service({ clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'] }),
    expected: ['spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set'],
  },
  {
    what: 'a key with a slash',
    resource: 'configmaps',
    value: { metadata: meta, data: { 'a/b': '' } },
    expected: ['data[a/b]: Invalid value: "a/b": a valid config key must consist of'],
  },
  {
    what: 'new data in an immutable map',
    resource: 'configmaps',
    value: { metadata: meta, immutable: true, data: { a: '2' } },
    old: { metadata: meta, immutable: true, data: { a: '1' } },
    expected: ['data: Forbidden: field is immutable when `immutable` is set'],
  },
  {
    what: 'a TLS secret without a key',
    resource: 'secrets',
    value: { metadata: meta, type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    expected: ['data[tls.key]: Required value'],
  },
  {
    what: 'another secret type',
    resource: 'secrets',
    value: { metadata: meta, type: 'b' },
    old: { metadata: meta, type: 'a' },
    expected: ['type: Invalid value: "b": field is immutable'],
  },
  {
    what: 'two controllers',
    resource: 'configmaps',
    value: {
      metadata: {
        ...meta,
        ownerReferences: ['x', 'y'].map((name) => ({
          apiVersion: 'v1',
          kind: 'K',
          name,
          uid: name,
          controller: true,
        })),
      },
    },
    expected: ['metadata.ownerReferences: Invalid value'],
  },
  {
    what: 'a bad label',
    resource: 'configmaps',
    value: { metadata: { ...meta, labels: { a: '-' } } },
    expected: ['metadata.labels: Invalid value: "-": a valid label must be'],
  },
  {
    what: 'an endpoint without addresses',
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
    value: { metadata: meta, addressType: 'IPv4', endpoints: [{}] },
    expected: ['endpoints[0].addresses: Required value: must contain at least 1 address'],
  },
  {
    what: 'an empty lease',
    group: 'coordination.k8s.io',
    resource: 'leases',
    value: { metadata: meta, spec: { leaseDurationSeconds: 0 } },
    expected: ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  },
  {
    what: 'a taint without an effect',
    resource: 'nodes',
    value: { metadata: { name: 'a' }, spec: { taints: [{ key: 'a' }] } },
    expected: ['metadata.taints[0].effect: Required value'],
  },
  {
    what: 'a new finalizer on a dying object',
    resource: 'configmaps',
    value: { metadata: { ...meta, finalizers: ['x/y'], deletionTimestamp: '2026-01-01T00:00:00Z' } },
    old: { metadata: { ...meta, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    expected: [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted',
    ],
  },
];

describe('validation', () => {
  for (const { what, group = '', resource, value, old, expected } of cases) {
    it(`${expected.length === 0 ? 'accepts' : 'refuses'} ${what}${old === undefined ? '' : ' on update'}`, () => {
      const found = problems(group, resource, value, old);
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [i, text] of expected.entries())
        assert.ok(found[i]?.startsWith(text), `${found[i]}\n${text}`);
    });
  }

  it('answers with a Status that lists every cause', () => {
    const info = registry.lookup('apps', 'v1', 'deployments') as ResourceInfo;
    const errors = validate(info, made(info, deployment({ replicas: -1, minReadySeconds: -1 })));
    const status = invalidStatus(info, 'a', errors);
    assert.equal(status.code, 422);
    assert.equal(
      status.message,
      'Deployment.apps "a" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0]',
    );
    assert.deepEqual(status.details?.causes?.[0], {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: -1: must be greater than or equal to 0',
      field: 'spec.replicas',
    });
    assert.deepEqual(
      [status.details?.group, status.details?.kind, status.details?.name],
      ['apps', 'Deployment', 'a'],
    );
  });

  it('does not take inherited names for known ones', () => {
    assert.deepEqual(problems('', 'secrets', { metadata: meta, type: 'valueOf' }), []);
    const odd = JSON.parse('{"__proto__":"1"}') as object;
    const found = problems('', 'pods', container({ resources: { requests: odd, limits: {} } }));
    assert.ok(
      found.every((text) => text.startsWith('spec.containers[0].resources.requests')),
      found.join('\n'),
    );
    const selector = { matchExpressions: [{ key: 'a', operator: 'constructor' }] };
    assert.match(
      problems('apps', 'deployments', deployment({ selector }))[0] ?? '',
      /not a valid selector operator/,
    );
  });

  it('judges a change by what it changes, however much is wrong with the spec that it leaves alone', () => {
    const many = Array.from({ length: 120 }, (_unused, i) => ({ name: `BAD_${i}`, image: 'x' }));
    const label = { metadata: { ...meta, labels: { a: 'b c' } } };
    const ofPod = pod({ containers: many });
    const ofDeployment = deployment({ template: template({ a: 'b' }, { containers: many }) });
    for (const [group, resource, old] of [
      ['', 'pods', ofPod],
      ['apps', 'deployments', ofDeployment],
    ] as const) {
      assert.deepEqual(problems(group, resource, { ...old, metadata: { ...meta, labels: {} } }, old), []);
      const found = problems(group, resource, { ...old, ...label }, old);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', /^metadata\.labels: Invalid value: "b c"/);
    }
    const other = problems('', 'pods', container({ name: 'ALSO_BAD' }), container({ name: 'BAD' }));
    assert.match(other[0] ?? '', /^spec\.containers\[0\]\.name: Invalid value: "ALSO_BAD"/);
  });

  it('takes a field that is undefined for one that is absent', () => {
    const info = registry.lookup('', 'v1', 'pods') as ResourceInfo;
    const old = made(info, pod());
    const now = structuredClone(old);
    (now['spec'] as Record<string, unknown>)['nodeName'] = undefined;
    assert.deepEqual(validate(info, now, old), []);
  });

  it('takes time in proportion to the input when names are long', () => {
    const started = process.cpuUsage().user;
    problems('', 'configmaps', { metadata: { name: `${'a'.repeat(200_000)}!`, namespace: 'n' } });
    assert.ok(process.cpuUsage().user - started < 500_000);
  });
});
