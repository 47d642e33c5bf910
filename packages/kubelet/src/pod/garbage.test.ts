import type { Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../runtime/runtime-pod.ts';
import { garbageOf } from './garbage.ts';
import { probedIn } from './running.ts';

const pod: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [{ name: 'web' }, { name: 'side' }] },
  status: {
    containerStatuses: [
      {
        name: 'web',
        ready: true,
        started: true,
        restartCount: 4,
        image: '',
        imageID: '',
        containerID: 'containerd://web-4',
      },
    ],
  },
};

function container(name: string, attempt: number, fields: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${name}-${attempt}`,
    sandboxId: 's1',
    name,
    attempt,
    state: 'exited',
    createdAt: attempt,
    startedAt: attempt,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: '',
    imageRef: '',
    logPath: '',
    annotations: {},
    mounts: [],
    ...fields,
  };
}

function sandbox(attempt: number, ready = false): RuntimeSandbox {
  return { id: `s${attempt}`, attempt, ready, createdAt: attempt, ips: [] };
}

/** Newest first, as the runtime is read. */
function runtime(sandboxes: RuntimeSandbox[], containers: RuntimeContainer[]): RuntimePod {
  return { uid: 'u', namespace: 'n', name: 'p', sandboxes, containers };
}

const running = container('web', 4, { state: 'running' });

test('the newest two containers of a name stay, and what runs stays', () => {
  const old = [3, 2, 1].map((attempt) => container('web', attempt));
  const garbage = garbageOf(pod, runtime([sandbox(1, true)], [running, ...old, container('side', 0)]));
  assert.deepEqual(
    garbage?.containers.map(({ id }) => id),
    ['web-2', 'web-1'],
  );
  assert.deepEqual(garbage?.sandboxes, []);
  const lingers = container('web', 1, { state: 'running' });
  assert.equal(
    garbageOf(pod, runtime([sandbox(1, true)], [running, container('web', 3), lingers])),
    undefined,
  );
});

test('a sandbox that was replaced goes once every container is in the new one, and when it is dead', () => {
  const both = [running, container('side', 0)];
  const replaced = runtime([sandbox(1, true), sandbox(0)], both);
  assert.deepEqual(
    garbageOf(pod, replaced)?.sandboxes.map(({ id }) => id),
    ['s0'],
  );
  assert.equal(garbageOf(pod, runtime([sandbox(1, true), sandbox(0, true)], both)), undefined);
  assert.equal(garbageOf(pod, runtime([sandbox(1, true), sandbox(0)], [running])), undefined);
});

test('only what runs in the current sandbox is probed, as far as it was found out before', () => {
  const elsewhere = container('side', 0, { state: 'running', sandboxId: 's0' });
  const stranger = container('gone', 0, { state: 'running' });
  const state = runtime([sandbox(1, true), sandbox(0)], [running, container('web', 3), elsewhere, stranger]);
  assert.deepEqual(
    probedIn(pod, state).map(({ target, wasReady, wasStarted }) => [target.id, wasReady, wasStarted]),
    [['web-4', true, true]],
  );
  const next = { ...running, id: 'web-5' };
  assert.deepEqual(
    probedIn(pod, runtime([sandbox(1, true)], [next])).map(({ wasReady, wasStarted }) => [
      wasReady,
      wasStarted,
    ]),
    [[false, false]],
  );
});
