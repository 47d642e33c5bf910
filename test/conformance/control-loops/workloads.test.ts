/** Controllers of pods by the rules of their kind, with the scheduler and nodes, on a real API server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { exitCodeAnnotation } from './nodes.ts';
import { loopsWorld } from './world.ts';

const world = loopsWorld({}, { nodes: ['n1', 'n2', 'n3'] });

// What an answer holds is for the test to say.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

const template = (image: string) => ({
  metadata: { labels: { app: 'agent' } },
  spec: { containers: [{ name: 'main', image }] },
});

test('a DaemonSet has a pod on every node, makes a failed one anew, rolls, goes back, and leaves nothing', async () => {
  const namespace = await world.namespace('daemons');
  const sets = '/apis/apps/v1/namespaces/daemons/daemonsets';
  const path = `${sets}/agent`;
  await world.ask(201, 'POST', sets, {
    metadata: { name: 'agent' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: template('v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } },
    },
  });
  const isOut = ({ metadata, status }: Json): boolean =>
    status.observedGeneration === metadata.generation &&
    status.desiredNumberScheduled === 3 &&
    status.updatedNumberScheduled === 3 &&
    status.numberAvailable === 3;
  await world.shows(path, 'every node has one', isOut);
  const pods = async (): Promise<Json[]> => (await world.ask(200, 'GET', `${namespace}/pods`)).items;
  const first = await pods();
  assert.deepEqual(new Set(first.map(({ spec }) => spec.nodeName)), new Set(['n1', 'n2', 'n3']));
  assert.equal(first.length, 3);
  const hashes = new Set(first.map(({ metadata }) => metadata.labels['controller-revision-hash']));
  assert.equal(hashes.size, 1);

  const victim = `${namespace}/pods/${first[0].metadata.name}`;
  const failed = { status: { phase: 'Failed' } };
  await world.ask(200, 'PATCH', `${victim}/status`, failed, patchAs('merge-patch+json'));
  await world.gone(victim);
  await world.shows(path, 'every node has one again', isOut);

  await world.ask(200, 'PATCH', path, { spec: { template: template('v2') } }, patchAs('merge-patch+json'));
  await world.shows(path, 'the second version is everywhere', isOut);
  const second = await pods();
  assert.ok(second.every(({ spec }) => spec.containers[0].image === 'v2'));
  const revisions = '/apis/apps/v1/namespaces/daemons/controllerrevisions';
  const history: Json[] = (await world.ask(200, 'GET', revisions)).items;
  const byNumber = history.toSorted((a, b) => a.revision - b.revision);
  assert.deepEqual(
    byNumber.map(({ revision }) => revision),
    [1, 2],
  );
  // As `kubectl rollout undo` does it: the old revision's data is the patch.
  await world.ask(200, 'PATCH', path, byNumber[0].data, patchAs('strategic-merge-patch+json'));
  await world.shows(path, 'the first version is everywhere', isOut);
  assert.ok((await pods()).every(({ metadata }) => hashes.has(metadata.labels['controller-revision-hash'])));
  const after: Json[] = (await world.ask(200, 'GET', revisions)).items;
  assert.deepEqual(new Set(after.map(({ revision }) => revision)), new Set([2, 3]));

  // As `kubectl describe` shows it.
  await world.shows(
    `${namespace}/events?fieldSelector=involvedObject.kind=DaemonSet,reason=SuccessfulCreate`,
    'events are from the controller that they are about',
    ({ items }) =>
      items.length > 0 && items.every(({ source }: Json) => source.component === 'daemonset-controller'),
  );

  await world.ask(200, 'DELETE', path);
  await world.shows(`${namespace}/pods`, 'its pods are gone', ({ items }) => items.length === 0);
  await world.shows(revisions, 'and its revisions', ({ items }) => items.length === 0);
});

const jobTemplate = (exitCode?: number) => ({
  metadata: exitCode === undefined ? {} : { annotations: { [exitCodeAnnotation]: String(exitCode) } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'v1' }] },
});

const conditionsOf = ({ status }: Json): string[] =>
  (status.conditions ?? [])
    .filter((condition: Json) => condition.status === 'True')
    .map(({ type, reason }: Json) => `${type} ${reason}`);

test('Jobs count their pods once, end in the way they should, and leave when their time is over', async () => {
  const namespace = await world.namespace('jobs');
  const jobs = '/apis/batch/v1/namespaces/jobs/jobs';
  const make = (name: string, spec: object): Promise<Json> =>
    world.ask(201, 'POST', jobs, { metadata: { name }, spec });
  const ends = (name: string, ...wanted: string[]): Promise<Json> =>
    world.shows(`${jobs}/${name}`, 'it ends', (json) => {
      const told = conditionsOf(json);
      return wanted.every((condition) => told.includes(condition));
    });
  await make('sum', { completions: 5, parallelism: 2, template: jobTemplate(0) });
  await make('indexed', {
    completions: 3,
    parallelism: 3,
    completionMode: 'Indexed',
    template: jobTemplate(0),
    ttlSecondsAfterFinished: 3600,
  });
  await make('broken', { backoffLimit: 0, template: jobTemplate(1) });
  const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
  await make('judged', { podFailurePolicy: { rules }, template: jobTemplate(42) });
  await make('endless', { activeDeadlineSeconds: 1, template: jobTemplate() });
  await make('later', { suspend: true, template: jobTemplate(0) });

  const sum = await ends('sum', 'SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached');
  const { succeeded, failed, ready, terminating, uncountedTerminatedPods, completionTime } = sum.status;
  assert.deepEqual(
    { succeeded, failed, ready, terminating, uncountedTerminatedPods },
    { succeeded: 5, failed: undefined, ready: 0, terminating: 0, uncountedTerminatedPods: {} },
  );
  assert.ok(completionTime >= sum.status.startTime);
  const pods: Json[] = (await world.ask(200, 'GET', `${namespace}/pods?labelSelector=job-name%3Dsum`)).items;
  assert.equal(pods.length, 5);
  assert.ok(pods.every(({ metadata }) => metadata.finalizers === undefined));

  const indexed = await ends('indexed', 'Complete CompletionsReached');
  assert.equal(indexed.status.completedIndexes, '0-2');
  const broken = await ends('broken', 'FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded');
  assert.equal(broken.status.failed, 1);
  await ends('judged', 'Failed PodFailurePolicy');
  await ends('endless', 'Failed DeadlineExceeded');
  await ends('later', 'Suspended JobSuspended');
  await world.ask(200, 'PATCH', `${jobs}/later`, { spec: { suspend: false } }, patchAs('merge-patch+json'));
  await ends('later', 'Complete CompletionsReached');

  const ttl = { spec: { ttlSecondsAfterFinished: 0 } };
  await world.ask(200, 'PATCH', `${jobs}/indexed`, ttl, patchAs('merge-patch+json'));
  await world.gone(`${jobs}/indexed`);
  const left = `${namespace}/pods?labelSelector=job-name%3Dindexed`;
  assert.equal((await world.ask(200, 'GET', left)).items.length, 0, 'its pods went before it');

  const cutShort = await make('cut-short', { parallelism: 2, completions: 2, template: jobTemplate() });
  await world.shows(`${jobs}/cut-short`, 'it runs', ({ status }) => status.active === 2);
  const options = { propagationPolicy: 'Background' };
  await world.ask(200, 'DELETE', `${jobs}/cut-short`, options);
  const uid = `${namespace}/pods?labelSelector=controller-uid%3D${cutShort.metadata.uid}`;
  await world.shows(uid, 'its pods do not wait to be counted', ({ items }) => items.length === 0);
});

test('a StatefulSet brings up its pods in order with claims of their own, rolls back to front, and lets claims go', async () => {
  const namespace = await world.namespace('stateful');
  const sets = '/apis/apps/v1/namespaces/stateful/statefulsets';
  const path = `${sets}/db`;
  const labels = { app: 'db' };
  const container = (image: string) => ({ name: 'main', image });
  await world.ask(201, 'POST', sets, {
    metadata: { name: 'db' },
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container('v1')] } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
    },
  });
  const isOut = ({ metadata, spec, status }: Json): boolean =>
    status.observedGeneration === metadata.generation &&
    status.updatedReplicas === spec.replicas &&
    status.availableReplicas === spec.replicas &&
    status.currentRevision === status.updateRevision;
  await world.shows(path, 'all are there', isOut);
  const pods = async (): Promise<Json[]> => (await world.ask(200, 'GET', `${namespace}/pods`)).items;
  const first = await pods();
  assert.deepEqual(
    first.map(({ metadata }) => metadata.name),
    ['db-0', 'db-1', 'db-2'],
  );
  const versions = first.map(({ metadata }) => metadata.creationTimestamp);
  assert.deepEqual(
    versions,
    versions.toSorted((a: string, b: string) => (a < b ? -1 : 1)),
  );
  assert.ok(first.every(({ spec, metadata }) => spec.hostname === metadata.name && spec.subdomain === 'db'));

  const failed = { status: { phase: 'Failed' } };
  const victim = `${namespace}/pods/db-1`;
  await world.ask(200, 'PATCH', `${victim}/status`, failed, patchAs('merge-patch+json'));
  await world.shows(
    victim,
    'it is another one of the same name',
    ({ metadata, status }) => metadata.uid !== first[1].metadata.uid && status.phase === 'Running',
  );

  const second = { spec: { template: { spec: { containers: [container('v2')] } } } };
  await world.ask(200, 'PATCH', path, second, patchAs('merge-patch+json'));
  await world.shows(path, 'the second version is out', isOut);
  const rolled = await pods();
  assert.ok(rolled.every(({ spec }) => spec.containers[0].image === 'v2'));
  const revisions = '/apis/apps/v1/namespaces/stateful/controllerrevisions';
  const history: Json[] = (await world.ask(200, 'GET', revisions)).items;
  assert.deepEqual(new Set(history.map(({ revision }) => revision)), new Set([1, 2]));

  await world.ask(200, 'PATCH', `${path}/scale`, { spec: { replicas: 1 } }, patchAs('merge-patch+json'));
  await world.shows(path, 'one is left', ({ status }) => status.replicas === 1);
  assert.deepEqual(
    (await pods()).map(({ metadata }) => metadata.name),
    ['db-0'],
  );
  await world.ask(200, 'DELETE', path);
  await world.shows(`${namespace}/pods`, 'its pods are gone', ({ items }) => items.length === 0);

  // Claims: no volume is bound here, so a pod waits, but its claim is made and follows the set's policy.
  await world.ask(201, 'POST', sets, {
    metadata: { name: 'disk' },
    spec: {
      replicas: 1,
      serviceName: 'disk',
      selector: { matchLabels: { app: 'disk' } },
      template: { metadata: { labels: { app: 'disk' } }, spec: { containers: [container('v1')] } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  });
  const claim = `${namespace}/persistentvolumeclaims/data-disk-0`;
  const made = await world.shows(claim, 'the claim is made', () => true);
  assert.deepEqual(made.metadata.labels, { app: 'disk' });
  assert.equal(made.metadata.ownerReferences[0].kind, 'StatefulSet');
  await world.shows(
    `${namespace}/pods/disk-0`,
    'its pod asks for it',
    ({ spec }) => spec.volumes[0].persistentVolumeClaim.claimName === 'data-disk-0',
  );
  await world.ask(200, 'DELETE', `${sets}/disk`);
  await world.gone(claim);
});
