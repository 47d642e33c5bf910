/** Lists of thousands of items: how often their items are looked at grows as the lists do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ApiObject } from '../object.ts';
import { registry } from '../registry.ts';
import { watched } from '../testing/watched.ts';
import { formatFieldError, validate } from '../validation.ts';
import { duplicate, type FieldError } from './field-error.ts';
import { validateResources } from './resources.ts';

interface Case {
  readonly what: string;
  readonly of: readonly [group: string, version: string, resource: string];
  readonly subresource?: string;
  readonly object: (count: number) => object;
  readonly old?: (count: number) => object;
}

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const container = { name: 'c', image: 'i', imagePullPolicy: 'Always', terminationMessagePolicy: 'File' };
const podSpec = {
  terminationGracePeriodSeconds: 30,
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  containers: [container],
};
const pods = ['', 'v1', 'pods'] as const;
const claim = (name: string): object => ({ name, persistentVolumeClaim: { claimName: name } });
const running = (count: number): object => ({
  spec: { ...podSpec, containers: times(count, (i) => ({ ...container, name: `c${i}` })) },
});

const cases: readonly Case[] = [
  {
    what: 'mounts beside devices',
    of: pods,
    object: (count) => ({
      spec: {
        ...podSpec,
        volumes: [...times(count, (i) => claim(`m${i}`)), ...times(count, (i) => claim(`d${i}`))],
        containers: [
          {
            ...container,
            volumeMounts: times(count, (i) => ({ name: `m${i}`, mountPath: `/m${i}` })),
            volumeDevices: times(count, (i) => ({ name: `d${i}`, devicePath: `/d${i}` })),
          },
        ],
      },
    }),
  },
  {
    what: 'containers that stay',
    of: pods,
    subresource: 'ephemeralcontainers',
    old: (count) => ({
      spec: { ...podSpec, ephemeralContainers: times(count, (i) => ({ ...container, name: `e${i}` })) },
    }),
    object: (count) => ({
      spec: { ...podSpec, ephemeralContainers: times(count, (i) => ({ ...container, name: `e${i}` })) },
    }),
  },
  {
    what: 'tolerations that stay',
    of: pods,
    old: (count) => ({
      spec: { ...podSpec, tolerations: times(count, (i) => ({ key: `k${i}`, operator: 'Exists' })) },
    }),
    object: (count) => ({
      spec: { ...podSpec, tolerations: times(count + 1, (i) => ({ key: `k${i}`, operator: 'Exists' })) },
    }),
  },
  {
    what: 'profiles of containers',
    of: pods,
    object: (count) => ({
      ...running(count),
      metadata: {
        annotations: Object.fromEntries(
          times(count, (i) => [`container.apparmor.security.beta.kubernetes.io/c${i}`, 'unconfined']),
        ),
      },
    }),
  },
  {
    what: 'containers that have ended, with what they were given',
    of: pods,
    subresource: 'status',
    ...(() => {
      const object = (count: number): object => ({
        spec: {
          ...(running(count) as { spec: object }).spec,
          restartPolicy: 'Never',
          resourceClaims: times(count, (i) => ({ name: `r${i}`, resourceClaimName: 'r' })),
        },
        status: {
          containerStatuses: times(count, (i) => ({ name: `c${i}`, state: { terminated: { exitCode: 0 } } })),
          resourceClaimStatuses: times(count, (i) => ({ name: `r${i}` })),
        },
      });
      return { object, old: object };
    })(),
  },
  {
    what: 'devices of a container',
    of: pods,
    subresource: 'status',
    ...(() => {
      const object = (count: number): object => ({
        spec: {
          ...podSpec,
          containers: [{ ...container, resources: { claims: times(count, (i) => ({ name: `r${i}` })) } }],
        },
        status: {
          containerStatuses: [
            {
              name: 'c',
              allocatedResourcesStatus: times(count, (i) => ({ name: `claim:r${i}`, resources: [] })),
            },
          ],
        },
      });
      return { object, old: object };
    })(),
  },
  {
    what: 'places of volumes',
    of: ['storage.k8s.io', 'v1', 'storageclasses'],
    object: (count) => ({
      provisioner: 'example.com/p',
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'Immediate',
      allowedTopologies: [
        ...times(count, (i) => ({ matchLabelExpressions: [{ key: 'a', values: [`v${i}`] }] })),
        { matchLabelExpressions: [{ key: 'b', values: times(count, (i) => `v${i}`) }] },
      ],
    }),
  },
  {
    what: 'drivers of a node and the labels that they know',
    of: ['storage.k8s.io', 'v1', 'csinodes'],
    ...(() => {
      const object = (count: number): object => ({
        spec: {
          drivers: times(count, (i) => ({
            name: `d${i}`,
            nodeID: 'n',
            topologyKeys: i === 0 ? times(count, (j) => `k${j}`) : [],
          })),
        },
      });
      return { object, old: object };
    })(),
  },
  {
    what: 'finalizers of what is to go',
    of: ['', 'v1', 'configmaps'],
    ...(() => {
      const object = (count: number): object => ({
        metadata: {
          deletionTimestamp: '2026-01-01T00:00:00Z',
          finalizers: times(count, (i) => `example.com/f${i}`),
        },
      });
      return { object, old: object };
    })(),
  },
  {
    what: 'scopes of a quota',
    of: ['', 'v1', 'resourcequotas'],
    object: (count) => ({
      spec: {
        hard: Object.fromEntries(times(count, (i) => [`requests.example.com/r${i}`, '1'])),
        scopes: times(count, () => 'NotBestEffort'),
      },
    }),
  },
];

function looksAt({ of, subresource = '', object, old }: Case, count: number): number {
  const info = registry.lookup(...of);
  assert.ok(info);
  const made = (make: (size: number) => object): ApiObject => {
    const sent = make(count) as ApiObject;
    const own = { name: 'x', uid: 'u', ...(info.namespaced ? { namespace: 'default' } : {}) };
    return { ...sent, metadata: { ...own, ...sent.metadata } };
  };
  const [now, before] = [watched(made(object)), old === undefined ? undefined : watched(made(old))];
  validate(info, now.tree, before?.tree, subresource);
  return now.looks() + (before?.looks() ?? 0);
}

for (const one of cases)
  test(`looks at ${one.what} grow as the lists do`, () => {
    const [few, more, most] = [20, 40, 60].map((count) => looksAt(one, count));
    assert.ok(few !== undefined && more !== undefined && most !== undefined);
    assert.ok(more > few, 'the items are looked at');
    assert.equal(most - more, more - few);
  });

/** Each compared with all that came before it. */
function doubled(list: readonly { readonly name: string; readonly request?: string }[]): FieldError[] {
  const seen = new Set<string>();
  return list.flatMap(({ name, request }, i) => {
    const at = `x.claims[${i}]`;
    if (seen.has(name)) return [duplicate(at, name)];
    const key = request === undefined ? name : `${name}/${request}`;
    const errors = seen.has(key)
      ? [duplicate(at, key)]
      : [...seen].flatMap((other) =>
          request === undefined && other.startsWith(`${name}/`) ? [duplicate(at, name)] : [],
        );
    seen.add(key);
    return errors;
  });
}

test('claims that a container names twice are those that are found one by one', () => {
  const claims = fc.array(
    fc.record(
      { name: fc.constantFrom('a', 'b', 'a/r', 'a/r/s'), request: fc.constantFrom('r', 's') },
      { requiredKeys: ['name'], noNullPrototype: true },
    ),
    { maxLength: 8 },
  );
  const known = new Set(['a', 'b', 'a/r', 'a/r/s']);
  fc.assert(
    fc.property(claims, (list) => {
      assert.deepEqual(validateResources({ claims: list }, 'x', known), doubled(list));
    }),
    { numRuns: 500 },
  );
});

test('errors that each show a long list end before they say more than a megabyte', () => {
  const info = registry.lookup('', 'v1', 'configmaps');
  assert.ok(info);
  const errorsOf = (count: number): number => {
    const ownerReferences = times(count, (i) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      name: `p${i}`,
      uid: `u${i}`,
      controller: true,
    }));
    const errors = validate(info, { metadata: { name: 'q', namespace: 'default', ownerReferences } });
    const length = errors.map(formatFieldError).join('').length;
    assert.ok(length < 2 * 1024 * 1024, `${length} characters`);
    return errors.length;
  };
  assert.equal(errorsOf(5), 4, 'each but the first controller');
  assert.equal(errorsOf(5_000), 2);
  assert.equal(errorsOf(20_000), 1);
});
