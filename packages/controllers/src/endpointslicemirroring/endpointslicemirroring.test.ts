import { type Endpoints, type EndpointSlice, resources, type Service } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inLoopWorld } from '../memory-loop.ts';
import { startEndpointSliceMirroring } from './controller.ts';
import { decide, type MirrorDecision } from './decide.ts';

const never = new AbortController().signal;
const service = (spec: Service['spec'] = {}): Service => ({ metadata: { name: 'db', namespace: 'a' }, spec });
const http = [{ name: 'http', port: 80 }];

const endpointsWith = (subsets: Endpoints['subsets'], metadata: Endpoints['metadata'] = {}): Endpoints => ({
  metadata: { name: 'db', namespace: 'a', uid: 'uid-db', ...metadata },
  ...(subsets === undefined ? {} : { subsets }),
});

const mirrored = (endpoints: Endpoints | undefined, slices: readonly EndpointSlice[] = []): MirrorDecision =>
  decide({ endpoints, service: service(), slices });

const shape = ({ create }: MirrorDecision): unknown =>
  create.map(({ addressType, ports, endpoints }) => [
    addressType,
    ports?.map(({ port }) => port),
    endpoints?.map(({ addresses, conditions }) => `${addresses[0] ?? ''} ${conditions?.ready === true}`),
  ]);

test('there is a slice for each family and each set of ports; the same ports share one', () => {
  const decision = mirrored(
    endpointsWith([
      {
        addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }],
        notReadyAddresses: [{ ip: '192.0.2.2' }],
        ports: http,
      },
      { addresses: [{ ip: '192.0.2.3' }, { ip: '192.0.2.1' }], ports: http },
      { addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 443 }] },
    ]),
  );
  assert.deepEqual(shape(decision), [
    ['IPv4', [80], ['192.0.2.1 true', '192.0.2.2 false', '192.0.2.3 true']],
    ['IPv6', [80], ['2001:db8::1 true']],
    ['IPv4', [443], ['192.0.2.1 true']],
  ]);
});

test('a slice has the labels and annotations of its Endpoints, but those that are about these alone', () => {
  const annotations = { mine: 'yes', 'endpoints.kubernetes.io/last-change-trigger-time': 'now' };
  const address = { ip: '192.0.2.1', hostname: 'one', nodeName: 'n', targetRef: { kind: 'Pod', name: 'p' } };
  const endpoints = endpointsWith([{ addresses: [address], ports: http }], {
    labels: { tier: 'back' },
    annotations,
  });
  const [slice] = mirrored(endpoints).create;
  assert.deepEqual(slice?.metadata, {
    generateName: 'db-',
    namespace: 'a',
    labels: {
      tier: 'back',
      'kubernetes.io/service-name': 'db',
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    },
    annotations: { mine: 'yes' },
    ownerReferences: [
      {
        apiVersion: 'v1',
        kind: 'Endpoints',
        name: 'db',
        uid: 'uid-db',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  });
  const { ip, ...rest } = address;
  assert.deepEqual(slice?.endpoints, [{ addresses: [ip], conditions: { ready: true }, ...rest }]);
});

test('what is mirrored stays, changes in its slice, or goes with what it mirrors', () => {
  const endpoints = endpointsWith([{ addresses: [{ ip: '192.0.2.1' }], ports: http }]);
  const [made] = mirrored(endpoints).create;
  const slice = { ...made, metadata: { ...made?.metadata, name: 'db-1' } } as EndpointSlice;
  const nothing = { create: [], update: [], delete: [], events: [] };
  assert.deepEqual(mirrored(endpoints, [slice]), nothing);
  const second = endpointsWith([{ addresses: [{ ip: '192.0.2.9' }], ports: http }]);
  const changed = mirrored(second, [slice, { ...slice, metadata: { ...slice.metadata, name: 'db-2' } }]);
  assert.deepEqual(
    changed.update.map(({ metadata, endpoints: [one] = [] }) => [metadata?.name, one?.addresses[0]]),
    [['db-1', '192.0.2.9']],
  );
  assert.deepEqual(
    changed.delete.map(({ metadata }) => metadata?.name),
    ['db-2'],
  );
  const gone = { ...nothing, delete: [slice] };
  assert.deepEqual(mirrored(undefined, [slice]), gone);
  assert.deepEqual(mirrored(endpointsWith([]), [slice]), gone);
  assert.deepEqual(
    mirrored(
      {
        ...endpoints,
        metadata: { ...endpoints.metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      },
      [slice],
    ),
    gone,
  );
  assert.deepEqual(
    mirrored(
      {
        ...endpoints,
        metadata: {
          ...endpoints.metadata,
          annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' },
        },
      },
      [slice],
    ),
    gone,
  );
  assert.deepEqual(decide({ endpoints, service: undefined, slices: [slice] }), gone);
  assert.deepEqual(
    decide({ endpoints, service: service({ selector: { app: 'db' } }), slices: [slice] }),
    gone,
  );
});

test('of one subset a thousand addresses are mirrored; what is left out is told', () => {
  const addresses = Array.from({ length: 1_003 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
  const decision = mirrored(endpointsWith([{ addresses: [{ ip: 'nowhere' }, ...addresses], ports: http }]));
  assert.equal(decision.create[0]?.endpoints?.length, 1_000);
  assert.deepEqual(decision.events, [
    {
      reason: 'InvalidIPAddress',
      message: 'Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
    },
    {
      reason: 'TooManyAddressesToMirror',
      message:
        'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 4 addresses were skipped',
    },
  ]);
});

test('Endpoints get their slice when there is a Service, and it follows them', async () => {
  await inLoopWorld(
    {},
    (api) => api.put(resources.endpoints, endpointsWith([{ addresses: [{ ip: '192.0.2.1' }], ports: http }])),
    async ({ api, informers, begin }) => {
      begin(startEndpointSliceMirroring);
      const { endpointslices } = informers;
      const shown = (): unknown =>
        endpointslices.list().map(({ endpoints: [one] = [] }) => one?.addresses[0]);
      const shows = (wanted: readonly string[]): Promise<boolean> =>
        endpointslices.until(() => JSON.stringify(shown()) === JSON.stringify(wanted), never, 30_000);
      api.put(resources.services, service());
      assert.ok(await shows(['192.0.2.1']));
      api.put(resources.endpoints, endpointsWith([{ addresses: [{ ip: '192.0.2.2' }], ports: http }]));
      assert.ok(await shows(['192.0.2.2']));
      api.remove(resources.services, 'a/db');
      assert.ok(await shows([]));
    },
  );
});
