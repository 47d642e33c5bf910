/**
 * What a node may read and write: its own, and what its pods name. Asked as the node `worker-1`, with pods of its own, of
 * another node and of none.
 */
import { type Call, jsonOf } from '../calls.ts';
import type { Comparison, Side } from '../comparison.ts';

const core = '/api/v1/namespaces/at-nodes';
const pods = `${core}/pods`;
const nodes = '/api/v1/nodes';
const slices = '/apis/resource.k8s.io/v1/resourceslices';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const csiNodes = '/apis/storage.k8s.io/v1/csinodes';
const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
const me = 'worker-1';
const as = 'kubelet-worker-1';
const merge = { 'content-type': 'application/merge-patch+json' };
const size = { requests: { storage: '1Gi' } };

export async function nodeRestrictions(comparison: Comparison): Promise<void> {
  await comparison.section('nodes', async () => {
    await makeWorld(comparison);
    await readings(comparison);
    await ownNode(comparison);
    await podWrites(comparison);
    await otherWrites(comparison);
    await tokens(comparison);
    await bounds(comparison);
  });
}

function pod(name: string, nodeName: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: {
      ...(nodeName === '' ? {} : { nodeName }),
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'demo' }],
      ...spec,
    },
  };
}

function post(path: string, body: object): Call {
  return { method: 'POST', path, body };
}

async function makeWorld(comparison: Comparison): Promise<void> {
  const make = (title: string, path: string, body: object): Promise<void> =>
    comparison.both(title, post(path, body));
  await make('namespace', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'at-nodes' },
  });
  await comparison.compare('the node registers', {
    ...post(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: me, labels: { 'kubernetes.io/os': 'linux' } },
    }),
    as,
  });
  for (const owner of ['default', 'mine', 'theirs', 'nobodys']) {
    await make(owner, `${core}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: owner },
    });
    await make(owner, `${core}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: owner } });
    await make(owner, `${core}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: owner },
    });
    await make(owner, `${core}/persistentvolumeclaims`, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: owner },
      spec: { accessModes: ['ReadWriteOnce'], resources: size, volumeName: `volume-${owner}` },
    });
    await make(owner, '/api/v1/persistentvolumes', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `volume-${owner}` },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        claimRef: { namespace: 'at-nodes', name: owner },
        csi: {
          driver: 'd.example.org',
          volumeHandle: owner,
          nodeStageSecretRef: { namespace: 'at-nodes', name: `mounts-${owner}` },
          controllerExpandSecretRef: { namespace: 'at-nodes', name: `grows-${owner}` },
        },
      },
    });
    for (const name of [`mounts-${owner}`, `grows-${owner}`])
      await make(name, `${core}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name } });
  }
  for (const [owner, node] of [
    ['mine', me],
    ['theirs', 'worker-2'],
    ['nobodys', ''],
  ] as const) {
    const volumes = [
      { name: 'secret', secret: { secretName: owner } },
      { name: 'map', configMap: { name: owner } },
      { name: 'claim', persistentVolumeClaim: { claimName: owner } },
      { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } },
    ];
    await comparison.both(
      `pod ${owner}`,
      post(pods, pod(owner, node, { serviceAccountName: owner, volumes })),
    );
    if (node === '') continue;
    await make(owner, attachments, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name: owner },
      spec: { attacher: 'd.example.org', nodeName: node, source: { persistentVolumeName: 'v' } },
    });
    await make(owner, slices, slice(`slice-${owner}`, node));
  }
  for (const path of [
    `${core}/secrets/mounts-mine`,
    `${attachments}/mine`,
    `${slices}/slice-mine`,
    `${pods}/mine`,
  ])
    await comparison.settle(`known: ${path}`, { method: 'GET', path, as }, ({ status }) => status === 200);
}

function slice(name: string, nodeName: string): object {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name },
    spec: {
      nodeName,
      driver: 'gpu.example.org',
      pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-0' }],
    },
  };
}

async function readings(comparison: Comparison): Promise<void> {
  const named = (path: string, name: string): string => `${path}?fieldSelector=metadata.name%3D${name}`;
  const at = (path: string, node: string): string => `${path}?fieldSelector=spec.nodeName%3D${node}`;
  const paths = ['mine', 'theirs', 'nobodys', 'missing'].flatMap((owner) => [
    `${pods}/${owner}`,
    `${pods}/${owner}/status`,
    named(pods, owner),
    named('/api/v1/pods', owner),
    `${core}/secrets/${owner}`,
    named(`${core}/secrets`, owner),
    `${core}/secrets/mounts-${owner}`,
    `${core}/secrets/grows-${owner}`,
    `${core}/configmaps/${owner}`,
    `${core}/serviceaccounts/${owner}`,
    `${core}/persistentvolumeclaims/${owner}`,
    `${core}/persistentvolumeclaims/${owner}/status`,
    `/api/v1/persistentvolumes/volume-${owner}`,
    `${attachments}/${owner}`,
    `${slices}/slice-${owner}`,
  ]);
  const lists = [
    pods,
    '/api/v1/pods',
    at('/api/v1/pods', 'worker-2'),
    at('/api/v1/pods', me),
    `${core}/secrets`,
    '/api/v1/secrets',
    `${core}/configmaps`,
    `${core}/serviceaccounts`,
    `${core}/persistentvolumeclaims`,
    '/api/v1/persistentvolumes',
    attachments,
    slices,
    at(slices, 'worker-2'),
    nodes,
    `${nodes}/worker-2`,
    `${nodes}/${me}`,
    leases,
    `${leases}/worker-2`,
    csiNodes,
    `${csiNodes}/worker-2`,
    '/apis/resource.k8s.io/v1/resourceclaims',
    `/apis/resource.k8s.io/v1/namespaces/at-nodes/resourceclaims/any`,
    '/apis/node.k8s.io/v1/runtimeclasses',
    '/apis/coordination.k8s.io/v1/namespaces/default/leases/worker-1',
  ];
  for (const path of [...paths, ...lists])
    // What is in it is seen elsewhere; who may see it is the question.
    await comparison.compare(`GET ${path}`, { method: 'GET', path, as }, (answer) =>
      answer.status === 200 ? { ...answer, text: '' } : answer,
    );
  for (const [method, path] of [
    ['DELETE', slices],
    ['DELETE', at(slices, 'worker-2')],
    ['DELETE', `${slices}/slice-theirs`],
    ['DELETE', pods],
    ['DELETE', `${nodes}/${me}`],
    ['DELETE', `${leases}/worker-2`],
  ] as const)
    await comparison.compare(`${method} ${path}`, { method, path, as });
}

async function ownNode(comparison: Comparison): Promise<void> {
  const change = (title: string, body: object, path = `${nodes}/${me}?dryRun=All`): Promise<void> =>
    comparison.compare(title, { method: 'PATCH', path, body, as, headers: merge }, (answer) =>
      answer.status === 200 ? { ...answer, text: '' } : answer,
    );
  for (const label of [
    'node-restriction.kubernetes.io/tier',
    'a.node-restriction.kubernetes.io/tier',
    'node-role.kubernetes.io/control-plane',
    'kubernetes.io/hostname',
    'a.node.kubernetes.io/b',
    'a.k8s.io/b',
    'example.org/a',
  ]) {
    await change(`label ${label}`, { metadata: { labels: { [label]: 'a' } } });
    await change(
      `label ${label} by status`,
      { metadata: { labels: { [label]: 'a' } } },
      `${nodes}/${me}/status?dryRun=All`,
    );
    await comparison.compare(`register with ${label}`, {
      ...post(`${nodes}?dryRun=All`, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'worker-1', labels: { [label]: 'a' } },
      }),
      as,
    });
  }
  await change('taints off', { spec: { taints: null } });
  await change('taints on', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } });
  await change('cordon', { spec: { unschedulable: true } });
  await change('owners', {
    metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: me, uid: 'a' }] },
  });
  await comparison.compare('register as another', {
    ...post(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-3' } }),
    as,
  });
  await comparison.compare('register by a generated name', {
    ...post(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { generateName: 'worker-' } }),
    as,
  });
}

async function podWrites(comparison: Comparison): Promise<void> {
  for (const name of ['theirs', 'nobodys', 'missing']) {
    await comparison.compare(`status of ${name}`, {
      method: 'PATCH',
      path: `${pods}/${name}/status`,
      body: { status: { phase: 'Running' } },
      as,
      headers: merge,
    });
    await comparison.compare(`delete ${name}`, { method: 'DELETE', path: `${pods}/${name}`, as });
    await comparison.compare(`evict ${name}`, {
      ...post(`${pods}/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
      }),
      as,
    });
  }
  for (const [title, body] of Object.entries({
    labels: { metadata: { labels: { a: 'b' } } },
    claims: { status: { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'other' }] } },
  }))
    await comparison.compare(`${title} through the status`, {
      method: 'PATCH',
      path: `${pods}/mine/status`,
      body,
      as,
      headers: merge,
    });
  await comparison.compare('change a pod', {
    method: 'PATCH',
    path: `${pods}/mine`,
    body: { metadata: { labels: { a: 'b' } } },
    as,
    headers: merge,
  });
  await comparison.both('the node', { method: 'GET', path: `${nodes}/${me}` });
  const secret = [{ name: 's', secret: { secretName: 'mine' } }];
  const table: readonly (readonly [string, object, object?, object?])[] = [
    ['no mirror', {}, {}, { annotations: {} }],
    ['of another node', { nodeName: 'worker-2' }],
    ['without an owner', {}, {}, { ownerReferences: [] }],
    ['of another owner', {}, { name: 'worker-2' }],
    ['of an owner that controls nothing', {}, { controller: false }],
    ['that blocks', {}, { blockOwnerDeletion: true }],
    ['of another node of that name', {}, { uid: 'another' }],
    ['with an account', { serviceAccountName: 'mine' }],
    ['with a Secret', { volumes: secret }],
    ['with a ConfigMap', { volumes: [{ name: 'm', configMap: { name: 'mine' } }] }],
    ['with a claim', { volumes: [{ name: 'c', persistentVolumeClaim: { claimName: 'mine' } }] }],
    ['with a driver', { volumes: [{ name: 'd', csi: { driver: 'd.example.org' } }] }],
    [
      'with a token',
      { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
    ],
    [
      'with a field of itself',
      {
        volumes: [
          {
            name: 'd',
            projected: {
              sources: [
                { downwardAPI: { items: [{ path: 'n', fieldRef: { fieldPath: 'metadata.name' } }] } },
              ],
            },
          },
        ],
      },
    ],
    ['of great priority', { priority: 2_000_001_000 }],
    ['of a node’s file', { volumes: [{ name: 'h', hostPath: { path: '/etc' } }] }],
  ];
  for (const [title, spec, owner = {}, metadata = {}] of table)
    await comparison.compare(`a mirror ${title}`, (side) => ({
      ...post(`${pods}?dryRun=All`, mirror(side, spec, owner, metadata)),
      as,
    }));
}

function mirror(side: Side, spec: object, owner: object, metadata: object): object {
  const { uid } = side.saw('the node').metadata as { readonly uid: string };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: me, uid, controller: true, ...owner }];
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  return pod('mirror-worker-1', me, spec, { annotations, ownerReferences, ...metadata });
}

async function otherWrites(comparison: Comparison): Promise<void> {
  const lease = (name: string): object => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name },
    spec: { holderIdentity: name },
  });
  const csiNode = (name: string): object => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name },
    spec: { drivers: [] },
  });
  for (const name of ['worker-2', me]) {
    await comparison.compare(`lease ${name}`, { ...post(leases, lease(name)), as });
    await comparison.compare(`CSINode ${name}`, { ...post(csiNodes, csiNode(name)), as });
    await comparison.compare(`slice of ${name}`, { ...post(`${slices}?dryRun=All`, slice('new', name)), as });
  }
  for (const [title, body] of Object.entries({
    capacity: { status: { capacity: { storage: '1Gi' } } },
  }))
    await comparison.compare(`${title} of a claim`, {
      method: 'PATCH',
      path: `${core}/persistentvolumeclaims/mine/status?dryRun=All`,
      body,
      as,
      headers: merge,
    });
  await comparison.compare('a claim of others', {
    method: 'PATCH',
    path: `${core}/persistentvolumeclaims/theirs/status`,
    body: {},
    as,
    headers: merge,
  });
}

async function tokens(comparison: Comparison): Promise<void> {
  await comparison.both('pod mine', { method: 'GET', path: `${pods}/mine` });
  await comparison.both('pod theirs', { method: 'GET', path: `${pods}/theirs` });
  const ask =
    (account: string, of: string, more: object, audiences?: string[]) =>
    (side: Side): Call => {
      const { uid } = side.saw(`pod ${of}`).metadata as { readonly uid: string };
      const ref = { apiVersion: 'v1', kind: 'Pod', name: of, uid, ...more };
      return {
        ...post(`${core}/serviceaccounts/${account}/token`, {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences: audiences ?? ['vault'], boundObjectRef: ref },
        }),
        as,
      };
    };
  const whole = (answer: Parameters<typeof jsonOf>[0]): typeof answer =>
    answer.status === 201 ? { ...answer, text: '' } : answer;
  await comparison.compare('token of a pod', ask('mine', 'mine', {}), whole);
  await comparison.compare('token without a uid', ask('mine', 'mine', { uid: '' }));
  await comparison.compare('token of a Secret', ask('mine', 'mine', { kind: 'Secret' }));
  await comparison.compare('token of another uid', ask('mine', 'mine', { uid: 'a' }));
  await comparison.compare('token of a pod that is not there', ask('mine', 'mine', { name: 'missing' }));
  await comparison.compare('token of another’s pod', ask('mine', 'theirs', {}));
  await comparison.compare('token of another’s account', ask('theirs', 'theirs', {}));
  await comparison.compare('token for the server', ask('mine', 'mine', {}, []));
  await comparison.compare('token for another', ask('mine', 'mine', {}, ['other']));
  await comparison.compare('token for two', ask('mine', 'mine', {}, ['vault', 'other']));
}

/** Bounds hold for who says that a pod is a mirror, and for who resizes one. */
async function bounds(comparison: Comparison): Promise<void> {
  const resources = { requests: { cpu: '500m' }, limits: { cpu: '500m' } };
  const sized = [{ name: 'main', image: 'demo', resources }];
  await comparison.both('a pod of a size', post(pods, pod('sized', '', { containers: sized })));
  await comparison.both('bounds', {
    ...post(`${core}/limitranges`, {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'bounds' },
      spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
    }),
  });
  const large = { requests: { cpu: '4' }, limits: { cpu: '4' } };
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  const containers = [{ name: 'main', image: 'demo', resources: large }];
  const mirrored = post(`${pods}?dryRun=All`, pod('large', 'worker-2', { containers }, { annotations }));
  await comparison.settle('bounds are known', mirrored, ({ status }) => status === 403);
  await comparison.compare('a large mirror', mirrored);
  for (const cpu of ['4', '1'])
    await comparison.compare(`resize to ${cpu}`, {
      method: 'PATCH',
      path: `${pods}/sized/resize?dryRun=All`,
      body: { spec: { containers: [{ name: 'main', resources: { requests: { cpu }, limits: { cpu } } }] } },
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    });
}
