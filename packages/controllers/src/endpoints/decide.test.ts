import type { Pod, Service } from '@timonier/api';
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

function pod(i: number, { ready = true, deleted = false, port = 8080 } = {}): Pod {
  return {
    metadata: {
      name: `p${i}`,
      namespace: 'a',
      uid: `u${i}`,
      labels: { app: 'web' },
      ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName: 'n', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }] },
    status: {
      phase: 'Running',
      podIP: `10.0.0.${i}`,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

const ips = (addresses: readonly { ip: string }[] | undefined): string[] =>
  (addresses ?? []).map(({ ip }) => ip);

test('addresses are ready or not, by the ports that their pods serve, without those that are going', () => {
  const pods = [pod(2), pod(1), pod(3, { ready: false }), pod(4, { port: 9090 }), pod(5, { deleted: true })];
  const endpoints = decide({ service, pods, stored: undefined });
  assert.deepEqual(
    endpoints?.subsets?.map(({ addresses, notReadyAddresses, ports }) => [
      ips(addresses),
      ips(notReadyAddresses),
      ports?.map(({ name, port }) => `${name} ${port}`),
    ]),
    [
      [['10.0.0.1', '10.0.0.2'], ['10.0.0.3'], ['http 8080']],
      [['10.0.0.4'], [], ['http 9090']],
    ],
  );
  assert.deepEqual(endpoints?.metadata?.labels, {
    team: 'x',
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
  });
  assert.equal(endpoints?.subsets?.[0]?.addresses?.[0]?.targetRef?.name, 'p1');
});

test('what is stored already is not written again, and a service without pods has no addresses', () => {
  const stored = decide({ service, pods: [pod(1)], stored: undefined });
  assert.ok(stored);
  assert.equal(decide({ service, pods: [pod(1)], stored }), undefined);
  assert.equal(decide({ service, pods: [], stored })?.subsets, undefined);
});

test('services without a selector, and those that are names only, are left to others', () => {
  const specs: NonNullable<Service['spec']>[] = [
    { ports: [] },
    { type: 'ExternalName', externalName: 'x.example', selector: { app: 'web' } },
  ];
  for (const spec of specs)
    assert.equal(decide({ service: { ...service, spec }, pods: [pod(1)], stored: undefined }), undefined);
});

test('a thousand addresses are told, and that there are more', () => {
  const pods = Array.from({ length: 1_001 }, (_, i) => pod(i));
  const endpoints = decide({ service, pods, stored: undefined });
  assert.equal(endpoints?.subsets?.[0]?.addresses?.length, 1_000);
  assert.equal(endpoints?.metadata?.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated');
});

test('a headless service may have no ports, and says that it is headless', () => {
  const headless: Service = { ...service, spec: { selector: { app: 'web' }, clusterIP: 'None' } };
  const endpoints = decide({ service: headless, pods: [pod(1)], stored: undefined });
  assert.deepEqual(ips(endpoints?.subsets?.[0]?.addresses), ['10.0.0.1']);
  assert.equal(endpoints?.metadata?.labels?.['service.kubernetes.io/headless'], '');
});
