import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '@timonier/api';
import { hashAnnotation } from '../runtime/labels.ts';
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../runtime/runtime-pod.ts';
import { decide, type Decision, type DecisionInput } from './decide.ts';
import { containerHash } from './pod-facts.ts';

const now = 1_000_000;
const web: Container = { name: 'web', image: 'web:1' };
const setup: Container = { name: 'setup', image: 'setup:1' };

function pod(spec: Partial<PodSpec> = {}, status: Pod['status'] = {}): Pod {
  return { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: { containers: [web], ...spec }, status };
}

function sandbox(attempt = 0, ready = true): RuntimeSandbox {
  return { id: `s${attempt}`, attempt, ready, createdAt: attempt, ips: ['10.0.0.2'] };
}

function container(definition: Container, fields: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${definition.name}-${fields.attempt ?? 0}`,
    sandboxId: 's0',
    name: definition.name,
    attempt: 0,
    state: 'running',
    createdAt: 1,
    startedAt: 1,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: '',
    imageRef: '',
    logPath: '',
    annotations: { [hashAnnotation]: containerHash(definition) },
    mounts: [],
    ...fields,
  };
}

function run(
  subject: Pod,
  sandboxes: RuntimeSandbox[],
  containers: RuntimeContainer[],
  more: Partial<DecisionInput> = {},
): Decision {
  const runtime: RuntimePod = { uid: 'u', namespace: 'n', name: 'p', sandboxes, containers };
  return decide({
    pod: subject,
    runtime,
    now,
    busy: new Set(),
    volumesReady: true,
    notBefore: new Map(),
    unhealthy: new Map(),
    started: () => true,
    ...more,
  });
}

function summary({ actions, outcome }: Decision): string {
  const parts = actions.map((action) => {
    if (action.kind === 'create-sandbox') return `create-sandbox#${action.attempt}`;
    if (action.kind === 'start-container') return `start ${action.container.name}#${action.attempt}`;
    if (action.kind === 'stop-container' || action.kind === 'remove-container') {
      return `${action.kind} ${action.target.name}`;
    }
    return action.kind;
  });
  return [...parts, ...(outcome === undefined ? [] : [outcome.phase])].join(', ');
}

test('a new pod gets its sandbox and volumes at the same time', () => {
  assert.equal(summary(run(pod(), [], [], { volumesReady: false })), 'create-sandbox#0, prepare-volumes');
});

test('containers wait for volumes, and start when both are there', () => {
  assert.equal(summary(run(pod(), [sandbox()], [], { volumesReady: false })), 'prepare-volumes');
  assert.equal(summary(run(pod(), [sandbox()], [])), 'start web#0');
});

test('init containers run one after the other and before all others', () => {
  const subject = pod({ initContainers: [setup, { name: 'second', image: 'x' }] });
  assert.equal(summary(run(subject, [sandbox()], [])), 'start setup#0');
  assert.equal(summary(run(subject, [sandbox()], [container(setup)])), '');
  const done = container(setup, { state: 'exited' });
  assert.equal(summary(run(subject, [sandbox()], [done])), 'start second#0');
  const both = [done, container({ name: 'second', image: 'x' }, { state: 'exited' })];
  assert.equal(summary(run(subject, [sandbox()], both)), 'start web#0');
});

test('a failed init container is tried again, and ends a pod that never restarts', () => {
  const failed = container(setup, { state: 'exited', exitCode: 1 });
  assert.equal(summary(run(pod({ initContainers: [setup] }), [sandbox()], [failed])), 'start setup#1');
  const never = pod({ initContainers: [setup], restartPolicy: 'Never' });
  assert.equal(summary(run(never, [sandbox()], [failed])), 'stop-everything, Failed');
});

test('a sidecar lets the others go on once it has started, and is kept running', () => {
  const sidecar: Container = { name: 'proxy', image: 'p', restartPolicy: 'Always' };
  const subject = pod({ initContainers: [sidecar] });
  assert.equal(summary(run(subject, [sandbox()], [])), 'start proxy#0');
  assert.equal(summary(run(subject, [sandbox()], [container(sidecar)], { started: () => false })), '');
  assert.equal(summary(run(subject, [sandbox()], [container(sidecar)])), 'start web#0');
  const died = [container(sidecar, { state: 'exited', exitCode: 1 }), container(web)];
  assert.equal(summary(run(subject, [sandbox()], died)), 'start proxy#1');
});

test('an ephemeral container runs once, before the others if need be, and nobody waits for it', () => {
  const debug = { name: 'debug', image: 'tools:1' };
  const subject = pod({ initContainers: [setup], ephemeralContainers: [debug] });
  assert.equal(summary(run(subject, [sandbox()], [])), 'start debug#0, start setup#0');
  const web0 = container(web);
  const ran = pod({ ephemeralContainers: [debug] });
  for (const state of ['running', 'exited'] as const)
    assert.equal(summary(run(ran, [sandbox()], [web0, container(debug, { state, exitCode: 1 })])), '', state);
  // The runtime's trace was removed, and what was reported counts; so does what the pod's end is made of.
  const reported = {
    name: 'debug',
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    containerID: 'x://1',
  };
  const known = pod({ ephemeralContainers: [debug] }, { ephemeralContainerStatuses: [reported] });
  assert.equal(summary(run(known, [sandbox()], [web0])), '');
  const never = pod({ ephemeralContainers: [debug], restartPolicy: 'Never' });
  const ended = container(web, { state: 'exited' });
  assert.equal(summary(run(never, [sandbox()], [ended, container(debug)])), 'stop-everything, Succeeded');
});

test('restart policies decide what an exit means', () => {
  const well = container(web, { state: 'exited' });
  const badly = container(web, { state: 'exited', exitCode: 2 });
  const table: [NonNullable<PodSpec['restartPolicy']>, RuntimeContainer, string][] = [
    ['Always', well, 'start web#1'],
    ['Always', badly, 'start web#1'],
    ['OnFailure', well, 'stop-everything, Succeeded'],
    ['OnFailure', badly, 'start web#1'],
    ['Never', well, 'stop-everything, Succeeded'],
    ['Never', badly, 'stop-everything, Failed'],
  ];
  for (const [restartPolicy, exited, expected] of table) {
    assert.equal(summary(run(pod({ restartPolicy }), [sandbox()], [exited])), expected, restartPolicy);
  }
});

test('a container in its back-off time is not started, and the worker is told when to look again', () => {
  const exited = container(web, { state: 'exited', exitCode: 1 });
  const decision = run(pod(), [sandbox()], [exited], { notBefore: new Map([['web', now + 5_000]]) });
  assert.equal(summary(decision), '');
  assert.equal(decision.wakeAt, now + 5_000);
});

test('a dead sandbox is replaced, after what still runs in it was stopped', () => {
  assert.equal(summary(run(pod(), [sandbox(0, false)], [container(web)])), 'stop-everything');
  const stopped = container(web, { state: 'exited', exitCode: 137 });
  assert.equal(summary(run(pod(), [sandbox(0, false)], [stopped])), 'create-sandbox#1');
  assert.equal(summary(run(pod(), [sandbox(1), sandbox(0, false)], [stopped])), 'start web#1');
});

test('after the runtime lost everything the restart count goes on', () => {
  const status = {
    containerStatuses: [
      {
        name: 'web',
        ready: true,
        restartCount: 3,
        image: '',
        imageID: '',
        containerID: 'x://gone',
        state: { running: {} },
      },
    ],
  };
  assert.equal(summary(run(pod({}, status), [sandbox()], [])), 'start web#4');
  assert.equal(summary(run(pod({ restartPolicy: 'Never' }, status), [], [])), 'Failed');
});

test('half-finished work of an earlier life is removed and done again', () => {
  assert.equal(
    summary(run(pod(), [sandbox()], [container(web, { state: 'created' })])),
    'remove-container web',
  );
  const busy = new Set(['web']);
  assert.equal(summary(run(pod(), [sandbox()], [container(web, { state: 'created' })], { busy })), '');
});

test('a container is stopped when a probe says so, or when its image changed', () => {
  const unhealthy = new Map([['web-0', 'failed liveness probe']]);
  assert.equal(summary(run(pod(), [sandbox()], [container(web)], { unhealthy })), 'stop-container web');
  const changed = pod({ containers: [{ ...web, image: 'web:2' }] });
  assert.equal(summary(run(changed, [sandbox()], [container(web)])), 'stop-container web');
});

test('a pod past its active deadline fails', () => {
  const late = pod({ activeDeadlineSeconds: 10 }, { startTime: new Date(now - 11_000).toISOString() });
  const decision = run(late, [sandbox()], [container(web)]);
  assert.equal(summary(decision), 'stop-everything, Failed');
  assert.equal(decision.outcome?.reason, 'DeadlineExceeded');
});

test('a pod that has failed keeps saying why', () => {
  const why = { reason: 'DeadlineExceeded', message: 'it took too long' };
  const failed = pod({ activeDeadlineSeconds: 10 }, { phase: 'Failed', ...why });
  assert.deepEqual(run(failed, [], []).outcome, { phase: 'Failed', ...why });
});
