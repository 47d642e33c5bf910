import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodStatus } from '@timonier/api';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime-pod.ts';
import type { PodOutcome } from './decide.ts';
import { computeStatus } from './status.ts';

const nothing: RuntimePod = { uid: 'u', namespace: 'shop', name: 'web', sandboxes: [], containers: [] };

const plain: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
};

function statusOf(
  outcome: PodOutcome | undefined,
  before: PodStatus = {},
  pod: Pod = plain,
  runtime: RuntimePod = nothing,
): PodStatus {
  return computeStatus({
    pod: { ...pod, status: before },
    runtime,
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

test('an init container that ended well is ready, and only those that did not are said to be missing', () => {
  const init = (name: string, exitCode: number): RuntimeContainer => ({
    id: `${name}-id`,
    name,
    sandboxId: 's',
    state: 'exited',
    attempt: 0,
    image: 'i',
    imageRef: 'i',
    logPath: '',
    annotations: {},
    mounts: [],
    exitCode,
    reason: '',
    message: '',
    createdAt: 0,
    startedAt: 1,
    finishedAt: 2,
  });
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u' },
    spec: {
      initContainers: [{ name: 'first' }, { name: 'second' }, { name: 'third' }],
      containers: [{ name: 'c', image: 'i' }],
    },
  };
  const { initContainerStatuses = [], conditions = [] } = statusOf(undefined, {}, pod, {
    ...nothing,
    containers: [init('first', 0), init('second', 1)],
  });
  assert.deepEqual(
    initContainerStatuses.map(({ name, ready }) => [name, ready]),
    [
      ['first', true],
      ['second', false],
      ['third', false],
    ],
  );
  const initialized = conditions.find(({ type }) => type === 'Initialized');
  assert.equal(initialized?.message, 'containers with incomplete status: [second third]');
});
