import type { EndpointSlice, Pod, Service } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';

const service: Service = {
  metadata: { name: 'web', namespace: 'a', uid: 's', labels: { team: 'x' } },
  spec: {
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
  },
};

function pod(
  i: number,
  options: { ready?: boolean; deleting?: boolean; ip?: boolean; port?: number } = {},
): Pod {
  const status = options.ready === false ? 'False' : 'True';
  return {
    metadata: {
      name: `p${i}`,
      namespace: 'a',
      uid: `u${i}`,
      labels: { app: 'web' },
      ...(options.deleting === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: options.port ?? 8080 }] }],
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status }],
      ...(options.ip === false ? {} : { podIP: `10.0.0.${i}`, podIPs: [{ ip: `10.0.0.${i}` }] }),
    },
  };
}

const many = (count: number, from = 0): Pod[] => Array.from({ length: count }, (_, i) => pod(from + i));

function stored(slices: readonly EndpointSlice[]): EndpointSlice[] {
  return slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `web-${i}` } }));
}

test('endpoints carry ready, serving and terminating, their node, and the number of a named port', () => {
  const pods = [pod(1), pod(2, { ready: false }), pod(3, { deleting: true }), pod(4, { ip: false })];
  const { create } = decide({ service, pods, slices: [] });
  assert.equal(create.length, 1);
  assert.deepEqual(
    create[0]?.endpoints?.map(({ addresses, conditions }) => [addresses[0], conditions]),
    [
      ['10.0.0.1', { ready: true, serving: true, terminating: false }],
      ['10.0.0.2', { ready: false, serving: false, terminating: false }],
      ['10.0.0.3', { ready: false, serving: true, terminating: true }],
    ],
  );
  assert.deepEqual(create[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
  assert.equal(create[0]?.endpoints?.[0]?.nodeName, 'n');
  assert.equal(create[0]?.metadata?.labels?.['kubernetes.io/service-name'], 'web');
});

test('a stored decision decides nothing more', () => {
  const pods = many(3);
  const slices = stored(decide({ service, pods, slices: [] }).create);
  assert.deepEqual(decide({ service, pods, slices }), { create: [], update: [], delete: [] });
});

test('slices hold at most 100 endpoints, and one more pod rewrites one slice', () => {
  const slices = stored(decide({ service, pods: many(250), slices: [] }).create);
  assert.deepEqual(
    slices.map(({ endpoints }) => endpoints?.length),
    [100, 100, 50],
  );
  const next = decide({ service, pods: many(251), slices });
  assert.deepEqual([next.create.length, next.update.length, next.delete.length], [0, 1, 0]);
  assert.equal(next.update[0]?.endpoints?.length, 51);
});

test('pods that resolve a named port differently get slices of their own', () => {
  const { create } = decide({ service, pods: [pod(1), pod(2, { port: 9090 })], slices: [] });
  assert.deepEqual(
    create.map(({ ports }) => ports?.[0]?.port).toSorted((a = 0, b = 0) => a - b),
    [8080, 9090],
  );
});

test('a service without pods keeps one empty slice; one that loses its selector loses its slices', () => {
  const { create } = decide({ service, pods: [], slices: [] });
  assert.equal(create.length, 1);
  const slices = stored(create);
  assert.deepEqual(decide({ service, pods: [], slices }), { create: [], update: [], delete: [] });
  const without: Service = { ...service, spec: { ports: [] } };
  assert.equal(decide({ service: without, pods: many(1), slices }).delete.length, 1);
});

test('a pod that is gone leaves its slice, and an emptied slice goes when others remain', () => {
  const slices = stored(decide({ service, pods: many(150), slices: [] }).create);
  const next = decide({ service, pods: many(100), slices });
  assert.deepEqual([next.create.length, next.update.length, next.delete.length], [0, 0, 1]);
});
