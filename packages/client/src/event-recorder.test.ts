import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CoreEvent, createEventRecorder } from './event-recorder.ts';
import type { ApiClient, KubeObject } from './types.ts';

/** A client that keeps what is created, and counts what is patched. */
function recordingClient(): { client: ApiClient; created: CoreEvent[]; patched: unknown[] } {
  const created: CoreEvent[] = [];
  const patched: unknown[] = [];
  const client = {
    create: async (_type: unknown, event: CoreEvent) => void created.push(event),
    patch: async (_type: unknown, _key: unknown, _form: unknown, patch: unknown) => void patched.push(patch),
  };
  // The recorder calls no other method.
  return { client: client as unknown as ApiClient, created, patched };
}

const web: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'a' },
};

test('an event says which part of the process it is from, and only repeats one of the same part', async () => {
  const { client, created, patched } = recordingClient();
  const recorder = createEventRecorder(client, { component: 'controller-manager', host: 'master-1' });
  recorder.event(web, 'Normal', 'Scaled', 'to 3');
  const part = recorder.from('deployment-controller');
  part.event(web, 'Normal', 'Scaled', 'to 3');
  part.event(web, 'Normal', 'Scaled', 'to 3');
  await recorder.close();
  assert.deepEqual(
    created.map(({ source, reportingComponent, reportingInstance }) => [
      source,
      reportingComponent,
      reportingInstance,
    ]),
    [
      [{ component: 'controller-manager', host: 'master-1' }, 'controller-manager', 'master-1'],
      [{ component: 'deployment-controller', host: 'master-1' }, 'deployment-controller', 'master-1'],
    ],
  );
  assert.equal(patched.length, 1);
});

test('what a part says after the recorder was closed is dropped, and counted for both', async () => {
  const { client, created } = recordingClient();
  const recorder = createEventRecorder(client, { component: 'controller-manager' });
  const part = recorder.from('job-controller');
  await recorder.close();
  part.event(web, 'Normal', 'Late', 'too late');
  assert.deepEqual([created.length, recorder.dropped, part.dropped], [0, 1, 1]);
});
