import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodStatus } from '@timonier/api';
import type { RuntimePod } from '../runtime/runtime-pod.ts';
import type { PodOutcome } from './decide.ts';
import { computeStatus } from './status.ts';

const nothing: RuntimePod = { uid: 'u', namespace: 'shop', name: 'web', sandboxes: [], containers: [] };

function statusOf(outcome: PodOutcome | undefined, before: PodStatus = {}): PodStatus {
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
    status: before,
  };
  return computeStatus({
    pod,
    runtime: nothing,
    runtimeName: 'timonier',
    hostIp: '10.0.0.1',
    startTime: '2026-01-01T00:00:00Z',
    now: new Date(0),
    outcome,
    ended: false,
    waiting: new Map(),
    started: () => false,
    ready: () => false,
    messageOf: () => undefined,
  });
}

test('a pod that is refused says why, and not that something of it is being created', () => {
  const refused = statusOf({ phase: 'Failed', reason: 'OutOfcpu', message: 'no room' });
  assert.equal(refused.phase, 'Failed');
  assert.equal(refused.reason, 'OutOfcpu');
  assert.equal(refused.containerStatuses, undefined);
  const creating = statusOf(undefined);
  assert.equal(creating.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating');
  const late = statusOf({ phase: 'Failed', reason: 'DeadlineExceeded' }, creating);
  assert.equal(late.containerStatuses, undefined);
});

test('what has run is shown also after the pod has failed', () => {
  const [shown] =
    statusOf(
      { phase: 'Failed' },
      {
        phase: 'Failed',
        containerStatuses: [
          {
            name: 'c',
            image: 'i',
            imageID: 'i',
            ready: false,
            restartCount: 0,
            containerID: 'timonier://1',
            state: { terminated: { exitCode: 3 } },
          },
        ],
      },
    ).containerStatuses ?? [];
  assert.equal(shown?.state?.terminated?.exitCode, 3);
});
