/**
 * Runs Jobs to their end. A sync changes pods first, waits until the caches show that, and counts then; where it is
 * cut off, what the status says and the finalizers of pods are enough to go on.
 */
import { type Job, type JobStatus, type Pod, resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { claimPods } from '../claim.ts';
import { sameValue } from '../equality.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import {
  adoptPod,
  createPods,
  deletePods,
  observeForMs,
  releasePod,
  removeFinalizers,
} from '../pod-control.ts';
import { isFinished, trueCondition } from './conditions.ts';
import { decide, type JobDecision } from './decide.ts';
import { type FailureRecord, noFailures } from './failures.ts';
import { startOrphanRelease } from './orphans.ts';
import { ownerOf, trackingFinalizer } from './pods.ts';
import { finish, settle, track, type Tracking } from './track.ts';

const ownName = 'kubernetes.io/job-controller';
const finalizers = [trackingFinalizer];

/** Failures in a row by the uid of the Job; a new term starts without, and so makes the next pod at once. */
type Failures = Map<string, FailureRecord>;

export function startJobController(context: LoopContext): Stoppable {
  const { informers } = context;
  const failures: Failures = new Map();
  const loops = [
    startQueueLoop(context, {
      name: 'job',
      concurrency: 5,
      feeds: [
        feed(informers.jobs, (job) => [objectKey(job)]),
        feed(informers.pods, (pod) => keysOfPod(context, pod)),
      ],
      sync: (key) => sync(context, failures, key),
    }),
    startOrphanRelease(context),
  ];
  const forget = informers.jobs.on(({ type, object }) => {
    if (type === 'deleted') failures.delete(object.metadata?.uid ?? '');
  });
  return {
    stop: async () => {
      forget();
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

function keysOfPod({ informers }: LoopContext, pod: Pod): string[] {
  return concerned(pod, 'Job', (namespace) => informers.jobs.byIndex('namespace', namespace));
}

async function sync(
  context: LoopContext,
  failures: Failures,
  key: string,
): Promise<void | { againAfterMs: number }> {
  const job = context.informers.jobs.get(parseKey(key));
  if (job === undefined || (job.spec?.managedBy ?? ownName) !== ownName) return undefined;
  const uid = job.metadata?.uid ?? '';
  if (isFinished(job)) {
    failures.delete(uid);
    return undefined;
  }
  const owner = ownerOf(job);
  const { adopt, release } = claimPods(job, podsNear(context, job));
  for (const pod of adopt) await adoptPod(context, owner, pod, finalizers);
  for (const pod of release) await releasePod(context, owner, pod, finalizers);
  const own = (): readonly Pod[] => claimPods(job, podsNear(context, job)).own;
  const known = failures.get(uid) ?? noFailures;
  const decision = decide({ job, pods: own(), now: Date.now(), failures: known });
  let trouble: unknown;
  try {
    await changePods(context, job, decision);
  } catch (error) {
    trouble = error;
  }
  const { ending, suspended } = decision;
  const ended = new Set(decision.end.map(({ metadata }) => metadata?.uid ?? ''));
  const tracking = track({ job, pods: own(), ending, suspended, ended, now: Date.now() });
  await settleUp(context, job, tracking, () => failures.set(uid, decision.failures));
  if (trouble !== undefined) throw trouble;
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

function podsNear({ informers }: LoopContext, { metadata }: Job): Pod[] {
  return [
    ...informers.pods.byIndex('owner', metadata?.uid ?? ''),
    ...informers.pods.byIndex('orphans', metadata?.namespace ?? ''),
  ];
}

async function changePods(context: LoopContext, job: Job, { create, end, drop }: JobDecision): Promise<void> {
  const owner = ownerOf(job);
  if (end.length > 0) await deletePods(context, owner, end);
  for (const pod of drop) await removeFinalizers(context, pod, finalizers);
  if (drop.length > 0) await deletePods(context, owner, drop);
  if (create.length > 0) await createPods(context, owner, create);
}

/** The status with what is not counted yet, then the finalizers, then the status with the counts. */
async function settleUp(
  context: LoopContext,
  job: Job,
  { status, untrack, tracked, final }: Tracking,
  onStored: () => void,
): Promise<void> {
  let current = await storeStatus(context, job, status);
  if (current === undefined) return;
  onStored();
  tellSuspension(context, job, status);
  const removals = await Promise.allSettled(untrack.map((pod) => removeFinalizers(context, pod, finalizers)));
  const left = new Set(tracked);
  for (const [i, { metadata }] of untrack.entries()) {
    if (removals[i]?.status === 'fulfilled') left.delete(metadata?.uid ?? '');
  }
  const failed = removals.find((removal) => removal.status === 'rejected');
  const settled = settle(current.status ?? status, left);
  const last = failed === undefined ? finish(settled, final) : settled;
  current = await storeStatus(context, current, last);
  if (failed !== undefined) throw failed.reason;
  if (current !== undefined && isFinished(current)) tellEnd(context, current);
}

/** The Job as it is stored then; undefined when it is gone. */
async function storeStatus(
  { client, informers, term }: LoopContext,
  job: Job,
  status: JobStatus,
): Promise<Job | undefined> {
  if (sameValue(job.status, status)) return job;
  try {
    const options = { ...term.write, subresource: 'status' };
    const stored = await client.update<Job>(resources.jobs, { ...job, status }, options);
    await informers.jobs.catchUp(Number(stored.metadata?.resourceVersion ?? 0), term.signal, observeForMs);
    return stored;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function tellSuspension({ recorder }: LoopContext, job: Job, status: JobStatus): void {
  const [before, after] = [job.status, status].map((one) => trueCondition(one, 'Suspended') !== undefined);
  if (before === after) return;
  if (after === true) recorder.event(job, 'Normal', 'Suspended', 'Job suspended');
  else recorder.event(job, 'Normal', 'Resumed', 'Job resumed');
}

function tellEnd({ recorder }: LoopContext, job: Job): void {
  const failed = trueCondition(job.status, 'Failed');
  if (failed !== undefined) {
    recorder.event(job, 'Warning', failed.reason ?? '', failed.message ?? '');
    return;
  }
  const { completions } = job.spec ?? {};
  if (completions !== undefined && (job.status?.succeeded ?? 0) > completions) {
    const message = 'Too many succeeded pods running after completion count reached';
    recorder.event(job, 'Warning', 'TooManySucceededPods', message);
  }
  recorder.event(job, 'Normal', 'Completed', 'Job completed');
}
