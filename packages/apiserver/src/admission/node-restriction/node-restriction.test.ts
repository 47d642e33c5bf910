import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Answer, startApiServer, type TestServer, until } from '../../testing/harness.ts';
import { startEtcd } from '../../testing/real-etcd.ts';

const pods = '/api/v1/namespaces/default/pods';
const nodes = '/api/v1/nodes';
const accounts = '/api/v1/namespaces/default/serviceaccounts';
const merge = { 'content-type': 'application/merge-patch+json' };

async function clusterFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  for (const name of ['n1', 'n2']) await created(server, nodes, { metadata: { name } });
  return server;
}

async function created(server: TestServer, path: string, body: object): Promise<Answer['json']> {
  const { status, json } = await server.request('POST', path, body);
  assert.equal(status, 201, JSON.stringify(json));
  return json;
}

/** As the node n1, or another user of its group. */
async function asNode(
  server: TestServer,
  method: string,
  path: string,
  body?: object,
  { headers = {}, user = 'system:node:n1' } = {},
): Promise<{ status: number; message: string; json: Answer['json'] }> {
  const { status, json } = await server.request(method, path, body, {
    headers: { ...headers, 'impersonate-user': user, 'impersonate-group': 'system:nodes' },
  });
  return { status, message: json.message ?? '', json };
}

async function refused(answer: ReturnType<typeof asNode>, message: string): Promise<void> {
  const { status, message: told } = await answer;
  assert.equal(told, message);
  assert.equal(status, 403);
}

function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'main', image: 'demo' }], automountServiceAccountToken: false, ...spec },
  };
}

async function mirror(server: TestServer, spec: object = {}, owner: object = {}): Promise<object> {
  const { json } = await server.request('GET', `${nodes}/n1`);
  const reference = {
    apiVersion: 'v1',
    kind: 'Node',
    name: 'n1',
    uid: json.metadata.uid,
    controller: true,
    ...owner,
  };
  return pod(
    'mirror-n1',
    { nodeName: 'n1', ...spec },
    { annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [reference] },
  );
}

test('a node makes mirrors of its own static pods, and no other pods', async (t) => {
  const server = await clusterFor(t);
  const told = (detail: string, name = 'mirror-n1'): string => `pods "${name}" is forbidden: ${detail}`;
  const stolen = {
    nodeName: 'n1',
    serviceAccountName: 'powerful',
    volumes: [{ name: 's', secret: { secretName: 'token' } }],
  };
  await refused(
    asNode(server, 'POST', pods, pod('thief', stolen)),
    told(
      'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
      'thief',
    ),
  );
  const owned = 'node "n1" can only create pods with';
  const table: readonly (readonly [object, object, string])[] = [
    [{ nodeName: 'n2' }, {}, `${owned} spec.nodeName set to itself`],
    [{}, { name: 'n2' }, `${owned} an owner reference set to itself`],
    [{}, { controller: false }, `${owned} a controller owner reference set to itself`],
    [{}, { blockOwnerDeletion: true }, 'node "n1" must not set blockOwnerDeletion on an owner reference'],
    [{ serviceAccountName: 'powerful' }, {}, 'node "n1" can not create pods that reference serviceaccounts'],
    [
      { volumes: [{ name: 's', secret: { secretName: 'token' } }] },
      {},
      'node "n1" can not create pods that reference secrets',
    ],
    [
      { containers: [{ name: 'a', image: 'b', envFrom: [{ configMapRef: { name: 'c' } }] }] },
      {},
      'node "n1" can not create pods that reference configmaps',
    ],
    [
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
      {},
      'node "n1" can not create pods that reference persistentvolumeclaims',
    ],
    [
      { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      {},
      'node "n1" can not create pods that reference serviceaccounts (via projected volumes)',
    ],
    [
      { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] },
      {},
      'node "n1" can not create pods that reference resourceclaims',
    ],
  ];
  for (const [spec, owner, detail] of table)
    await refused(asNode(server, 'POST', pods, await mirror(server, spec, owner)), told(detail));
  const none = pod('mirror-n1', { nodeName: 'n1' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
  await refused(asNode(server, 'POST', pods, none), told(`${owned} an owner reference set to itself`));
  const uid = await asNode(server, 'POST', pods, await mirror(server, {}, { uid: 'another' }));
  assert.match(uid.message, /node n1 UID mismatch: expected another got /);
  const allowed = await asNode(
    server,
    'POST',
    pods,
    await mirror(server, { volumes: [{ name: 'h', hostPath: { path: '/etc' } }] }),
  );
  assert.equal(allowed.status, 201, allowed.message);
  await refused(
    asNode(server, 'POST', pods, pod('x'), { user: 'system:node:' }),
    // The authorizer knows no such node, either.
    'pods is forbidden: User "system:node:" cannot create resource "pods" in API group "" in the namespace "default": unknown node for user "system:node:"',
  );
});

test('a node writes, evicts and deletes only the pods that are bound to it', async (t) => {
  const server = await clusterFor(t);
  await created(server, pods, pod('mine', { nodeName: 'n1' }, { labels: { app: 'a', empty: '' } }));
  await created(server, pods, pod('theirs', { nodeName: 'n2' }));
  await created(server, pods, pod('nobodys'));
  await server.caughtUp();
  const status = { status: { phase: 'Running' } };
  const patch = (name: string, body: object): ReturnType<typeof asNode> =>
    asNode(server, 'PATCH', `${pods}/${name}/status`, body, { headers: merge });
  for (const name of ['theirs', 'nobodys']) {
    await refused(
      patch(name, status),
      `pods "${name}" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself`,
    );
    await refused(
      asNode(server, 'DELETE', `${pods}/${name}`),
      `pods "${name}" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself`,
    );
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
    await refused(
      asNode(server, 'POST', `${pods}/${name}/eviction`, eviction),
      `pods "${name}" is forbidden: node n1 can only evict pods with spec.nodeName set to itself`,
    );
  }
  assert.equal((await patch('mine', status)).status, 200);
  // One with nothing in it selects like any other.
  for (const labels of [{ app: 'b' }, { more: '' }, { empty: null }])
    await refused(
      patch('mine', { metadata: { labels } }),
      'pods "mine" is forbidden: node "n1" cannot update labels through pod status',
    );
  await refused(
    patch('mine', { status: { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'other' }] } }),
    'pods "mine" is forbidden: node "n1" cannot update resource claim statues',
  );
  assert.equal((await patch('gone', status)).status, 404);
  assert.equal((await asNode(server, 'DELETE', `${pods}/mine?gracePeriodSeconds=0`)).status, 200);
});

test('a node says of itself what steers nobody to it, and nothing of other nodes', async (t) => {
  const server = await clusterFor(t);
  const change = (body: object, path = `${nodes}/n1`): ReturnType<typeof asNode> =>
    asNode(server, 'PATCH', path, body, { headers: merge });
  const label = (key: string): object => ({ metadata: { labels: { [key]: 'pci' } } });
  for (const path of [`${nodes}/n1`, `${nodes}/n1/status`])
    for (const key of [
      'node-restriction.kubernetes.io/tier',
      'a.node-restriction.kubernetes.io/tier',
      'node-role.kubernetes.io/control-plane',
      'x.k8s.io/y',
    ])
      await refused(
        change(label(key), path),
        `nodes "n1" is forbidden: is not allowed to modify labels: ${key}`,
      );
  for (const key of ['kubernetes.io/hostname', 'a.node.kubernetes.io/b', 'example.org/tier'])
    assert.equal((await change(label(key))).status, 200);
  const { json } = await server.request('GET', `${nodes}/n1`);
  assert.equal(json.spec.taints[0].key, 'node.kubernetes.io/not-ready');
  await refused(
    change({ spec: { taints: null } }),
    'nodes "n1" is forbidden: node "n1" is not allowed to modify taints',
  );
  await refused(
    change({ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'x' }] } }),
    'nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences',
  );
  await refused(
    change({ spec: { unschedulable: true } }, `${nodes}/n2`),
    'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
  );
  assert.equal((await change({ spec: { unschedulable: true } })).status, 200);
  const third = (metadata: object): ReturnType<typeof asNode> =>
    asNode(server, 'POST', nodes, { metadata }, { user: 'system:node:n3' });
  await refused(
    third({ name: 'n4' }),
    'nodes "n4" is forbidden: node "n3" is not allowed to modify node "n4"',
  );
  await refused(
    third({ name: 'n3', labels: { 'node-restriction.kubernetes.io/tier': 'pci', 'a.k8s.io/b': '' } }),
    'nodes "n3" is forbidden: node "n3" is not allowed to set the following labels: a.k8s.io/b, node-restriction.kubernetes.io/tier',
  );
  const registered = await third({ name: 'n3', labels: { 'kubernetes.io/os': 'linux' } });
  assert.equal(registered.status, 201, registered.message);
});

test('the Node of a master is labelled as one by the server, which knows the masters', async (t) => {
  const server = await clusterFor(t);
  const label = 'node-role.kubernetes.io/control-plane';
  const { json } = await asNode(
    server,
    'POST',
    nodes,
    { metadata: { name: 'master-1' } },
    {
      user: 'system:node:master-1',
    },
  );
  assert.equal(json.metadata.labels[label], '');
  const { json: other } = await server.request('GET', `${nodes}/n1`);
  assert.equal(other.metadata.labels?.[label], undefined);
});

test('a node asks for tokens of its pods only, and for audiences that their volumes name', async (t) => {
  const server = await clusterFor(t);
  await created(server, accounts, { metadata: { name: 'app' } });
  const projected = (audience?: string): object => ({
    name: `t-${audience ?? 'own'}`,
    projected: { sources: [{ serviceAccountToken: { path: 'token', ...(audience && { audience }) } }] },
  });
  const spec = { nodeName: 'n1', serviceAccountName: 'app' };
  const mine = await created(
    server,
    pods,
    pod('mine', {
      ...spec,
      volumes: [projected(), projected('vault'), { name: 'c', csi: { driver: 'mounts.example.org' } }],
    }),
  );
  const theirs = await created(server, pods, pod('theirs', { ...spec, nodeName: 'n2' }));
  const ask = (ref: object | undefined, audiences?: string[]): ReturnType<typeof asNode> =>
    asNode(server, 'POST', `${accounts}/app/token`, {
      spec: { ...(audiences && { audiences }), ...(ref && { boundObjectRef: ref }) },
    });
  const to = (of: typeof mine, more: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name: of.metadata.name,
    uid: of.metadata.uid,
    ...more,
  });
  const told = 'serviceaccounts "app" is forbidden:';
  await until(async () => (await ask(to(mine))).status === 201, 'the pod is known');
  await refused(ask(undefined), `${told} node requested token not bound to a pod`);
  await refused(
    ask(to(mine, { uid: undefined })),
    `${told} node requested token with a pod binding without a uid`,
  );
  assert.match((await ask(to(mine, { uid: 'x' }))).message, /the UID in the bound object reference \(x\)/);
  await refused(ask(to(theirs)), `${told} node requested token bound to a pod scheduled on a different node`);
  assert.equal((await ask(to(mine), ['vault'])).status, 201);
  await refused(ask(to(mine), ['vault', 'other']), `${told} node may only request 0 or 1 audiences`);
  await refused(
    ask(to(mine), ['other']),
    `${told} error validating audience "other": csidriver.storage.k8s.io "mounts.example.org" not found`,
  );
  await created(server, '/apis/storage.k8s.io/v1/csidrivers', {
    metadata: { name: 'mounts.example.org' },
    spec: { volumeLifecycleModes: ['Ephemeral'], tokenRequests: [{ audience: 'drives' }] },
  });
  await until(async () => (await ask(to(mine), ['drives'])).status === 201, 'the driver is known');
  await refused(
    ask(to(mine), ['other']),
    `${told} audience "other" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience`,
  );
  const rules = [
    { verbs: ['request-serviceaccounts-token-audience'], apiGroups: [''], resources: ['other'] },
  ];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await created(server, `${rbac}/clusterroles`, { metadata: { name: 'audience' }, rules });
  await created(server, `${rbac}/clusterrolebindings`, {
    metadata: { name: 'audience' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'audience' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
  });
  await until(async () => (await ask(to(mine), ['other'])).status === 201, 'the role counts');
});

test('leases, CSINodes, slices and claims are a node’s where they name it', async (t) => {
  const server = await clusterFor(t);
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const named = (name: string, spec: object): object => ({ metadata: { name }, spec });
  await refused(
    asNode(server, 'POST', leases, named('n2', {})),
    'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
  );
  assert.equal((await asNode(server, 'POST', leases, named('n1', {}))).status, 201);
  const csiNodes = '/apis/storage.k8s.io/v1/csinodes';
  await refused(
    asNode(server, 'POST', csiNodes, named('n2', { drivers: [] })),
    'csinodes.storage.k8s.io "n2" is forbidden: can only access CSINode with the same name as the requesting node',
  );
  assert.equal((await asNode(server, 'POST', csiNodes, named('n1', { drivers: [] }))).status, 201);
  const slices = '/apis/resource.k8s.io/v1/resourceslices';
  const slice = (node: string): object =>
    named(`slice-${node}`, {
      nodeName: node,
      driver: 'gpu.example.org',
      pool: { name: node, generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-0' }],
    });
  await refused(
    asNode(server, 'POST', slices, slice('n2')),
    'resourceslices.resource.k8s.io "slice-n2" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node',
  );
  await created(server, slices, slice('n2'));
  assert.equal((await asNode(server, 'POST', slices, slice('n1'))).status, 201);
  assert.equal((await asNode(server, 'DELETE', slices)).status, 403);
  const own = encodeURIComponent('spec.nodeName=n1');
  assert.equal((await asNode(server, 'DELETE', `${slices}?fieldSelector=${own}`)).status, 200);
  const { json } = await server.request('GET', slices);
  assert.deepEqual(
    json.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['slice-n2'],
  );
  const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
  const size = { requests: { storage: '1Gi' } };
  await created(server, claims, named('data', { accessModes: ['ReadWriteOnce'], resources: size }));
  const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }];
  await created(server, pods, pod('user', { nodeName: 'n1', volumes }));
  const status = (body: object): ReturnType<typeof asNode> =>
    asNode(server, 'PATCH', `${claims}/data/status`, body, { headers: merge });
  await until(
    async () => (await status({ status: { capacity: { storage: '1Gi' } } })).status === 200,
    'the claim is known to be used',
  );
  await refused(
    status({ metadata: { finalizers: ['example.org/stays'] }, status: { phase: 'Lost' } }),
    'persistentvolumeclaims "data" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions: metadata.finalizers, status.phase',
  );
  for (const kind of ['labels', 'annotations'])
    await refused(
      status({ metadata: { [kind]: { x: '' } } }),
      'persistentvolumeclaims "data" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions: ',
    );
});
