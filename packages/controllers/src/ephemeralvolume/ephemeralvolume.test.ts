import { type PersistentVolumeClaim, type Pod, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inLoopWorld } from '../memory-loop.ts';
import { startEphemeralVolumes } from './controller.ts';
import { decide } from './decide.ts';

const never = new AbortController().signal;
const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

const pod = (metadata: Pod['metadata'] = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'a', uid: 'uid-p', ...metadata },
    spec: {
      containers: [],
      volumes: [
        { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'p' } }, spec } } },
        { name: 'config', emptyDir: {} },
      ],
    },
  }) as Pod;

test('each ephemeral volume has a claim that its pod owns; somebody else’s stands in the way', () => {
  const { create, problems } = decide(pod(), () => undefined);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    create.map(({ claim }) => claim),
    [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: 'p-scratch',
          namespace: 'a',
          labels: { of: 'p' },
          ownerReferences: [
            {
              apiVersion: 'v1',
              kind: 'Pod',
              name: 'p',
              uid: 'uid-p',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        spec,
      },
    ],
  );
  const own = create[0]?.claim;
  assert.deepEqual(
    decide(pod(), () => own),
    { create: [], problems: [] },
  );
  const foreign: PersistentVolumeClaim = { metadata: { name: 'p-scratch', namespace: 'a' } };
  assert.deepEqual(
    decide(pod(), () => foreign),
    {
      create: [],
      problems: ['ephemeral volume scratch: PVC a/p-scratch was not created for pod a/p (pod is not owner)'],
    },
  );
  const going = pod({ deletionTimestamp: '2026-01-01T00:00:00Z' });
  assert.deepEqual(
    decide(going, () => undefined),
    { create: [], problems: [] },
  );
});

test('a claim that somebody deletes is made anew while its pod is there', async () => {
  await inLoopWorld(
    {},
    (api) => api.put(resources.pods, pod()),
    async ({ api, informers, begin }) => {
      begin(startEphemeralVolumes);
      const claims = informers.persistentvolumeclaims;
      const uid = (): string | undefined => claims.list()[0]?.metadata?.uid;
      assert.ok(await claims.until(() => uid() !== undefined, never, 30_000));
      const first = uid();
      api.remove(resources.persistentvolumeclaims, 'a/p-scratch');
      assert.ok(await claims.until(() => uid() !== undefined && uid() !== first, never, 30_000));
    },
  );
});
