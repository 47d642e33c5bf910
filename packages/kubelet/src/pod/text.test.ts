import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, Secret, Service } from '@timonier/api';
import { RestartBackoff } from './backoff.ts';
import { ConfigError, containerEnvironment, type ObjectSource } from './environment.ts';
import { expand } from './expansion.ts';
import { isImageName, normalizeImage } from './image-name.ts';

test('references are expanded when known, kept when not, and doubled dollars are one', () => {
  const variables = new Map([['A', '1']]);
  assert.equal(expand('$(A) $(B) $$(A) $A $$', variables), '1 $(B) $(A) $A $');
});

test('the first restart is immediate, later ones wait longer, and ten good minutes forgive', () => {
  const backoff = new RestartBackoff();
  assert.equal(backoff.failed('x', 1_000).delayMs, 0);
  assert.equal(backoff.failed('x', 2_000).delayMs, 10_000);
  assert.equal(backoff.failed('x', 2_000).delayMs, 10_000);
  assert.deepEqual(backoff.failed('x', 3_000), { at: 23_000, delayMs: 20_000 });
  for (let i = 4; i < 12; i++) backoff.failed('x', i * 1_000);
  assert.equal(backoff.failed('x', 13_000).delayMs, 300_000);
  assert.equal(backoff.failed('x', 900_000, 600_000).delayMs, 0);
});

test('an image is named by registry, path, tag and digest, or by its id', () => {
  const hex = 'a'.repeat(64);
  for (const name of [
    'busybox',
    'host:5000/team/tool:v1',
    `a/b@sha256:${hex}`,
    `sha256:${hex}`,
    'x.io/a-b.c__d:1_2',
  ])
    assert.ok(isImageName(name), name);
  for (const name of ['', 'Not A Name', 'busybox:', 'a/B:v1', 'a//b', 'tool:v1:v2'])
    assert.ok(!isImageName(name), name);
});

test('an image without a tag means the latest', () => {
  assert.equal(normalizeImage('busybox'), 'busybox:latest');
  assert.equal(normalizeImage('host:5000/busybox'), 'host:5000/busybox:latest');
  assert.equal(normalizeImage('host:5000/busybox:1'), 'host:5000/busybox:1');
  assert.equal(normalizeImage('busybox@sha256:abc'), 'busybox@sha256:abc');
});

const api: Service = {
  metadata: { namespace: 'default', name: 'kubernetes' },
  spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] },
};
const secret: Secret = { data: { token: Buffer.from('hush').toString('base64') } };
const source: ObjectSource = {
  configMap: async (_namespace, name) => (name === 'settings' ? { data: { LEVEL: 'high' } } : undefined),
  secret: async (_namespace, name) => (name === 'keys' ? secret : undefined),
  services: async () => [api],
};

async function environment(container: Container): Promise<Map<string, string>> {
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { app: 'x' } },
    spec: { containers: [container] },
  };
  const allocatable = { cpuMilli: 2_000, memoryBytes: 1024 ** 3 };
  const context = { pod, podIps: ['10.0.0.2'], hostIp: '192.0.2.1', nodeName: 'node-1', allocatable };
  return containerEnvironment(container, context, source);
}

test('the environment comes from services, maps, secrets, fields, resources and literals in that order', async () => {
  const found = await environment({
    name: 'c',
    resources: { limits: { cpu: '1500m' } },
    envFrom: [
      { prefix: 'S_', configMapRef: { name: 'settings' } },
      { configMapRef: { name: 'none', optional: true } },
    ],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
      { name: 'URL', value: 'https://$(KUBERNETES_SERVICE_HOST)/$(S_LEVEL)' },
    ],
  });
  assert.equal(found.get('IP'), '10.0.0.2');
  assert.equal(found.get('APP'), 'x');
  assert.equal(found.get('CPUS'), '2');
  assert.equal(found.get('MEMORY'), '1024');
  assert.equal(found.get('TOKEN'), 'hush');
  assert.equal(found.get('URL'), 'https://10.96.0.1/high');
  assert.equal(found.get('KUBERNETES_SERVICE_PORT_HTTPS'), '443');
});

test('a missing object or key is named in the error', async () => {
  const missing = environment({ name: 'c', envFrom: [{ secretRef: { name: 'nothing' } }] });
  await assert.rejects(
    missing,
    (error: unknown) => error instanceof ConfigError && /secret "nothing"/.test(error.message),
  );
  const key = environment({
    name: 'c',
    env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'settings', key: 'ABSENT' } } }],
  });
  await assert.rejects(key, /couldn't find key ABSENT/);
});
