import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type StatefulSetDecision } from './decide.ts';
import { expiredRevisions, historyOf } from './history.ts';
import { missingLabels, ordinalOf, revisionOf } from './identity.ts';
import { rightlyOwned } from './retention.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
type Spec = NonNullable<StatefulSet['spec']>;

/** A StatefulSet with its pods and claims; a kubelet makes pods ready, and ends those that are deleted, when told. */
class World {
  set: StatefulSet;
  revisions: ControllerRevision[] = [];
  pods = new Map<string, Pod>();
  claims = new Map<string, PersistentVolumeClaim>();
  /** What was done, in order. */
  log: string[] = [];
  now = start;
  #made = 0;

  constructor(spec: Partial<Spec> = {}) {
    this.set = {
      metadata: { name: 'db', namespace: 'a', uid: 'set', generation: 1 },
      spec: {
        replicas: 3,
        serviceName: 'dbs',
        selector: { matchLabels: { app: 'db' } },
        template: { metadata: { labels: { app: 'db' } }, spec: { containers: [] } },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        ...spec,
      },
    };
  }

  step(): StatefulSetDecision {
    const history = historyOf(this.set, this.revisions);
    if (history.change !== 'none') {
      const metadata = { ...history.current.metadata, uid: history.current.metadata?.name ?? '' };
      const others = this.revisions.filter((one) => one.metadata?.name !== metadata.name);
      this.revisions = [...others, { ...history.current, metadata }];
    }
    const decision = decide({
      set: this.set,
      pods: [...this.pods.values()],
      claim: (name) => this.claims.get(name),
      update: history.current,
      before: history.before,
      now: this.now,
    });
    for (const action of decision.actions) {
      if (action.type === 'create' || action.type === 'claims') {
        for (const claim of action.claims) this.claims.set(claim.metadata?.name ?? '', claim);
      }
      const name =
        action.type === 'own' ? (action.claim.metadata?.name ?? '') : (action.pod.metadata?.name ?? '');
      this.log.push(`${action.type} ${name}`);
      if (action.type === 'own') this.claims.set(name, action.claim);
      if (action.type === 'create') {
        assert.ok(!this.pods.has(name), `${name} is there`);
        const metadata = { ...action.pod.metadata, uid: `${name}#${this.#made++}` };
        this.pods.set(name, { ...action.pod, metadata, status: { phase: 'Pending' } });
      }
      if (action.type === 'delete') {
        const pod = this.pods.get(name);
        const metadata = { ...pod?.metadata, deletionTimestamp: new Date(this.now).toISOString() };
        this.pods.set(name, { ...pod, metadata });
      }
    }
    if (decision.status !== undefined) this.set = { ...this.set, status: decision.status };
    return decision;
  }

  /** Every pod becomes ready, or goes when it is to. */
  serve(...names: string[]): void {
    for (const name of names.length === 0 ? [...this.pods.keys()] : names) {
      const pod = this.pods.get(name);
      if (pod?.metadata?.deletionTimestamp !== undefined) this.pods.delete(name);
      else if (pod?.status?.phase === 'Pending') this.become(name, 'Running', true);
    }
  }

  become(name: string, phase: string, ready: boolean): void {
    const lastTransitionTime = new Date(this.now).toISOString();
    const conditions = [
      { type: 'Ready', status: ready ? ('True' as const) : ('False' as const), lastTransitionTime },
    ];
    this.pods.set(name, { ...this.pods.get(name), status: { phase, conditions } as Pod['status'] & object });
  }

  /** Until nothing is left to do; returns what was done since the call before. */
  rest(): string[] {
    for (let i = 0; i < 60; i++) {
      const { actions, status } = this.step();
      const before = JSON.stringify([...this.pods]);
      this.serve();
      if (actions.length === 0 && status === undefined && before === JSON.stringify([...this.pods])) {
        return this.log.splice(0);
      }
    }
    return assert.fail('it does not come to rest');
  }

  change(spec: Partial<Spec>): void {
    const metadata = { ...this.set.metadata, generation: (this.set.metadata?.generation ?? 0) + 1 };
    this.set = { ...this.set, metadata, spec: { ...(this.set.spec as Spec), ...spec } };
  }

  roll(image: string): void {
    const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image }] } };
    this.change({ template });
  }

  images(): (string | undefined)[] {
    return [...this.pods.values()]
      .toSorted((a, b) => (ordinalOf(this.set, a) ?? 0) - (ordinalOf(this.set, b) ?? 0))
      .map(({ spec }) => spec?.containers[0]?.image);
  }
}

test('pods come one by one, each when those before it are available, with a name and claims of its own', () => {
  const volumeClaimTemplates = [{ metadata: { name: 'data', labels: { tier: 'x' } }, spec: {} }] as never;
  const template = {
    metadata: { labels: { app: 'db' } },
    spec: {
      containers: [],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
  const world = new World({ volumeClaimTemplates, template, ordinals: { start: 5 } });
  world.step();
  world.step();
  assert.deepEqual(world.log, ['create db-5']);
  assert.deepEqual(world.rest(), ['create db-5', 'create db-6', 'create db-7']);
  const pod = world.pods.get('db-6');
  assert.equal(pod?.spec?.hostname, 'db-6');
  assert.equal(pod?.spec?.subdomain, 'dbs');
  assert.deepEqual(pod?.spec?.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-6' } },
    { name: 'tmp', emptyDir: {} },
  ]);
  assert.deepEqual(pod?.metadata?.labels, {
    app: 'db',
    'statefulset.kubernetes.io/pod-name': 'db-6',
    'apps.kubernetes.io/pod-index': '6',
    'controller-revision-hash': world.revisions[0]?.metadata?.name,
  });
  assert.deepEqual([...world.claims.keys()], ['data-db-5', 'data-db-6', 'data-db-7']);
  assert.deepEqual(world.claims.get('data-db-5')?.metadata?.labels, { tier: 'x', app: 'db' });
  const revision = world.revisions[0]?.metadata?.name ?? '';
  assert.deepEqual(world.set.status, {
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
    observedGeneration: 1,
  });
});

test('in parallel all come and go at once', () => {
  const world = new World({ podManagementPolicy: 'Parallel' });
  world.step();
  assert.deepEqual(world.log.splice(0), ['create db-0', 'create db-1', 'create db-2']);
  world.rest();
  world.change({ replicas: 0 });
  world.step();
  assert.deepEqual(world.log, ['delete db-2', 'delete db-1', 'delete db-0']);
});

test('pods go one by one, the last one first, each when the one after it is gone', () => {
  const world = new World();
  world.rest();
  world.change({ replicas: 1 });
  world.step();
  world.step();
  assert.deepEqual(world.log, ['delete db-2']);
  assert.deepEqual(world.rest(), ['delete db-2', 'delete db-1']);
});

test('while a pod is not well nothing goes on but with that pod', () => {
  const world = new World();
  world.rest();
  world.become('db-1', 'Running', false);
  world.change({ replicas: 5 });
  world.step();
  assert.deepEqual(world.log, []);
  world.become('db-1', 'Running', true);
  world.step();
  assert.deepEqual(world.log, ['create db-3']);
  world.rest();
  for (const pod of ['db-3', 'db-4']) world.become(pod, 'Running', false);
  world.change({ replicas: 3 });
  world.step();
  assert.deepEqual(world.log, [], 'two that are to go are not well: the last one waits for the other');
  world.become('db-3', 'Running', true);
  world.step();
  assert.deepEqual(world.log, ['delete db-4']);
});

test('a pod that has ended is made anew under its name, when it is gone', () => {
  const world = new World();
  world.rest();
  for (const phase of ['Failed', 'Succeeded']) {
    world.become('db-1', phase, false);
    assert.deepEqual(world.rest(), ['delete db-1', 'create db-1']);
  }
});

test('a rollout replaces pods from the last to the first, and tells when it is complete', () => {
  const world = new World();
  world.rest();
  const before = world.set.status?.currentRevision;
  world.roll('v2');
  world.step();
  assert.deepEqual(world.log, ['delete db-2']);
  assert.notEqual(world.set.status?.updateRevision, before);
  assert.equal(world.set.status?.currentRevision, before);
  assert.deepEqual(world.rest(), [
    'delete db-2',
    'create db-2',
    'delete db-1',
    'create db-1',
    'delete db-0',
    'create db-0',
  ]);
  assert.deepEqual(world.images(), ['v2', 'v2', 'v2']);
  assert.equal(world.set.status?.currentRevision, world.set.status?.updateRevision);
  assert.equal(world.set.status?.currentReplicas, 3);
});

test('below the partition pods stay as they were, also when they are made anew', () => {
  const rolling = (partition: number): Partial<Spec> => ({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
  });
  const world = new World(rolling(2));
  world.roll('v1');
  world.rest();
  world.roll('v2');
  world.rest();
  assert.deepEqual(world.images(), ['v1', 'v1', 'v2']);
  assert.deepEqual([world.set.status?.currentReplicas, world.set.status?.updatedReplicas], [2, 1]);
  world.become('db-0', 'Failed', false);
  world.become('db-2', 'Failed', false);
  world.rest();
  assert.deepEqual(world.images(), ['v1', 'v1', 'v2']);
  world.change(rolling(0));
  world.rest();
  assert.deepEqual(world.images(), ['v2', 'v2', 'v2']);
});

test('as many go at once as may be unavailable, in parallel also those that serve nobody', () => {
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '50%' } };
  const world = new World({ replicas: 4, podManagementPolicy: 'Parallel', updateStrategy } as Partial<Spec>);
  world.rest();
  world.become('db-0', 'Running', false);
  world.roll('v2');
  world.step();
  assert.deepEqual(world.log, ['delete db-3', 'delete db-0']);
});

test('with OnDelete only who deletes a pod updates it', () => {
  const world = new World({ updateStrategy: { type: 'OnDelete' } });
  world.roll('v1');
  world.rest();
  world.roll('v2');
  assert.deepEqual(world.rest(), []);
  world.pods.delete('db-1');
  world.rest();
  assert.deepEqual(world.images(), ['v1', 'v2', 'v1']);
});

test('a pod is available only after minReadySeconds, and the set looks again then', () => {
  const world = new World({ minReadySeconds: 10 });
  world.step();
  world.serve();
  const { actions, againAfterMs } = world.step();
  assert.deepEqual([actions.length, againAfterMs], [0, 10_000]);
  assert.deepEqual([world.set.status?.readyReplicas, world.set.status?.availableReplicas], [1, 0]);
  world.now += 10_000;
  world.step();
  assert.deepEqual(world.log, ['create db-0', 'create db-1']);
});

test('claims go with the set, with surplus pods, or not at all; a claim of an earlier pod is waited for', () => {
  const claims = [{ metadata: { name: 'data' }, spec: {} }] as never;
  const owners = (world: World, name: string): (string | undefined)[] =>
    (world.claims.get(name)?.metadata?.ownerReferences ?? []).map(({ kind }) => kind);
  const policy = (whenDeleted: string, whenScaled: string): Partial<Spec> => ({
    volumeClaimTemplates: claims,
    persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
  });
  const world = new World(policy('Delete', 'Delete'));
  world.rest();
  assert.deepEqual(owners(world, 'data-db-2'), ['StatefulSet']);
  world.change({ replicas: 2 });
  world.rest();
  assert.deepEqual([owners(world, 'data-db-2'), owners(world, 'data-db-1')], [['Pod'], ['StatefulSet']]);
  world.change({ replicas: 3 });
  assert.deepEqual(world.rest(), [], 'the claim still goes with the pod that was there before');
  world.claims.delete('data-db-2');
  assert.deepEqual(world.rest(), ['create db-2']);
  world.change(policy('Retain', 'Retain'));
  world.rest();
  assert.deepEqual(owners(world, 'data-db-2'), []);

  const [pod] = world.pods.values();
  assert.ok(pod);
  const own = { kind: 'Other', name: 'o', uid: 'o', apiVersion: 'v1', controller: true };
  world.change(policy('Delete', 'Retain'));
  assert.equal(rightlyOwned(world.set, pod, { metadata: { ownerReferences: [own] } }), undefined);
});

test('names tell ordinals, and labels that are missing are put back', () => {
  const { set } = new World();
  const names = { 'db-0': 0, 'db-12': 12, 'db-01': undefined, 'db-x': undefined, 'other-1': undefined };
  for (const [name, ordinal] of Object.entries(names)) {
    assert.equal(ordinalOf(set, { metadata: { name } }), ordinal);
  }
  assert.deepEqual(missingLabels(set, { metadata: { name: 'db-3' } }), {
    'statefulset.kubernetes.io/pod-name': 'db-3',
    'apps.kubernetes.io/pod-index': '3',
  });
});

test('going back makes the old revision the highest, and unused ones beyond the limit expire', () => {
  const world = new World({ revisionHistoryLimit: 1 });
  for (const image of ['v1', 'v2', 'v3', 'v1']) {
    world.roll(image);
    world.rest();
  }
  const history = historyOf(world.set, world.revisions);
  assert.deepEqual(
    history.all.map(({ revision }) => revision),
    [2, 3, 4],
  );
  const pods = [...world.pods.values()];
  assert.ok(pods.every((pod) => revisionOf(pod) === history.current.metadata?.name));
  assert.deepEqual(
    expiredRevisions(world.set, history, pods).map(({ revision }) => revision),
    [2],
  );
});

test('a set that is being deleted does nothing but count', () => {
  const world = new World();
  world.rest();
  world.set = {
    ...world.set,
    metadata: { ...world.set.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  };
  world.pods.delete('db-1');
  const { actions, status } = world.step();
  assert.deepEqual([actions.length, status?.replicas], [0, 2]);
});
