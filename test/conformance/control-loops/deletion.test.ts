/** What goes with what: owners and dependents, and namespaces with all that is in them, on a real etcd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { loopsWorld } from './world.ts';

const world = loopsWorld();

const apps = '/apis/apps/v1/namespaces/default';
const core = '/api/v1/namespaces/default';
const labels = { app: 'gc' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const merge = patchAs('merge-patch+json');

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly blockOwnerDeletion: boolean;
}

function owner(
  apiVersion: string,
  kind: string,
  { metadata }: { metadata: { name: string; uid: string } },
): Owner {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true };
}

/** A pod that no node runs, so that its deletion is its end unless a finalizer keeps it. */
async function makePod(
  name: string,
  owners: readonly Owner[] = [],
  finalizers: readonly string[] = [],
): Promise<Owner> {
  const made = await world.ask(201, 'POST', `${core}/pods`, {
    metadata: { name, ownerReferences: owners, finalizers },
    spec: template.spec,
  });
  return owner('v1', 'Pod', made);
}

async function makeController(name: string): Promise<Owner> {
  const made = await world.ask(201, 'POST', `${core}/replicationcontrollers`, {
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { app: name },
      template: { ...template, metadata: { labels: { app: name } } },
    },
  });
  return owner('v1', 'ReplicationController', made);
}

async function makeDeployment(name: string): Promise<string> {
  await world.ask(201, 'POST', `${apps}/deployments`, {
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { ...template, metadata: { labels: { app: name } } },
    },
  });
  const sets = `${apps}/replicasets?labelSelector=app%3D${name}`;
  const { items } = await world.shows(sets, 'its set', (list) => list.items.length === 1);
  return `${apps}/replicasets/${items[0].metadata.name}`;
}

const policy = (propagationPolicy: string): object => ({ propagationPolicy });

// Conformance: Garbage collector should delete RS created by deployment when not orphaning
test('the set of a Deployment, and its pods, go with it', async () => {
  const set = await makeDeployment('taken');
  await world.shows(`${core}/pods?labelSelector=app%3Dtaken`, 'a pod', ({ items }) => items.length === 1);
  await world.ask(200, 'DELETE', `${apps}/deployments/taken`, policy('Background'));
  await world.gone(set);
  await world.shows(`${core}/pods?labelSelector=app%3Dtaken`, 'no pod', ({ items }) => items.length === 0);
});

// Conformance: Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan
test('the set of a Deployment stays when its dependents are to be orphaned, and is nobody’s', async () => {
  const set = await makeDeployment('left');
  await world.ask(200, 'DELETE', `${apps}/deployments/left`, policy('Orphan'));
  await world.gone(`${apps}/deployments/left`);
  const { metadata } = await world.ask(200, 'GET', set);
  assert.equal(metadata.ownerReferences, undefined);
  assert.equal(metadata.deletionTimestamp, undefined);
});

// Conformance: Garbage collector should delete pods created by rc when not orphaning
test('pods of a replication controller go with it', async () => {
  const rc = await makeController('background');
  for (const i of [0, 1, 2]) await makePod(`background-${i}`, [rc]);
  await world.ask(200, 'DELETE', `${core}/replicationcontrollers/background`, policy('Background'));
  for (const i of [0, 1, 2]) await world.gone(`${core}/pods/background-${i}`);
});

// Conformance: Garbage collector should orphan pods created by rc if delete options say so [Serial]
test('pods of a replication controller stay when they are to be orphaned', async () => {
  const rc = await makeController('orphaning');
  for (const i of [0, 1]) await makePod(`orphaning-${i}`, [rc]);
  await world.ask(200, 'DELETE', `${core}/replicationcontrollers/orphaning`, policy('Orphan'));
  await world.gone(`${core}/replicationcontrollers/orphaning`);
  for (const i of [0, 1]) {
    const { metadata } = await world.ask(200, 'GET', `${core}/pods/orphaning-${i}`);
    assert.equal(metadata.ownerReferences, undefined);
    assert.equal(metadata.deletionTimestamp, undefined);
  }
});

// Conformance: Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial]
test('a replication controller that is deleted in the foreground waits for its pods', async () => {
  const rc = await makeController('foreground');
  await makePod('foreground-free', [rc]);
  await makePod('foreground-held', [rc], ['example.com/hold']);
  const marked = await world.ask(
    200,
    'DELETE',
    `${core}/replicationcontrollers/foreground`,
    policy('Foreground'),
  );
  assert.deepEqual(marked.metadata.finalizers, ['foregroundDeletion']);
  await world.gone(`${core}/pods/foreground-free`);
  await world.shows(
    `${core}/pods/foreground-held`,
    'it is on its way out',
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  );
  await world.ask(200, 'GET', `${core}/replicationcontrollers/foreground`);
  await world.ask(200, 'PATCH', `${core}/pods/foreground-held`, { metadata: { finalizers: null } }, merge);
  await world.gone(`${core}/replicationcontrollers/foreground`);
});

// Conformance: Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial]
test('a pod with an owner that stays loses the one that goes, and is not deleted with it', async () => {
  const going = await makeController('going');
  const staying = await makeController('staying');
  await makePod('shared', [going, staying]);
  await makePod('own', [going]);
  await world.ask(200, 'DELETE', `${core}/replicationcontrollers/going`, policy('Foreground'));
  await world.gone(`${core}/replicationcontrollers/going`);
  await world.gone(`${core}/pods/own`);
  const { metadata } = await world.ask(200, 'GET', `${core}/pods/shared`);
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.deepEqual(
    metadata.ownerReferences.map(({ name }: Owner) => name),
    ['staying'],
  );
});

// Conformance: Garbage collector should not be blocked by dependency circle
test('objects that own each other in a circle go all the same', async () => {
  const made: Owner[] = [];
  for (const i of [1, 2, 3]) made.push(await makePod(`circle-${i}`));
  for (const [i, before] of [
    [0, 2],
    [1, 0],
    [2, 1],
  ] as const) {
    const ownerReferences = [made[before]];
    await world.ask(200, 'PATCH', `${core}/pods/${made[i]?.name}`, { metadata: { ownerReferences } }, merge);
  }
  await world.ask(200, 'DELETE', `${core}/pods/circle-1`, policy('Foreground'));
  for (const { name } of made) await world.gone(`${core}/pods/${name}`);
});

// Conformance: Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted
// Conformance: Namespaces [Serial] should ensure that all services are removed when a namespace is deleted
test('pods and services go with their namespace, and do not come back with one of its name', async () => {
  const namespace = await world.namespace('emptied');
  await world.ask(201, 'POST', `${namespace}/pods`, { metadata: { name: 'p' }, spec: template.spec });
  await world.ask(201, 'POST', `${namespace}/services`, {
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }], selector: labels },
  });
  await world.ask(200, 'DELETE', namespace);
  await world.gone(namespace);
  await world.namespace('emptied');
  for (const kind of ['pods', 'services']) {
    const { items } = await world.ask(200, 'GET', `${namespace}/${kind}`);
    assert.deepEqual(items, []);
  }
});

// Conformance: OrderedNamespaceDeletion namespace deletion should delete pod first
test('nothing else of a namespace goes as long as a pod of it is there', async () => {
  const namespace = await world.namespace('ordered');
  const finalizers = ['example.com/hold'];
  await world.ask(201, 'POST', `${namespace}/pods`, {
    metadata: { name: 'p', finalizers },
    spec: template.spec,
  });
  await world.ask(201, 'POST', `${namespace}/configmaps`, { metadata: { name: 'c' } });
  await world.ask(200, 'DELETE', namespace);
  await world.shows(namespace, 'it says that a pod is left', ({ status }) =>
    (status.conditions ?? []).some(
      ({ type, status: value, message }: { type: string; status: string; message: string }) =>
        type === 'NamespaceContentRemaining' && value === 'True' && /pods/.test(message),
    ),
  );
  const { metadata } = await world.ask(200, 'GET', `${namespace}/pods/p`);
  assert.notEqual(metadata.deletionTimestamp, undefined);
  const map = await world.ask(200, 'GET', `${namespace}/configmaps/c`);
  assert.equal(map.metadata.deletionTimestamp, undefined);
  await world.ask(200, 'PATCH', `${namespace}/pods/p`, { metadata: { finalizers: null } }, merge);
  await world.gone(namespace);
});

test('a claim stays as long as a pod on a node has it, and a volume as long as it is bound', async () => {
  const claims = `${core}/persistentvolumeclaims`;
  const made = await world.ask(201, 'POST', claims, {
    metadata: { name: 'kept' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  await world.ask(201, 'POST', `${core}/pods`, {
    metadata: { name: 'user', finalizers: ['example.com/held'] },
    spec: {
      ...template.spec,
      nodeName: 'nowhere',
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'kept' } }],
    },
  });
  await world.ask(200, 'DELETE', `${claims}/kept`);
  const held = await world.ask(200, 'GET', `${claims}/kept`);
  assert.ok(held.metadata.deletionTimestamp);
  await world.ask(200, 'PATCH', `${core}/pods/user`, { metadata: { finalizers: null } }, merge);
  await world.ask(200, 'DELETE', `${core}/pods/user?gracePeriodSeconds=0`);
  await world.gone(`${claims}/kept`);

  const volumes = '/api/v1/persistentvolumes';
  const volume = await world.ask(201, 'POST', volumes, {
    metadata: { name: 'bound' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
      persistentVolumeReclaimPolicy: 'Retain',
    },
  });
  assert.deepEqual(volume.metadata.finalizers, ['kubernetes.io/pv-protection']);
  const bind = (phase: string) =>
    world.ask(200, 'PATCH', `${volumes}/bound/status`, { status: { phase } }, merge);
  await bind('Bound');
  await world.ask(200, 'DELETE', `${volumes}/bound`);
  assert.ok((await world.ask(200, 'GET', `${volumes}/bound`)).metadata.deletionTimestamp);
  await bind('Released');
  await world.gone(`${volumes}/bound`);
});
