import type { Deployment, ReplicaSet } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type DeploymentDecision } from './decide.ts';
import { revisionAnnotation } from './annotations.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

function deployment(
  replicas: number,
  image: string,
  extra: Partial<NonNullable<Deployment['spec']>> = {},
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'a', uid: 'd', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image }] },
      },
      ...extra,
    },
  };
}

/** The world a Deployment acts on: its sets, whose pods become ready when told. */
class World {
  deployment: Deployment;
  sets: ReplicaSet[] = [];
  oldPodsRunning = false;
  #created = 0;

  constructor(deployment: Deployment) {
    this.deployment = deployment;
  }

  decide(): DeploymentDecision {
    const { deployment, sets, oldPodsRunning } = this;
    return decide({ deployment, sets, oldPodsRunning, now });
  }

  /** One sync: decides and applies. Returns false when nothing changed. */
  step(): boolean {
    const { actions, status } = this.decide();
    for (const action of actions) {
      if (action.type === 'createSet') {
        const creationTimestamp = `2026-01-01T00:00:0${this.#created++}Z`;
        const metadata = {
          ...action.set.metadata,
          uid: `rs${this.#created}`,
          creationTimestamp,
          generation: 1,
        };
        this.sets.push({ ...action.set, metadata });
      } else if (action.type === 'updateSet') {
        this.sets = this.sets.map((set) =>
          set.metadata?.uid === action.set.metadata?.uid ? action.set : set,
        );
      } else if (action.type === 'deleteSet') {
        this.sets = this.sets.filter((set) => set.metadata?.uid !== action.set.metadata?.uid);
      } else {
        const metadata = { ...this.deployment.metadata, annotations: action.annotations };
        this.deployment = { ...this.deployment, metadata };
      }
    }
    if (status !== undefined) this.deployment = { ...this.deployment, status };
    return actions.length > 0 || status !== undefined;
  }

  /** The ReplicaSet controller and kubelets catch up: every pod there should be runs; `ready` of them serve. */
  settlePods(ready: (set: ReplicaSet) => boolean = () => true): void {
    this.sets = this.sets.map((set) => {
      const replicas = set.spec?.replicas ?? 0;
      const serving = ready(set) ? replicas : Math.min(replicas, set.status?.availableReplicas ?? 0);
      return {
        ...set,
        status: { replicas, readyReplicas: serving, availableReplicas: serving, observedGeneration: 1 },
      };
    });
  }

  run(check: (world: World) => void = () => undefined, ready?: (set: ReplicaSet) => boolean): void {
    for (let i = 0; i < 100; i++) {
      const changed = this.step();
      check(this);
      this.settlePods(ready);
      if (!changed && !this.step()) return;
    }
    assert.fail('the rollout does not come to rest');
  }

  roll(image: string): void {
    const { spec, metadata } = this.deployment;
    assert.ok(spec);
    const template = { ...spec.template, spec: { containers: [{ name: 'c', image }] } };
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation: (metadata?.generation ?? 0) + 1 },
      spec: { ...spec, template },
    };
  }

  sizes(): number[] {
    return this.sets.map((set) => set.spec?.replicas ?? 0);
  }

  condition(type: string): string | undefined {
    const found = this.deployment.status?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? undefined : `${found.status} ${found.reason ?? ''}`;
  }
}

test('a new Deployment gets one set of full size, revision 1, and becomes complete', () => {
  const world = new World(deployment(4, 'v1'));
  world.run();
  assert.deepEqual(world.sizes(), [4]);
  const [set] = world.sets;
  const hash = set?.metadata?.labels?.['pod-template-hash'];
  assert.equal(set?.metadata?.name, `web-${hash}`);
  assert.equal(set?.spec?.selector.matchLabels?.['pod-template-hash'], hash);
  assert.equal(world.deployment.metadata?.annotations?.[revisionAnnotation], '1');
  assert.equal(world.condition('Available'), 'True MinimumReplicasAvailable');
  assert.equal(world.condition('Progressing'), 'True NewReplicaSetAvailable');
  assert.equal(world.deployment.status?.updatedReplicas, 4);
});

test('a rolling update never exceeds its surge nor goes below its availability', () => {
  for (const [replicas, maxSurge, maxUnavailable, most, least] of [
    [4, '25%', '25%', 5, 3],
    [10, 3, 0, 13, 10],
    [10, 0, 2, 10, 8],
    [3, '25%', '25%', 4, 3],
    [1, 1, 0, 2, 1],
    [5, '100%', '50%', 10, 3],
  ] as const) {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } as const;
    const world = new World(deployment(replicas, 'v1', { strategy }));
    world.run();
    world.roll('v2');
    world.run(({ sets }) => {
      const total = sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
      const serving = sets.reduce(
        (sum, set) => sum + Math.min(set.spec?.replicas ?? 0, set.status?.availableReplicas ?? 0),
        0,
      );
      assert.ok(total <= most, `${total} pods, at most ${most}`);
      assert.ok(serving >= least, `${serving} serving, at least ${least}`);
    });
    assert.deepEqual(world.sizes(), [0, replicas]);
    assert.equal(world.deployment.metadata?.annotations?.[revisionAnnotation], '2');
  }
});

test('an update whose pods never become ready stops at the surge and keeps the old pods', () => {
  const world = new World(deployment(4, 'v1'));
  world.run();
  world.roll('broken');
  world.run(undefined, (set) => set.spec?.template?.spec?.containers[0]?.image === 'v1');
  const [old = 0, broken = 0] = world.sizes();
  assert.equal(old, 3);
  assert.equal(broken, 2);
  assert.equal(world.condition('Available'), 'True MinimumReplicasAvailable');
});

test('going back to an earlier template reuses its set under a new revision', () => {
  const world = new World(deployment(2, 'v1'));
  world.run();
  world.roll('v2');
  world.run();
  world.roll('v1');
  world.run();
  assert.deepEqual(world.sizes(), [2, 0]);
  const annotations = world.sets[0]?.metadata?.annotations;
  assert.equal(annotations?.[revisionAnnotation], '3');
  assert.equal(annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

test('history beyond the limit is dropped, oldest first', () => {
  const world = new World(deployment(1, 'v0', { revisionHistoryLimit: 2 }));
  world.run();
  for (let i = 1; i <= 4; i++) {
    world.roll(`v${i}`);
    world.run();
  }
  const images = world.sets.map((set) => set.spec?.template?.spec?.containers[0]?.image);
  assert.deepEqual(images, ['v2', 'v3', 'v4']);
});

test('scaling in the middle of a rollout keeps the proportion of the sets', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } } as const;
  const world = new World(deployment(8, 'v1', { strategy }));
  world.run();
  world.roll('broken');
  world.run(undefined, (set) => set.spec?.template?.spec?.containers[0]?.image === 'v1');
  assert.deepEqual(world.sizes(), [8, 2]);
  assert.ok(world.deployment.spec);
  world.deployment = { ...world.deployment, spec: { ...world.deployment.spec, replicas: 18 } };
  world.step();
  assert.deepEqual(world.sizes(), [16, 4]);
});

test('scaling to zero and back works without a rollout', () => {
  const world = new World(deployment(3, 'v1'));
  world.run();
  for (const replicas of [0, 5]) {
    assert.ok(world.deployment.spec);
    world.deployment = { ...world.deployment, spec: { ...world.deployment.spec, replicas } };
    world.run();
    assert.deepEqual(world.sizes(), [replicas]);
  }
});

test('a paused Deployment is scaled but not rolled out', () => {
  const world = new World(deployment(2, 'v1'));
  world.run();
  world.roll('v2');
  assert.ok(world.deployment.spec);
  world.deployment = { ...world.deployment, spec: { ...world.deployment.spec, paused: true, replicas: 3 } };
  world.run();
  assert.deepEqual(world.sizes(), [3]);
  assert.equal(world.condition('Progressing'), 'Unknown DeploymentPaused');
  assert.ok(world.deployment.spec);
  world.deployment = { ...world.deployment, spec: { ...world.deployment.spec, paused: false } };
  world.run();
  assert.deepEqual(world.sizes(), [0, 3]);
});

test('recreating waits until every old pod has ended', () => {
  const world = new World(deployment(2, 'v1', { strategy: { type: 'Recreate' } }));
  world.run();
  world.roll('v2');
  world.oldPodsRunning = true;
  world.run();
  assert.deepEqual(world.sizes(), [0]);
  world.oldPodsRunning = false;
  world.run();
  assert.deepEqual(world.sizes(), [0, 2]);
});

test('a rollout that does not move is declared late after its deadline', () => {
  const world = new World(deployment(1, 'v1', { progressDeadlineSeconds: 60 }));
  world.step();
  world.settlePods(() => false);
  world.step();
  const { deployment: current, sets } = world;
  const late = decide({ deployment: current, sets, oldPodsRunning: false, now: now + 61_000 });
  const progressing = late.status?.conditions?.find(({ type }) => type === 'Progressing');
  assert.equal(progressing?.reason, 'ProgressDeadlineExceeded');
  assert.equal(progressing?.status, 'False');
});

test('the deadline wakes the Deployment up when it is over, not before and not much later', () => {
  const world = new World(deployment(1, 'v1', { progressDeadlineSeconds: 60 }));
  world.step();
  world.settlePods(() => false);
  world.step();
  const { deployment: current, sets } = world;
  for (const [elapsedMs, expectedMs] of [
    [0, 61_000],
    [40_000, 21_000],
    [59_999, 1_001],
    [60_001, 1_000],
  ] as const) {
    const { againAfterMs, status } = decide({
      deployment: current,
      sets,
      oldPodsRunning: false,
      now: now + elapsedMs,
    });
    const late = status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') === true;
    assert.equal(late, elapsedMs > 60_000);
    assert.equal(againAfterMs, late ? undefined : expectedMs);
  }
});

test('a restart, which only annotates the template, is a rollout like any other', () => {
  const world = new World(deployment(2, 'v1'));
  world.run();
  const { spec } = world.deployment;
  assert.ok(spec);
  const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
  const metadata = { ...spec.template?.metadata, annotations };
  world.deployment = { ...world.deployment, spec: { ...spec, template: { ...spec.template, metadata } } };
  world.run();
  assert.deepEqual(world.sizes(), [0, 2]);
  assert.equal(world.deployment.metadata?.annotations?.[revisionAnnotation], '2');
});

test('a set that cannot have its pods is told of in the Deployment, the newest set first, until it can', () => {
  const world = new World(deployment(2, 'v1'));
  world.run();
  const failing = (message: string) => ({
    conditions: [{ type: 'ReplicaFailure', status: 'True' as const, reason: 'FailedCreate', message }],
  });
  const told = (): string | undefined =>
    world.deployment.status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message;
  world.roll('v2');
  world.step();
  world.sets = world.sets.map((set, i) => ({
    ...set,
    status: { replicas: 0, ...set.status, ...failing(i === 0 ? 'old' : 'new') },
  }));
  world.step();
  assert.equal(told(), 'new');
  world.settlePods();
  world.step();
  assert.equal(told(), undefined);
});

test('a Deployment at rest decides nothing', () => {
  const world = new World(deployment(2, 'v1'));
  world.run();
  assert.deepEqual(world.decide().actions, []);
  assert.equal(world.decide().status, undefined);
});
