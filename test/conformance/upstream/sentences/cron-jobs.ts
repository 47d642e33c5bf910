/** Jobs that come by the clock. */
import { expect } from '../../../acceptance/wait.ts';
import { type Json, type Sentence, type World } from '../world.ts';
import { job, jobs } from './jobs.ts';

const cronJobs = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/cronjobs`;
/** A minute has to come, and a busy machine is no difference. */
const minuteMs = 150_000;
const scheduled = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

function cronJob(name: string, schedule: string, command: string, spec: object = {}) {
  return {
    metadata: { name },
    spec: { schedule, jobTemplate: { spec: job('', command, { backoffLimit: 0 }).spec }, ...spec },
  };
}

async function told(world: World, namespace: string, name: string, reason: string): Promise<void> {
  const selector = encodeURIComponent(`involvedObject.name=${name},reason=${reason}`);
  await world.shows(
    `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}`,
    `an event says ${reason}`,
    ({ items }) => items.length > 0,
  );
}

function ownedBy(name: string): ({ items }: Json) => Json[] {
  return ({ items }) => items.filter(({ metadata }: Json) => metadata.ownerReferences?.[0].name === name);
}

export const cronJobSentences: readonly Sentence[] = [
  {
    name: 'a CronJob makes a Job when its minute comes, with the name of the minute and the time in its zone',
    run: async (world, namespace) => {
      await world.create(
        cronJobs(namespace),
        cronJob('minutely', '* * * * *', 'true', { timeZone: 'Asia/Kolkata' }),
      );
      const made = await world.shows(
        jobs(namespace),
        'a Job is made',
        ({ items }) => items.length > 0,
        minuteMs,
      );
      const { metadata } = made.items[0];
      const [owner] = metadata.ownerReferences;
      expect(owner.kind === 'CronJob' && owner.controller === true, 'the CronJob owns it');
      const time = metadata.annotations[scheduled];
      expect(/T\d\d:\d\d:00\+05:30$/.test(time), `it was due at ${time}`);
      expect(metadata.name === `minutely-${Date.parse(time) / 60_000}`, `its name is ${metadata.name}`);
      const ran = await world.shows(
        `${cronJobs(namespace)}/minutely`,
        'its success is told',
        ({ status }) => status?.lastSuccessfulTime !== undefined,
      );
      expect(Date.parse(ran.status.lastScheduleTime) >= Date.parse(time), 'its schedule is told');
      for (const reason of ['SuccessfulCreate', 'SawCompletedJob'])
        await told(world, namespace, 'minutely', reason);
    },
  },
  {
    name: 'a CronJob that forbids waits for its Job, and one that replaces puts the next in its place',
    run: async (world, namespace) => {
      await world.create(
        cronJobs(namespace),
        cronJob('one', '@every 5s', 'sleep', { concurrencyPolicy: 'Forbid' }),
      );
      await world.create(
        cronJobs(namespace),
        cronJob('latest', '* * * * *', 'sleep', { concurrencyPolicy: 'Replace' }),
      );
      const ofLatest = ownedBy('latest');
      const first = await world.shows(
        jobs(namespace),
        'one is made',
        (all) => ofLatest(all).length > 0,
        minuteMs,
      );
      const [{ metadata }] = ofLatest(first);
      await world.shows(
        jobs(namespace),
        'another is in its place',
        (all) => ofLatest(all).length === 1 && ofLatest(all)[0].metadata.uid !== metadata.uid,
        minuteMs,
      );
      const { status } = await world.shows(
        `${cronJobs(namespace)}/latest`,
        'only that one is active',
        (json) => json.status.active?.length === 1 && json.status.active[0].uid !== metadata.uid,
      );
      expect(status.active[0].kind === 'Job', JSON.stringify(status.active));
      const all = await world.get(jobs(namespace));
      expect(ownedBy('one')(all).length === 1, 'a second one was not made beside the first');
      await told(world, namespace, 'one', 'JobAlreadyActive');
    },
  },
  {
    name: 'a suspended CronJob starts nothing and notices what is made by hand; let go, it starts what was due last',
    run: async (world, namespace) => {
      const path = `${cronJobs(namespace)}/held`;
      const { metadata } = await world.create(
        cronJobs(namespace),
        cronJob('held', '@every 8s', 'true', { suspend: true }),
      );
      // As `kubectl create job --from=cronjob/held` makes it.
      const { spec } = job('', 'true', {});
      await world.create(jobs(namespace), {
        metadata: {
          name: 'by-hand',
          annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
          ownerReferences: [
            { apiVersion: 'batch/v1', kind: 'CronJob', name: 'held', uid: metadata.uid, controller: true },
          ],
        },
        spec,
      });
      await told(world, namespace, 'held', 'UnexpectedJob');
      const { status } = await world.shows(
        path,
        'its success is told',
        (json) => json.status?.lastSuccessfulTime !== undefined,
      );
      expect(status.lastScheduleTime === undefined && status.active === undefined, JSON.stringify(status));
      const waited = Date.parse(metadata.creationTimestamp) + 9_000 - Date.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, waited)));
      const before = await world.get(jobs(namespace));
      expect(before.items.length === 1, `${before.items.length} Jobs while it is suspended`);
      const letGo = Date.now();
      await world.patch(path, { spec: { suspend: false } });
      const after = await world.shows(jobs(namespace), 'one is started', ({ items }) => items.length > 1);
      const started = after.items.find((one: Json) => one.metadata.name !== 'by-hand');
      const due = started.metadata.annotations[scheduled];
      expect(Date.parse(due) <= letGo, `it was due at ${due}`);
    },
  },
  {
    name: 'a CronJob keeps no more ended Jobs than its history, of each kind',
    run: async (world, namespace) => {
      const limits = { successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 };
      for (const [name, command] of [
        ['good', 'true'],
        ['bad', 'false'],
      ] as const) {
        await world.create(cronJobs(namespace), cronJob(name, '@every 5s', command, limits));
        await told(world, namespace, name, 'SuccessfulCreate');
        await told(world, namespace, name, 'SuccessfulDelete');
      }
      const { status } = await world.get(`${cronJobs(namespace)}/good`);
      expect(status.lastSuccessfulTime !== undefined, JSON.stringify(status));
      const bad = await world.get(`${cronJobs(namespace)}/bad`);
      expect(bad.status.lastSuccessfulTime === undefined, JSON.stringify(bad.status));
    },
  },
];
