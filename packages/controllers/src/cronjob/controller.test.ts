import { type CronJob, type Job, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../memory-api.ts';
import { inLoopWorld } from '../memory-loop.ts';
import { startCronJobController } from './controller.ts';

const never = new AbortController().signal;
const start = Date.parse('2026-01-01T00:00:00Z');
const first = `a/tick-${start / 60_000 + 1}`;
const cronJob = (spec: object = {}): CronJob => ({
  metadata: { name: 'tick', namespace: 'a', uid: 'cron', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template: {} } }, ...spec },
});

test('a timer wakes it when it is due; a Job that ends is taken from the active ones', async () => {
  await inLoopWorld(
    {},
    (api) => api.put(resources.cronjobs, cronJob()),
    async ({ api, informers, begin }) => {
      const before = performance.now();
      const now = (): number => start + 59_900 + performance.now() - before;
      begin((context) => startCronJobController(context, now));
      const status = (): CronJob['status'] => informers.cronjobs.list()[0]?.status;
      const isStarted = (): boolean => (status()?.active ?? []).length === 1;
      assert.ok(await informers.cronjobs.until(isStarted, never, 30_000));
      const job = api.find(resources.jobs, first) as Job;
      assert.deepEqual(status(), {
        active: [
          {
            kind: 'Job',
            namespace: 'a',
            name: job.metadata?.name,
            uid: job.metadata?.uid,
            apiVersion: 'batch/v1',
            resourceVersion: job.metadata?.resourceVersion,
          },
        ],
        lastScheduleTime: '2026-01-01T00:01:00Z',
      });
      const completionTime = '2026-01-01T00:01:05Z';
      const conditions = [{ type: 'Complete', status: 'True' as const }];
      api.put(resources.jobs, { ...job, status: { completionTime, conditions } });
      const isOver = (): boolean => status()?.lastSuccessfulTime === completionTime;
      assert.ok(await informers.cronjobs.until(isOver, never, 30_000));
      assert.equal(status()?.active, undefined);
      assert.equal(api.all(resources.jobs).length, 1);
    },
  );
});

test('a status that cannot be written at first is written later, for the same Job', async () => {
  await inLoopWorld(
    {},
    (api) => api.put(resources.cronjobs, cronJob()),
    async ({ api, informers, begin }) => {
      let refusals = 2;
      api.refuse = ({ verb, resource }) => {
        if (verb === 'update' && resource === 'cronjobs' && refusals-- > 0)
          throw failure(500, 'InternalError', 'not now');
      };
      begin((context) => startCronJobController(context, () => start + 70_000));
      const isTold = (): boolean =>
        informers.cronjobs.list()[0]?.status?.active?.[0]?.name === first.slice('a/'.length);
      assert.ok(await informers.cronjobs.until(isTold, never, 30_000));
      assert.equal(api.all(resources.jobs).length, 1);
      assert.equal(informers.cronjobs.list()[0]?.status?.active?.length, 1);
    },
  );
});

test('a Job of that name which is somebody else’s is left alone', async () => {
  await inLoopWorld(
    {},
    (api) => {
      api.put(resources.cronjobs, cronJob({ concurrencyPolicy: 'Replace' }));
      api.put(resources.jobs, { metadata: { name: first.slice('a/'.length), namespace: 'a' } });
    },
    async ({ api, informers, begin }) => {
      const asked = Promise.withResolvers<void>();
      api.refuse = ({ verb, key }) => {
        if (verb === 'get' && key === first) asked.resolve();
      };
      const controller = begin((context) => startCronJobController(context, () => start + 70_000));
      await asked.promise;
      await controller.stop();
      assert.equal(informers.cronjobs.list()[0]?.status, undefined);
      assert.ok(!api.calls.some(({ verb, resource }) => verb === 'delete' && resource === 'jobs'));
    },
  );
});
