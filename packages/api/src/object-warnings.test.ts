import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectWarnings } from './object-warnings.ts';

void test('an address of the host without a port of it is told, wherever pods are described', () => {
  const spec = {
    containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP', hostIP: 'x' }] }],
  };
  const text = 'hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:x}';
  assert.deepEqual(objectWarnings({ group: '', kind: 'Pod' }, { spec }), [
    `spec.containers[0].ports[0]: ${text}`,
  ]);
  assert.deepEqual(
    objectWarnings(
      { group: 'batch', kind: 'CronJob' },
      { spec: { jobTemplate: { spec: { template: { spec } } } } },
    ),
    [`spec.jobTemplate.spec.template.spec.containers[0].ports[0]: ${text}`],
  );
});

void test('half a byte is no size', () => {
  const claim = (storage: string): object => ({ spec: { resources: { requests: { storage } } } });
  const claims = { group: '', kind: 'PersistentVolumeClaim' };
  assert.deepEqual(objectWarnings(claims, { ...claim('1500m') }), [
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
  assert.deepEqual(objectWarnings(claims, { ...claim('1Gi') }), []);
});
