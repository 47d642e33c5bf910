import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const pods = '/api/v1/namespaces/default/pods';
const volumes = '/api/v1/persistentvolumes';
const unrelated = "no relationship found between node 'n1' and this object";

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

async function created(server: TestServer, path: string, body: object): Promise<void> {
  const { status, json } = await server.request('POST', path, body);
  assert.equal(status, 201, JSON.stringify(json));
}

async function asNode(
  server: TestServer,
  path: string,
  method = 'GET',
): Promise<{ status: number; message: string }> {
  const { status, json } = await server.request(method, path, undefined, {
    headers: { 'impersonate-user': 'system:node:n1', 'impersonate-group': 'system:nodes' },
  });
  return { status, message: json.message ?? '' };
}

async function refused(server: TestServer, path: string, reason: string): Promise<void> {
  const { status, message } = await asNode(server, path);
  assert.equal(status, 403, `${path}: ${message}`);
  assert.ok(message.endsWith(`: ${reason}`), `${path}: ${message}`);
}

async function allowed(server: TestServer, path: string): Promise<void> {
  await until(async () => (await asNode(server, path)).status === 200, `n1 may get ${path}`);
}

function pod(name: string, spec: object, metadata: object = {}): object {
  return { metadata: { name, ...metadata }, spec: { containers: [{ name: 'a', image: 'b' }], ...spec } };
}

test('a node reads its own pods, and neither those of others nor those of no node', async (t) => {
  const server = await serverFor(t);
  await created(server, pods, pod('mine', { nodeName: 'n1' }));
  await created(server, pods, pod('theirs', { nodeName: 'n2' }));
  await created(server, pods, pod('nobodys', {}));
  await allowed(server, `${pods}/mine`);
  for (const name of ['theirs', 'nobodys', 'unknown']) {
    await refused(server, `${pods}/${name}`, unrelated);
    await refused(server, `${pods}?fieldSelector=metadata.name%3D${name}`, unrelated);
    // Over all namespaces a name is nobody's.
    await refused(server, `/api/v1/pods?fieldSelector=metadata.name%3D${name}`, unrelated);
  }
  await refused(server, '/api/v1/pods?fieldSelector=metadata.name%3Dmine', unrelated);
  await allowed(server, `${pods}?fieldSelector=metadata.name%3Dmine`);
  const selector = 'can only list/watch pods with spec.nodeName field selector';
  await refused(server, '/api/v1/pods', selector);
  await refused(server, '/api/v1/pods?fieldSelector=spec.nodeName%3Dn2', selector);
  await refused(server, '/api/v1/pods?fieldSelector=spec.nodeName%21%3Dn1', selector);
  await refused(server, '/api/v1/pods?fieldSelector=spec.nodeName%3D', selector);
  await allowed(server, '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1');
  await refused(server, '/api/v1/nodes', "node 'n1' cannot read all nodes, only its own Node object");
  await refused(server, '/api/v1/nodes/n2', "node 'n1' cannot read 'n2', only its own Node object");
  assert.equal((await asNode(server, '/api/v1/nodes/n1')).status, 404);
  assert.equal((await asNode(server, pods, 'DELETE')).status, 403);
});

test('a node reads what its pods name, and not what others’ or its own mirror pods name', async (t) => {
  const server = await serverFor(t);
  const core = '/api/v1/namespaces/default';
  for (const name of ['used', 'pulled', 'debug', 'unused', 'mirrored', 'theirs']) {
    await created(server, `${core}/secrets`, { metadata: { name } });
    await created(server, `${core}/configmaps`, { metadata: { name } });
    await created(server, `${core}/serviceaccounts`, { metadata: { name } });
  }
  const names = (name: string, nodeName: string): object => ({
    nodeName,
    serviceAccountName: name,
    automountServiceAccountToken: false,
    volumes: [{ name: 's', projected: { sources: [{ secret: { name } }, { configMap: { name } }] } }],
    imagePullSecrets: [{ name: 'pulled' }],
  });
  await created(server, pods, pod('mine', names('used', 'n1')));
  await created(server, pods, pod('theirs', names('theirs', 'n2')));
  await created(server, pods, pod('unbound', names('unused', '')));
  await created(
    server,
    pods,
    pod('mirror', { ...names('mirrored', 'n1') }, { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
  );
  for (const resource of ['secrets', 'configmaps', 'serviceaccounts']) {
    await allowed(server, `${core}/${resource}/used`);
    for (const name of ['unused', 'mirrored', 'theirs'])
      await refused(server, `${core}/${resource}/${name}`, unrelated);
  }
  await allowed(server, `${core}/secrets/pulled`);
  await allowed(server, `${core}/secrets?fieldSelector=metadata.name%3Dused`);
  await refused(server, `${core}/secrets`, 'No Object name found');
  await refused(server, '/api/v1/secrets', 'can only read namespaced object of this type');
  await refused(server, `${core}/secrets/debug`, unrelated);
  const env = [{ name: 'X', valueFrom: { secretKeyRef: { name: 'debug', key: 'k' } } }];
  const { status } = await server.request(
    'PATCH',
    `${pods}/mine/ephemeralcontainers`,
    { spec: { ephemeralContainers: [{ name: 'debugger', image: 'x', env }] } },
    { headers: { 'content-type': 'application/strategic-merge-patch+json' } },
  );
  assert.equal(status, 200);
  await allowed(server, `${core}/secrets/debug`);
});

test('a node reads the volumes of its pods’ claims, and the Secrets that mount them', async (t) => {
  const server = await serverFor(t);
  const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
  const size = { storage: '1Gi' };
  const secrets = '/api/v1/namespaces/storage/secrets';
  await created(server, '/api/v1/namespaces', { metadata: { name: 'storage' } });
  for (const name of ['mine', 'theirs', 'stolen']) {
    await created(server, secrets, { metadata: { name } });
    await created(server, secrets, { metadata: { name: `${name}-controller` } });
    await created(server, volumes, {
      metadata: { name },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: size,
        claimRef: { namespace: 'default', name },
        csi: {
          driver: 'd.example.org',
          volumeHandle: name,
          nodeStageSecretRef: { namespace: 'storage', name },
          controllerPublishSecretRef: { namespace: 'storage', name: `${name}-controller` },
        },
      },
    });
  }
  const claim = (name: string, volumeName: string): object => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: size }, volumeName },
  });
  await created(server, claims, claim('mine', 'mine'));
  // It names a volume that is another claim's.
  await created(server, claims, claim('thief', 'stolen'));
  await created(server, claims, claim('theirs', 'theirs'));
  const using = (claimName: string): object => ({ name: claimName, persistentVolumeClaim: { claimName } });
  await created(server, pods, pod('mine', { nodeName: 'n1', volumes: [using('mine'), using('thief')] }));
  await created(server, pods, pod('theirs', { nodeName: 'n2', volumes: [using('theirs')] }));
  await allowed(server, `${claims}/mine`);
  await allowed(server, `${volumes}/mine`);
  await allowed(server, `${secrets}/mine`);
  for (const path of [`${claims}/theirs`, `${volumes}/theirs`, `${volumes}/stolen`, `${secrets}/theirs`])
    await refused(server, path, unrelated);
  for (const name of ['stolen', 'mine-controller']) await refused(server, `${secrets}/${name}`, unrelated);
  await refused(server, volumes, 'can only get individual resources of this type');
  await refused(server, claims, 'can only get individual resources of this type');
});

test('attachments, slices and claims of devices are read where they have to do with the node', async (t) => {
  const server = await serverFor(t);
  const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
  const resource = '/apis/resource.k8s.io/v1';
  for (const node of ['n1', 'n2']) {
    await created(server, attachments, {
      metadata: { name: `a-${node}` },
      spec: { attacher: 'd.example.org', nodeName: node, source: { persistentVolumeName: 'v' } },
    });
    await created(server, `${resource}/resourceslices`, {
      metadata: { name: `s-${node}` },
      spec: {
        nodeName: node,
        driver: 'gpu.example.org',
        pool: { name: node, generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'gpu-0' }],
      },
    });
    const name = `c-${node}`;
    await created(server, `${resource}/namespaces/default/resourceclaims`, { metadata: { name }, spec: {} });
    const resourceClaims = [{ name: 'gpu', resourceClaimName: name }];
    await created(server, pods, pod(`p-${node}`, { nodeName: node, resourceClaims }));
  }
  const claims = `${resource}/namespaces/default/resourceclaims`;
  for (const path of [`${attachments}/a-`, `${resource}/resourceslices/s-`, `${claims}/c-`]) {
    await allowed(server, `${path}n1`);
    await refused(server, `${path}n2`, unrelated);
  }
  const selector = 'can only list/watch/deletecollection resourceslices with nodeName field selector';
  await refused(server, `${resource}/resourceslices`, selector);
  await allowed(server, `${resource}/resourceslices?fieldSelector=spec.nodeName%3Dn1`);
  await refused(server, attachments, 'can only get individual resources of this type');
  await refused(server, claims, 'can only get individual resources of this type');
  // What is not divided among nodes is as the role says.
  await allowed(server, '/api/v1/services');
  assert.equal((await asNode(server, '/api/v1/namespaces')).status, 403);
});
