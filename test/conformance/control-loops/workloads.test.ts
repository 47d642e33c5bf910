/** Controllers of pods by the rules of their kind, with the scheduler and nodes, on a real API server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
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

  await world.ask(200, 'DELETE', path);
  await world.shows(`${namespace}/pods`, 'its pods are gone', ({ items }) => items.length === 0);
  await world.shows(revisions, 'and its revisions', ({ items }) => items.length === 0);
});
