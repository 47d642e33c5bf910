/** What kube-apiserver 1.36 said of applied configurations whose values cannot be owned, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry, type ResourceInfo } from '@timonier/api';
import { decodeStrict } from '@timonier/api/decode';
import { checkAppliedType, converted } from './applied-type.ts';

const deployments = registry.lookup('apps', 'v1', 'deployments') as ResourceInfo;
const container = { name: 'c', image: 'x' };

function withSpec(spec: object, metadata: unknown = { name: 'd' }): Readonly<Record<string, unknown>> {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
}

function podSpec(spec: object): object {
  return { template: { spec: { containers: [container], ...spec } } };
}

const seen: readonly (readonly [object, string])[] = [
  [{ replicas: 'x' }, '.spec.replicas: expected numeric (int or float), got string'],
  [{ replicas: [1] }, '.spec.replicas: expected numeric (int or float), got []interface {}'],
  [{ paused: 1 }, '.spec.paused: expected boolean, got &{1}'],
  [
    podSpec({ nodeName: {} }),
    '.spec.template.spec.nodeName: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}',
  ],
  [podSpec({ containers: {} }), '.spec.template.spec.containers: expected list, got &{map[]}'],
  [{ template: { spec: [] } }, '.spec.template.spec: expected map, got &{[]}'],
  [
    podSpec({ containers: [{ ...container, ports: [{ containerPort: 'x' }] }] }),
    '.spec.template.spec.containers[name="c"].ports[containerPort="x",protocol="TCP"].containerPort: expected numeric (int or float), got string',
  ],
  [
    podSpec({ containers: [{ ...container, ports: ['x'] }] }),
    '.spec.template.spec.containers[name="c"].ports: element 0: associative list with keys may not have non-map elements',
  ],
  [
    podSpec({ containers: [null] }),
    '.spec.template.spec.containers: element 0: associative list with keys may not have a null element',
  ],
  [
    podSpec({ containers: [container, container] }),
    '.spec.template.spec.containers: duplicate entries for key [name="c"]',
  ],
  [{ selector: { matchExpressions: [7] } }, '.spec.selector.matchExpressions[0]: expected map, got &{7}'],
  [{ what: 1 }, '.spec.what: field not declared in schema'],
];

for (const [spec, text] of seen)
  test(`refused: ${text}`, () =>
    assert.throws(() => checkAppliedType(deployments, withSpec(spec)), {
      message: `failed to create typed patch object (/d; apps/v1, Kind=Deployment): ${text}`,
    }));

test('sets name their items, and what says no name has none', () => {
  const twice = { finalizers: ['a.b/c', 'a.b/c'] };
  assert.throws(() => checkAppliedType(deployments, withSpec({}, twice)), {
    message:
      'failed to create typed patch object (/; apps/v1, Kind=Deployment): .metadata.finalizers: duplicate entries for key [="a.b/c"]',
  });
});

test('what has a text form of its own is looked at when it is converted', () => {
  const config = withSpec({ strategy: { rollingUpdate: { maxSurge: true } } });
  checkAppliedType(deployments, config);
  assert.throws(() => converted(deployments, config, () => decodeStrict(deployments, config)), {
    message:
      'failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: json: cannot unmarshal bool into Go value of type int32',
  });
});
