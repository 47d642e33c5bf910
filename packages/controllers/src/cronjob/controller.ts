/**
 * Starts Jobs when CronJobs are due. What was started is known by the name of the Job, which is its minute's: whoever is
 * cut off between the Job and the status finds the Job there the next time, and goes on.
 */
import { type CronJob, type CronJobStatus, type Job, type ObjectReference, resources } from '@timonier/api';
import { localZone } from '@timonier/api/cron/zone';
import { ApiError, isAlreadyExists, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { sameValue } from '../equality.ts';
import { feed, type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import { observeForMs } from '../pod-control.ts';
import { decide, type Start, waitAfterChangeMs, withoutActive, withStarted } from './decide.ts';
import { referenceTo } from './job.ts';

/** `now` is the time of day in milliseconds. */
export function startCronJobController(context: LoopContext, now: () => number = Date.now): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'cronjob',
    concurrency: 5,
    feeds: [changes(context, now), feed(informers.jobs, (job) => concerned(job, 'CronJob', () => []))],
    sync: (key) => sync(context, key, now),
  });
}

/** All there are, and each that changes; after a change of its schedule only when that says so. */
function changes({ informers: { cronjobs } }: LoopContext, now: () => number): Feed {
  return {
    subscribe(enqueue) {
      const unsubscribe = cronjobs.on(({ object, previous }) => {
        const isMoved =
          previous !== undefined &&
          (previous.spec?.schedule !== object.spec?.schedule ||
            previous.spec?.timeZone !== object.spec?.timeZone);
        enqueue(objectKey(object), isMoved ? waitAfterChangeMs(object, localZone(), now()) : 0);
      });
      for (const object of cronjobs.list()) enqueue(objectKey(object));
      return unsubscribe;
    },
  };
}

async function sync(
  context: LoopContext,
  key: string,
  clock: () => number,
): Promise<void | { againAfterMs: number }> {
  const { informers, recorder } = context;
  const cronJob = informers.cronjobs.get(parseKey(key));
  if (cronJob === undefined) return undefined;
  const jobs = informers.jobs.byIndex('owner', cronJob.metadata?.uid ?? '');
  const missing = await missingOf(context, cronJob, jobs);
  const decision = decide({ cronJob, jobs, missing, now: clock(), localZone: localZone() });
  for (const { type, reason, message } of decision.events) recorder.event(cronJob, type, reason, message);
  let { status } = decision;
  let trouble: unknown;
  for (const job of decision.prune)
    await deleteJob(context, cronJob, referenceTo(job)).catch(() => undefined);
  if (decision.start !== undefined) {
    try {
      status = await start(context, cronJob, status, decision.start);
    } catch (error) {
      trouble = error;
    }
  }
  await writeStatus(context, cronJob, status);
  if (trouble !== undefined) throw trouble;
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

/** Of the Jobs that count as active and are not in the cache, those that are really gone. */
async function missingOf(
  { client }: LoopContext,
  { status }: CronJob,
  jobs: readonly Job[],
): Promise<ReadonlySet<string>> {
  const there = new Set(jobs.map(({ metadata }) => metadata?.uid ?? ''));
  const missing = new Set<string>();
  for (const { uid = '', name = '', namespace } of status?.active ?? []) {
    if (there.has(uid)) continue;
    try {
      await client.get(resources.jobs, { namespace, name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing.add(uid);
    }
  }
  return missing;
}

/** The status with the Job that runs for this time, whoever started it, or as it was if it is somebody else's. */
async function start(
  context: LoopContext,
  cronJob: CronJob,
  before: CronJobStatus,
  { job, at, replaces }: Start,
): Promise<CronJobStatus> {
  for (const replaced of replaces) await deleteJob(context, cronJob, replaced);
  const status = withoutActive(before, new Set(replaces.map(({ uid = '' }) => uid)));
  const started = await createJob(context, cronJob, job);
  if (started === undefined) return status;
  const reference = referenceTo(started);
  if (status.active?.some(({ uid }) => uid === reference.uid) === true) return status;
  return withStarted(status, reference, at);
}

async function createJob(
  { client, informers, recorder, term }: LoopContext,
  cronJob: CronJob,
  job: Job,
): Promise<Job | undefined> {
  try {
    const created = await client.create<Job>(resources.jobs, job, term.write);
    recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${created.metadata?.name ?? ''}`);
    const version = Number(created.metadata?.resourceVersion ?? 0);
    await informers.jobs.catchUp(version, term.signal, observeForMs);
    return created;
  } catch (error) {
    if (isAlreadyExists(error)) {
      const { namespace, name = '' } = job.metadata ?? {};
      const known = await client.get<Job>(resources.jobs, { namespace, name });
      return controllerOf(known)?.uid === cronJob.metadata?.uid ? known : undefined;
    }
    // In a namespace that ends everything fails, and there is nobody to tell it to.
    if (!endsNamespace(error))
      recorder.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
    throw error;
  }
}

function endsNamespace(error: unknown): boolean {
  const causes = error instanceof ApiError ? (error.status.details?.causes ?? []) : [];
  return causes.some(({ reason }) => reason === 'NamespaceTerminating');
}

async function deleteJob(
  { client, informers, recorder, term }: LoopContext,
  cronJob: CronJob,
  { name = '', namespace, uid }: ObjectReference,
): Promise<void> {
  const options = {
    ...term.write,
    propagationPolicy: 'Background' as const,
    ...(uid === undefined ? {} : { preconditions: { uid } }),
  };
  try {
    await client.delete(resources.jobs, { namespace, name }, options);
    recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
  } catch (error) {
    if (isNotFound(error)) return;
    recorder.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`);
    throw error;
  }
  const seen = (): boolean => {
    const cached = informers.jobs.get({ namespace, name });
    return cached?.metadata?.uid !== uid || cached?.metadata?.deletionTimestamp !== undefined;
  };
  await informers.jobs.until(seen, term.signal, observeForMs);
}

async function writeStatus(
  { client, informers, term }: LoopContext,
  cronJob: CronJob,
  status: CronJobStatus,
): Promise<void> {
  if (sameValue(cronJob.status ?? {}, status)) return;
  try {
    const options = { ...term.write, subresource: 'status' };
    const written = await client.update<CronJob>(resources.cronjobs, { ...cronJob, status }, options);
    const version = Number(written.metadata?.resourceVersion ?? 0);
    await informers.cronjobs.catchUp(version, term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
