import type { CronJob, CronJobSpec, Job } from '@timonier/api';
import { utc } from '@timonier/api/cron/zone';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CronJobDecision, decide, waitAfterChangeMs, withoutActive, withStarted } from './decide.ts';
import { jobFor, referenceTo } from './job.ts';

const minute = 60_000;
const hour = 60 * minute;
const start = Date.parse('2026-01-01T00:00:00Z');

/** A CronJob with its Jobs, which run until they are told to end; each step is one sync. */
class World {
  cronJob: CronJob;
  jobs: Job[] = [];
  now = start;
  events: string[] = [];

  constructor(spec: Partial<CronJobSpec> = {}) {
    this.cronJob = {
      metadata: { name: 'tick', namespace: 'a', uid: 'cron', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        schedule: '*/10 * * * *',
        concurrencyPolicy: 'Allow',
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: { metadata: { labels: { made: 'here' } }, spec: { template: {} } },
        ...spec,
      },
    };
  }

  step(cutAfter: 'job' | 'nothing' = 'nothing'): CronJobDecision {
    const { cronJob, jobs, now } = this;
    const there = new Set(jobs.map(({ metadata }) => metadata?.uid ?? ''));
    const counted = (cronJob.status?.active ?? []).map(({ uid = '' }) => uid);
    const missing = new Set(counted.filter((uid) => !there.has(uid)));
    const decision = decide({ cronJob, jobs, missing, now, localZone: utc });
    this.events = decision.events.map(({ reason }) => reason);
    let { status } = decision;
    const gone = new Set(decision.prune.map(({ metadata }) => metadata?.uid ?? ''));
    if (decision.start !== undefined) {
      const { job, at, replaces } = decision.start;
      const replaced = new Set(replaces.map(({ uid = '' }) => uid));
      for (const uid of replaced) gone.add(uid);
      status = withoutActive(status, replaced);
      const name = job.metadata?.name ?? '';
      const known = this.jobs.find(({ metadata }) => metadata?.name === name);
      const made = known ?? { ...job, metadata: { ...job.metadata, uid: `uid of ${name}` } };
      if (known === undefined) this.jobs.push(made);
      if (cutAfter === 'job') return decision;
      status = withStarted(status, referenceTo(made), at);
    }
    this.jobs = this.jobs.filter(({ metadata }) => !gone.has(metadata?.uid ?? ''));
    this.cronJob = { ...cronJob, status };
    return decision;
  }

  /** Lets time pass as the decisions say, until a moment. */
  runUntil(end: number): void {
    for (let steps = 0; steps < 1_000; steps++) {
      const { againAfterMs } = this.step();
      if (againAfterMs === undefined || this.now + againAfterMs > end) {
        this.now = end;
        return;
      }
      this.now += againAfterMs;
    }
    assert.fail('it does not come to rest');
  }

  end(name: string, type: 'Complete' | 'Failed'): void {
    const time = new Date(this.now).toISOString();
    this.jobs = this.jobs.map((job) =>
      job.metadata?.name === name
        ? {
            ...job,
            status: {
              ...(type === 'Complete' ? { completionTime: time } : {}),
              startTime: time,
              conditions: [{ type, status: 'True' as const }],
            },
          }
        : job,
    );
  }

  get names(): string[] {
    return this.jobs.map(({ metadata }) => metadata?.name ?? '');
  }

  get active(): string[] {
    return (this.cronJob.status?.active ?? []).map(({ name = '' }) => name);
  }
}

const nameAt = (time: string): string => `tick-${Date.parse(time) / minute}`;

test('a Job is started at each time, with the name of its minute and the time in an annotation', () => {
  const world = new World({ timeZone: 'Asia/Kolkata' });
  assert.equal(world.step().againAfterMs, 10 * minute + 100);
  assert.deepEqual(world.names, []);
  world.runUntil(start + 25 * minute);
  assert.deepEqual(world.names, [nameAt('2026-01-01T00:10:00Z'), nameAt('2026-01-01T00:20:00Z')]);
  const [job] = world.jobs;
  assert.deepEqual(job?.metadata?.annotations, {
    'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T05:40:00+05:30',
  });
  assert.deepEqual(job?.metadata?.labels, { made: 'here' });
  assert.deepEqual(job?.metadata?.ownerReferences, [
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      name: 'tick',
      uid: 'cron',
      controller: true,
      blockOwnerDeletion: true,
    },
  ]);
  assert.deepEqual(world.active, world.names);
  assert.equal(world.cronJob.status?.lastScheduleTime, '2026-01-01T00:20:00Z');
});

test('without a zone the time is told in UTC, and west of it with a minus', () => {
  const annotationOf = (timeZone?: string): unknown =>
    Object.values(
      jobFor(new World(timeZone === undefined ? {} : { timeZone }).cronJob, start).metadata?.annotations ??
        {},
    )[0];
  assert.equal(annotationOf(), '2026-01-01T00:00:00Z');
  assert.equal(annotationOf('Europe/London'), '2026-01-01T00:00:00Z');
  assert.equal(annotationOf('America/St_Johns'), '2025-12-31T20:30:00-03:30');
});

test('a zone of its own, and one in front of an old schedule, decide when it is due', () => {
  const tokyo = new World({ schedule: '0 9 * * *', timeZone: 'Asia/Tokyo' });
  tokyo.runUntil(start + 25 * hour);
  assert.deepEqual(tokyo.names, [nameAt('2026-01-02T00:00:00Z')]);
  const old = new World({ schedule: 'TZ=Asia/Tokyo 0 9 * * *' });
  old.runUntil(start + 25 * hour);
  assert.deepEqual(old.names, tokyo.names);
  assert.deepEqual(old.events, ['UnsupportedSchedule']);
  const nowhere = new World({ timeZone: 'Sea/North' });
  assert.equal(nowhere.step().againAfterMs, undefined);
  assert.deepEqual(nowhere.events, ['UnknownTimeZone']);
});

test('Forbid waits for the Job that runs, and starts then for the latest time that passed', () => {
  const world = new World({ concurrencyPolicy: 'Forbid' });
  world.runUntil(start + 35 * minute);
  assert.deepEqual(world.names, [nameAt('2026-01-01T00:10:00Z')]);
  world.step();
  assert.deepEqual(world.events, ['JobAlreadyActive']);
  world.end(nameAt('2026-01-01T00:10:00Z'), 'Complete');
  world.step();
  assert.deepEqual(world.events, ['SawCompletedJob']);
  assert.deepEqual(world.active, [nameAt('2026-01-01T00:30:00Z')]);
  assert.equal(world.cronJob.status?.lastSuccessfulTime, '2026-01-01T00:35:00.000Z');
});

test('Replace removes the Job that runs', () => {
  const world = new World({ concurrencyPolicy: 'Replace' });
  world.runUntil(start + 25 * minute);
  assert.deepEqual(world.names, [nameAt('2026-01-01T00:20:00Z')]);
  assert.deepEqual(world.active, world.names);
});

test('nothing is started while it is suspended or being deleted; ended Jobs are noticed still', () => {
  for (const stopped of ['suspended', 'deleted'] as const) {
    const world = new World();
    world.runUntil(start + 15 * minute);
    const { metadata, spec } = world.cronJob;
    world.cronJob = {
      ...world.cronJob,
      metadata: {
        ...metadata,
        ...(stopped === 'deleted' ? { deletionTimestamp: '2026-01-01T00:15:00Z' } : {}),
      },
      spec: { ...spec, suspend: stopped === 'suspended' },
    };
    world.end(nameAt('2026-01-01T00:10:00Z'), 'Failed');
    world.now += hour;
    assert.equal(world.step().againAfterMs, undefined);
    assert.deepEqual(world.events, ['SawCompletedJob']);
    assert.deepEqual(world.active, []);
    assert.equal(world.cronJob.status?.lastSuccessfulTime, undefined);
    assert.equal(world.jobs.length, 1, stopped);
  }
});

test('of ended Jobs as many are kept as the history says, of each kind', () => {
  const world = new World({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
  for (let i = 1; i <= 5; i++) {
    world.runUntil(start + i * 10 * minute + 1_000);
    world.step();
    world.end(nameAt(new Date(start + i * 10 * minute).toISOString()), i === 4 ? 'Failed' : 'Complete');
  }
  world.step();
  assert.deepEqual(world.names, [nameAt('2026-01-01T00:30:00Z'), nameAt('2026-01-01T00:50:00Z')]);
});

test('a start that was cut off before it was told is told the next time, and not made twice', () => {
  const world = new World();
  world.now = start + 10 * minute;
  world.step('job');
  assert.equal(world.cronJob.status, undefined);
  world.step();
  assert.deepEqual(world.events, ['UnexpectedJob']);
  assert.deepEqual(world.names, [nameAt('2026-01-01T00:10:00Z')]);
  assert.deepEqual(world.active, world.names);
});

test('a Job that went missing is active no more', () => {
  const world = new World();
  world.runUntil(start + 15 * minute);
  world.jobs = [];
  world.step();
  assert.deepEqual(world.events, ['MissingJob']);
  assert.deepEqual(world.active, []);
});

test('a Job that somebody made by hand counts for the last success, and for nothing else', () => {
  const world = new World();
  const byHand = { ...jobFor(world.cronJob, start), metadata: { name: 'mine', uid: 'mine' } };
  world.jobs = [byHand];
  world.step();
  assert.deepEqual(world.events, ['UnexpectedJob']);
  world.end('mine', 'Complete');
  world.step();
  assert.deepEqual(world.events, []);
  assert.equal(world.cronJob.status?.lastSuccessfulTime, '2026-01-01T00:00:00.000Z');
  assert.deepEqual(world.active, []);
});

test('of times that passed only the latest is caught up, and many of them are told', () => {
  const few = new World();
  few.now = start + 16 * hour;
  few.step();
  assert.deepEqual(few.names, [nameAt('2026-01-01T16:00:00Z')]);
  assert.deepEqual(few.events, []);
  const many = new World();
  many.now = start + 17 * hour;
  many.step();
  assert.deepEqual(many.names, [nameAt('2026-01-01T17:00:00Z')]);
  assert.deepEqual(many.events, ['TooManyMissedTimes']);
  const bounded = new World({ startingDeadlineSeconds: 3_600 });
  bounded.now = start + 17 * hour;
  bounded.step();
  assert.deepEqual(bounded.names, many.names);
  assert.deepEqual(bounded.events, []);
});

test('what is too late by its deadline is not started', () => {
  const world = new World({ schedule: '0 0 * * *', startingDeadlineSeconds: 60 });
  world.now = start + 24 * hour + 2 * minute;
  const { againAfterMs } = world.step();
  assert.deepEqual(world.names, []);
  assert.equal(againAfterMs, 24 * hour - 2 * minute + 100);
});

test('a schedule that never comes is told, and one that every second comes keeps its beat', () => {
  const never = new World({ schedule: '0 0 31 2 *' });
  assert.equal(never.step().againAfterMs, undefined);
  assert.deepEqual(never.events, ['InvalidSchedule']);
  const wrong = new World({ schedule: 'soon' });
  wrong.step();
  assert.deepEqual(wrong.events, ['UnparseableSchedule']);
  const often = new World({ schedule: '@every 90s' });
  often.now = start + 10 * hour + 7_000;
  often.step();
  assert.equal(often.cronJob.status?.lastScheduleTime, '2026-01-01T10:00:00Z');
});

test('after a change of its schedule nothing is caught up that passed by the new one', () => {
  const world = new World({ schedule: '0 0 1 1 *' });
  world.now = start + 90 * minute;
  const spec = { ...world.cronJob.spec, schedule: '@hourly' };
  assert.equal(waitAfterChangeMs({ ...world.cronJob, spec }, utc, world.now), 30 * minute + 100);
});
