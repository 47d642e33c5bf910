import type { Job, JobSpec, Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiresInMs } from '../ttlafterfinished/decide.ts';
import { claimPods } from '../claim.ts';
import { isFinished } from './conditions.ts';
import { decide, type JobDecision } from './decide.ts';
import { afterPods, type FailureRecord, noFailures, waitMs } from './failures.ts';
import { Indexes } from './indexes.ts';
import { isForsaken } from './orphans.ts';
import { indexOf, isTracked, trackingFinalizer } from './pods.ts';
import { finish, settle, track } from './track.ts';

const start = Date.parse('2026-01-01T00:00:00Z');

/** A Job with its pods, which end as they are told; each step is one sync, or a part of one that was cut off. */
class World {
  job: Job;
  pods: Pod[] = [];
  failures: FailureRecord = noFailures;
  now = start;
  made = 0;
  /** A pod that is deleted is gone at once, or only when it is told. */
  lingering = false;

  constructor(spec: Partial<JobSpec> = {}) {
    this.job = {
      metadata: { name: 'sum', namespace: 'a', uid: 'job', generation: 1 },
      spec: {
        parallelism: 1,
        completions: 1,
        backoffLimit: 6,
        selector: { matchLabels: { job: 'sum' } },
        template: {
          metadata: { labels: { job: 'sum' } },
          spec: { restartPolicy: 'Never', containers: [{ name: 'main' }] },
        },
        ...spec,
      },
    };
  }

  step(cutAfter: 'pods' | 'status' | 'finalizers' | 'nothing' = 'nothing'): JobDecision {
    const { job, now } = this;
    const decision = decide({ job, pods: this.pods, now, failures: this.failures });
    for (const pod of decision.drop) this.untrack(pod);
    for (const pod of [...decision.end, ...decision.drop]) this.delete(pod);
    for (const pod of decision.create) this.add(pod);
    if (cutAfter === 'pods') return decision;
    const ended = new Set(decision.end.map(({ metadata }) => metadata?.uid ?? ''));
    const { ending, suspended } = decision;
    const tracking = track({ job, pods: this.pods, ending, suspended, ended, now });
    this.job = { ...job, status: tracking.status };
    this.failures = decision.failures;
    if (cutAfter === 'status') return decision;
    const left = new Set(tracking.tracked);
    for (const pod of tracking.untrack) {
      this.untrack(pod);
      left.delete(pod.metadata?.uid ?? '');
    }
    if (cutAfter === 'finalizers') return decision;
    const status = finish(settle(tracking.status, left), tracking.final);
    this.job = { ...job, status };
    return decision;
  }

  /** Until a sync changes nothing. */
  rest(): void {
    for (let i = 0; i < 50; i++) {
      const before = JSON.stringify([this.job, this.pods]);
      if (isFinished(this.job)) return;
      this.step();
      if (before === JSON.stringify([this.job, this.pods])) return;
    }
    assert.fail('it does not come to rest');
  }

  add(pod: Pod): void {
    const name = `p${this.made++}`;
    const creationTimestamp = new Date(this.now).toISOString();
    const metadata = { ...pod.metadata, name, uid: name, creationTimestamp };
    this.pods.push({ ...pod, metadata, status: { phase: 'Running' } });
  }

  change(name: string, changed: (pod: Pod) => Pod): void {
    this.pods = this.pods.map((pod) => (pod.metadata?.name === name ? changed(pod) : pod));
  }

  end(name: string, phase: 'Succeeded' | 'Failed', exitCode = phase === 'Failed' ? 1 : 0): void {
    const finishedAt = new Date(this.now).toISOString();
    const state = { terminated: { exitCode, finishedAt } };
    const containerStatuses = [
      { name: 'main', state, ready: false, restartCount: 0, image: '', imageID: '' },
    ];
    this.change(name, (pod) => ({ ...pod, status: { ...pod.status, phase, containerStatuses } }));
  }

  disrupt(name: string): void {
    this.end(name, 'Failed');
    const conditions = [{ type: 'DisruptionTarget', status: 'True' as const }];
    this.change(name, (pod) => ({ ...pod, status: { ...pod.status, conditions } }));
  }

  untrack({ metadata }: Pod): void {
    this.change(metadata?.name ?? '', (pod) => {
      const finalizers = (pod.metadata?.finalizers ?? []).filter((one) => one !== trackingFinalizer);
      return { ...pod, metadata: { ...pod.metadata, finalizers } };
    });
    this.#collect();
  }

  delete({ metadata }: Pod): void {
    const deletionTimestamp = new Date(this.now).toISOString();
    this.change(metadata?.name ?? '', (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp },
    }));
    this.#collect();
  }

  /** The kubelets of deleted pods are done with them. */
  reap(): void {
    this.lingering = false;
    this.#collect();
  }

  #collect(): void {
    if (this.lingering) return;
    this.pods = this.pods.filter((pod) => pod.metadata?.deletionTimestamp === undefined || isTracked(pod));
  }

  get running(): string[] {
    return this.pods
      .filter(
        ({ metadata, status }) => metadata?.deletionTimestamp === undefined && status?.phase === 'Running',
      )
      .map(({ metadata }) => metadata?.name ?? '');
  }

  get conditions(): string[] {
    return (this.job.status?.conditions ?? [])
      .filter(({ status }) => status === 'True')
      .map(({ type, reason }) => `${type} ${reason ?? ''}`);
  }

  index(name: string): number | undefined {
    const pod = this.pods.find(({ metadata }) => metadata?.name === name);
    return pod === undefined ? undefined : indexOf(this.job, pod);
  }
}

const complete = ['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'];
const failed = (reason: string): string[] => [`FailureTarget ${reason}`, `Failed ${reason}`];

test('a Job never runs more than it may, needs no more than is missing, and tells its end twice', () => {
  const world = new World({ completions: 3, parallelism: 2 });
  world.rest();
  assert.deepEqual(world.running, ['p0', 'p1']);
  assert.equal(world.job.status?.active, 2);
  assert.equal(world.job.status?.startTime, '2026-01-01T00:00:00Z');
  for (const pod of ['p0', 'p1', 'p2']) {
    world.end(pod, 'Succeeded');
    world.rest();
  }
  assert.equal(world.made, 3);
  assert.deepEqual(world.conditions, complete);
  assert.deepEqual(world.job.status, {
    ...world.job.status,
    succeeded: 3,
    ready: 0,
    terminating: 0,
    uncountedTerminatedPods: {},
    completionTime: '2026-01-01T00:00:00Z',
  });
  assert.equal(world.job.status?.active, undefined);
  assert.equal(world.pods.some(isTracked), false);
});

for (const cut of ['pods', 'status', 'finalizers'] as const) {
  test(`no pod is counted twice when the work is cut off after the ${cut}`, () => {
    const world = new World({ completions: 4, parallelism: 2, backoffLimit: 2 });
    for (let i = 0; i < 40 && !isFinished(world.job); i++) {
      world.step(i % 2 === 0 ? cut : 'nothing');
      world.now += 60_000;
      const [pod] = world.running;
      if (pod !== undefined) world.end(pod, i === 2 ? 'Failed' : 'Succeeded');
    }
    assert.deepEqual(world.conditions, complete);
    assert.deepEqual([world.job.status?.succeeded, world.job.status?.failed], [4, 1]);
  });
}

test('a pod that waits to be counted is not taken for a second success', () => {
  const world = new World({ completions: 2 });
  world.rest();
  world.end('p0', 'Succeeded');
  world.step('status');
  assert.deepEqual(world.job.status?.uncountedTerminatedPods, { succeeded: ['p0'] });
  world.step();
  assert.deepEqual([world.running, world.job.status?.succeeded], [['p1'], 1]);
});

test('without a number of completions one success is enough, once the others have ended, too', () => {
  const { completions: _, ...spec } = new World({ parallelism: 3 }).job.spec ?? { completions: 0 };
  const world = new World();
  world.job = { ...world.job, spec: spec as JobSpec };
  world.rest();
  world.end('p1', 'Succeeded');
  world.rest();
  assert.deepEqual([world.running, world.conditions], [['p0', 'p2'], []]);
  world.end('p0', 'Failed');
  world.end('p2', 'Succeeded');
  world.rest();
  assert.deepEqual(world.conditions, complete);
});

test('a failed pod is replaced after a wait that doubles, until the limit is reached', () => {
  const world = new World({ backoffLimit: 2 });
  world.rest();
  for (const [pod, wait] of [
    ['p0', 10_000],
    ['p1', 20_000],
  ] as const) {
    world.end(pod, 'Failed');
    world.rest();
    assert.equal(world.step().againAfterMs, wait);
    world.now += wait;
    world.rest();
  }
  assert.deepEqual(world.running, ['p2']);
  world.end('p2', 'Failed');
  world.rest();
  assert.deepEqual(world.conditions, failed('BackoffLimitExceeded'));
  assert.equal(world.job.status?.failed, 3);
});

test('waits grow to ten minutes, and a success since begins them anew', () => {
  assert.equal(waitMs({ count: 20, lastAt: 0 }, 0), 600_000);
  const at = (time: string): Pod => ({ metadata: { creationTimestamp: time } });
  const record = { count: 3, lastAt: 5 };
  assert.equal(afterPods(record, [], []), record);
  assert.equal(afterPods(record, [], [at('2026-01-01T00:00:00Z')]).count, 4);
  const [early, late] = [at('2026-01-01T00:00:00Z'), at('2026-01-01T00:01:00Z')];
  assert.deepEqual(afterPods(record, [late], [early]), noFailures);
  assert.equal(afterPods(record, [early], [late]).count, 1);
});

test('of pods that are started again where they are, restarts are the failures', () => {
  const template = { spec: { restartPolicy: 'OnFailure' as const, containers: [] } };
  const world = new World({ backoffLimit: 2, template });
  world.rest();
  const restarted = (restartCount: number): void =>
    world.change('p0', (pod) => ({
      ...pod,
      status: {
        phase: 'Running',
        containerStatuses: [{ name: 'main', restartCount, ready: false, image: '', imageID: '' }],
      },
    }));
  restarted(1);
  world.rest();
  assert.deepEqual(world.conditions, []);
  restarted(2);
  world.rest();
  assert.deepEqual(world.conditions, failed('BackoffLimitExceeded'));
});

test('the deadline ends pods, which count as failed, and the end is told when they are gone', () => {
  const world = new World({ completions: 2, parallelism: 2, activeDeadlineSeconds: 30 });
  world.lingering = true;
  world.rest();
  assert.equal(world.step().againAfterMs, 30_000);
  world.now += 30_000;
  world.rest();
  assert.deepEqual(world.conditions, ['FailureTarget DeadlineExceeded']);
  assert.deepEqual([world.job.status?.failed, world.job.status?.terminating], [2, 2]);
  world.reap();
  world.rest();
  assert.deepEqual(world.conditions, failed('DeadlineExceeded'));
});

test('a suspended Job has no pods and no time that runs, and nothing of that counts', () => {
  const world = new World({ activeDeadlineSeconds: 30, suspend: true });
  world.rest();
  assert.deepEqual([world.conditions, world.job.status?.startTime], [['Suspended JobSuspended'], undefined]);
  const suspend = (value: boolean): void => {
    world.job = { ...world.job, spec: { ...(world.job.spec as JobSpec), suspend: value } };
    world.rest();
  };
  world.now += 60_000;
  suspend(false);
  assert.deepEqual([world.running, world.conditions], [['p0'], []]);
  assert.equal(world.job.status?.startTime, '2026-01-01T00:01:00Z');
  world.now += 20_000;
  suspend(true);
  assert.deepEqual([world.running, world.job.status?.failed], [[], undefined]);
  world.now += 20_000;
  suspend(false);
  world.now += 20_000;
  world.rest();
  world.end('p1', 'Succeeded');
  world.rest();
  assert.deepEqual(world.conditions, complete);
});

const rule = (action: 'FailJob' | 'Ignore' | 'Count' | 'FailIndex', values: number[]): object => ({
  action,
  onExitCodes: { containerName: 'main', operator: 'In', values },
});

test('a failure policy fails the Job, ignores what disrupted a pod, or counts, by the first rule that fits', () => {
  const ignore = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] };
  const rules = [ignore, rule('Count', [3]), rule('FailJob', [3, 42])] as never;
  const world = new World({ backoffLimit: 1, podFailurePolicy: { rules } });
  world.rest();
  for (const [i, end] of (
    [
      (pod) => world.disrupt(pod),
      (pod) => world.disrupt(pod),
      (pod) => world.end(pod, 'Failed', 3),
      (pod) => world.end(pod, 'Failed', 42),
    ] as ((pod: string) => void)[]
  ).entries()) {
    assert.deepEqual(world.running, [`p${i}`]);
    end(`p${i}`);
    world.rest();
    world.now += 600_000;
    world.rest();
  }
  assert.deepEqual(world.conditions, failed('PodFailurePolicy'));
  assert.equal(world.job.status?.failed, 2);
  assert.equal(
    world.job.status?.conditions?.[0]?.message,
    'Container main for pod a/p3 failed with exit code 42 matching FailJob rule at index 2',
  );
});

test('an indexed Job gives each pod a number, its name, and tells which are done', () => {
  const world = new World({ completionMode: 'Indexed', completions: 6, parallelism: 6 });
  const { create } = world.step();
  assert.deepEqual(create.map(({ metadata }) => metadata?.generateName).slice(0, 2), ['sum-0-', 'sum-1-']);
  const [first] = create;
  assert.equal(first?.spec?.hostname, 'sum-0');
  assert.equal(first?.metadata?.labels?.['batch.kubernetes.io/job-completion-index'], '0');
  assert.deepEqual(first?.spec?.containers[0]?.env, [
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } },
    },
  ]);
  for (const pod of ['p5', 'p0', 'p2', 'p1']) world.end(pod, 'Succeeded');
  world.rest();
  assert.equal(world.job.status?.completedIndexes, '0-2,5');
  for (const pod of ['p3', 'p4']) world.end(pod, 'Succeeded');
  world.rest();
  assert.deepEqual([world.job.status?.completedIndexes, world.job.status?.succeeded], ['0-5', 6]);
  assert.deepEqual(world.conditions, complete);
});

test('of two pods with one index the one that is further stays, and one without an index goes', () => {
  const world = new World({ completionMode: 'Indexed', completions: 2, parallelism: 2 });
  world.rest();
  const [one] = world.pods;
  assert.ok(one);
  world.add({ ...one, spec: { ...one.spec, containers: [], nodeName: 'n' } });
  world.add({ metadata: { finalizers: [trackingFinalizer] } });
  world.rest();
  assert.deepEqual(world.running, ['p1', 'p2']);
  assert.equal(world.job.status?.failed, undefined);
});

test('a success policy is enough: the rest ends, and has not failed', () => {
  const rules = [{ succeededIndexes: '0-1', succeededCount: 1 }];
  const world = new World({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    successPolicy: { rules },
  });
  world.rest();
  world.end('p2', 'Succeeded');
  world.rest();
  assert.deepEqual(world.conditions, []);
  world.end('p1', 'Succeeded');
  world.rest();
  assert.deepEqual(world.conditions, ['SuccessCriteriaMet SuccessPolicy', 'Complete SuccessPolicy']);
  assert.deepEqual([world.job.status?.completedIndexes, world.job.status?.failed], ['1,2', undefined]);
});

test('with limits per index each index fails for itself, and the Job when all have come to an end', () => {
  const spec: Partial<JobSpec> = {
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    backoffLimit: 2 ** 31 - 1,
    backoffLimitPerIndex: 1,
    podFailurePolicy: { rules: [rule('FailIndex', [42])] as never },
  };
  const world = new World(spec);
  world.rest();
  world.end('p0', 'Failed', 42);
  world.end('p1', 'Failed');
  world.end('p2', 'Succeeded');
  world.rest();
  assert.equal(world.job.status?.failedIndexes, '0');
  assert.deepEqual(world.running, []);
  assert.equal(world.step().againAfterMs, 10_000);
  world.now += 10_000;
  world.rest();
  assert.deepEqual([world.running, world.index('p3')], [['p3'], 1]);
  const annotations = world.pods.find(({ metadata }) => metadata?.name === 'p3')?.metadata?.annotations;
  assert.equal(annotations?.['batch.kubernetes.io/job-index-failure-count'], '1');
  world.end('p3', 'Failed');
  world.rest();
  assert.equal(world.job.status?.failedIndexes, '0,1');
  assert.deepEqual(world.conditions, failed('FailedIndexes'));
  assert.deepEqual([world.job.status?.failed, world.job.status?.succeeded], [3, 1]);

  const strict = new World({ ...spec, maxFailedIndexes: 0 });
  strict.rest();
  strict.end('p0', 'Failed', 42);
  strict.rest();
  assert.deepEqual(strict.conditions, failed('MaxFailedIndexesExceeded'));
});

test('a pod that is leaving is replaced at once, or when it has ended, as the Job wants it', () => {
  for (const [podReplacementPolicy, running] of [
    ['TerminatingOrFailed', ['p1']],
    ['Failed', []],
  ] as const) {
    const world = new World({ podReplacementPolicy });
    world.rest();
    world.lingering = true;
    const [pod] = world.pods;
    assert.ok(pod);
    world.delete(pod);
    world.now += 60_000;
    world.rest();
    world.now += 60_000;
    world.rest();
    assert.deepEqual(world.running, running);
  }
});

test('a smaller Job lets pods go, uncounted', () => {
  const world = new World({ completions: 5, parallelism: 3 });
  world.rest();
  world.job = { ...world.job, spec: { ...(world.job.spec as JobSpec), parallelism: 1 } };
  world.rest();
  assert.equal(world.running.length, 1);
  assert.deepEqual([world.job.status?.failed, world.job.status?.active], [undefined, 1]);
});

test('a Job that is being deleted makes no pods, and lets go of those it has', () => {
  const world = new World({ parallelism: 2, completions: 2 });
  world.rest();
  const metadata = { ...world.job.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  world.job = { ...world.job, metadata };
  world.rest();
  assert.deepEqual([world.made, world.pods.some(isTracked)], [2, false]);
});

test('pods of a Job that is gone, has ended or is another one are let go; others’ are not', () => {
  const pod = (owner?: object): Pod => {
    const ownerReferences = [{ name: 'sum', controller: true, ...owner }];
    return { metadata: owner === undefined ? {} : ({ ownerReferences } as Pod['metadata'] & object) };
  };
  const ours = { apiVersion: 'batch/v1', kind: 'Job', uid: 'job' };
  const { job } = new World();
  const ended = { ...job, status: { conditions: [{ type: 'Complete', status: 'True' }] } };
  const rows: [Pod, Job | undefined, boolean][] = [
    [pod(), undefined, true],
    [pod(ours), undefined, true],
    [pod(ours), job, false],
    [pod(ours), ended, true],
    [pod({ ...ours, uid: 'before' }), job, true],
    [pod({ ...ours, kind: 'Work' }), undefined, false],
  ];
  for (const [one, of, forsaken] of rows) assert.equal(isForsaken(one, of), forsaken);
  const orphan: Pod = { metadata: { name: 'o', labels: { job: 'sum' } } };
  assert.deepEqual(claimPods(job, [orphan]).adopt, [orphan]);
});

test('a Job is removed when its time to live after its end is over', () => {
  const { job } = new World({ ttlSecondsAfterFinished: 60 });
  assert.equal(expiresInMs(job, start), undefined);
  const conditions = [{ type: 'Failed', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const ended = { ...job, status: { conditions } };
  assert.equal(expiresInMs(ended, start + 20_000), 40_000);
  assert.equal(expiresInMs(ended, start + 80_000), 0);
});

test('indexes are read and written as ranges', () => {
  assert.equal(Indexes.parse('0,2-5,x,9-12', 11).toString(), '0,2-5,9,10');
  assert.equal(
    Indexes.of([3, 1, 2, 7, 2])
      .with(Indexes.of([0]))
      .toString(),
    '0-3,7',
  );
  const some = Indexes.parse('1-3,6', 10);
  assert.deepEqual(some.missing(4, 8), [0, 4, 5, 7]);
  assert.deepEqual([some.size, some.has(6), some.has(4)], [4, true, false]);
  assert.equal(some.common(Indexes.parse('2-8', 10)), 3);
  assert.equal(Indexes.of([]).toString(), '');
});
