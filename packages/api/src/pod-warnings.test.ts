import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectWarnings } from './object-warnings.ts';
import { podWarnings } from './pod-warnings.ts';

const container = { name: 'c', image: 'x' };
const warnings = (spec: object, annotations: Record<string, string> = {}): readonly string[] =>
  podWarnings(spec, { annotations }, '');

test('a variable that hides one of its name is told, unless it builds upon it', () => {
  const env = [
    { name: 'A', value: 'a' },
    { name: 'A', value: 'b' },
    { name: 'A', value: '$(A)' },
    { name: 'A', value: '$(A):b' },
    { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'B', value: 'b' },
  ];
  const hides = (i: number): string =>
    `spec.containers[0].env[${i}]: hides previous definition of "A", which may be dropped when using apply`;
  assert.deepEqual(warnings({ containers: [{ ...container, env }] }), [hides(1), hides(2), hides(4)]);
});

test('ports that are there twice are told, in whatever containers they are', () => {
  const port = (more: object = {}): object => ({ containerPort: 80, protocol: 'TCP', ...more });
  assert.deepEqual(
    warnings({
      initContainers: [{ ...container, ports: [port()] }],
      containers: [{ ...container, ports: [port(), { ...port(), protocol: 'UDP' }] }],
    }),
    ['spec.containers[0].ports[0]: duplicate port definition with spec.initContainers[0].ports[0]'],
  );
  assert.deepEqual(
    warnings({
      containers: [
        {
          ...container,
          ports: [
            port({ hostPort: 80, hostIP: '10.0.0.1' }),
            port({ hostPort: 80 }),
            port({ hostPort: 80, hostIP: '10.0.0.2' }),
          ],
        },
      ],
    }),
    [
      'spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: dangerously ambiguous port definition with spec.containers[0].ports[1]',
    ],
  );
});

test('what does nothing, or nothing any more, is told', () => {
  assert.deepEqual(
    warnings(
      {
        nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'DoNotSchedule' }],
        volumes: [{ name: 'v', gitRepo: { repository: 'r' } }],
        imagePullSecrets: [{}, {}],
        terminationGracePeriodSeconds: -1,
        containers: [{ ...container, resources: { requests: { memory: '100m' } } }],
      },
      { 'scheduler.alpha.kubernetes.io/critical-pod': '' },
    ),
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
      'spec.imagePullSecrets[1].name: duplicate name ""',
      'spec.imagePullSecrets[0].name: invalid empty name ""',
      'spec.imagePullSecrets[1].name: invalid empty name ""',
      'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  );
});

test('a template is not told of again while it stays as it is', () => {
  const env = [
    { name: 'A', value: 'a' },
    { name: 'A', value: 'b' },
  ];
  const deployment = (generation: number): object => ({
    metadata: { name: 'd', generation },
    spec: { template: { spec: { containers: [{ ...container, env }] } } },
  });
  const type = { group: 'apps', kind: 'Deployment' };
  assert.equal(objectWarnings(type, { ...deployment(1) }).length, 1);
  assert.deepEqual(objectWarnings(type, { ...deployment(1) }, { ...deployment(1) }), []);
  assert.equal(objectWarnings(type, { ...deployment(2) }, { ...deployment(1) }).length, 1);
});
