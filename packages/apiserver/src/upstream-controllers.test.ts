/** What upstream's controllers and scheduler count on, and were seen to miss. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './testing/harness.ts';
import { sharedServer } from './testing/shared-server.ts';

const shared = sharedServer();

test('a collection of custom resources is deleted for who prefers protobuf, too, and answered in JSON', async () => {
  await shared.ask(201, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  });
  const things = '/apis/example.com/v1/namespaces/default/things';
  await until(async () => (await shared.server.request('GET', things)).status === 200, 'they are served');
  const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'one' } };
  await shared.ask(201, 'POST', things, thing);
  const answer = await shared.server.request('DELETE', things, undefined, {
    headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' },
  });
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal((await shared.server.request('GET', `${things}/one`)).status, 404);
});

test('a pod with scheduling gates says from its beginning why it is not scheduled', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const containers = [{ name: 'c', image: 'i' }];
  const gated = await shared.ask(201, 'POST', pods, {
    metadata: { name: 'gated' },
    spec: { containers, schedulingGates: [{ name: 'example.com/gate' }] },
  });
  const [condition, ...others] = gated.status.conditions;
  assert.deepEqual(others, []);
  assert.equal(condition.type, 'PodScheduled');
  assert.equal(condition.status, 'False');
  assert.equal(condition.reason, 'SchedulingGated');
  const free = await shared.ask(201, 'POST', pods, { metadata: { name: 'free' }, spec: { containers } });
  assert.equal(free.status.conditions, undefined);
});
